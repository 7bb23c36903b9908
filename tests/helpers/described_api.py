"""Schemathesis against a running server: whatever its own description of the API allows and forbids is sent to it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from helpers import schemathesis_photographs

# That a file which no decoder reads is refused with 422 cannot be said in a schema.
_NOT_JUDGED = "positive_data_acceptance"
_START = "from schemathesis.cli import schemathesis; schemathesis()"


def asked_by_description(address: str, folder: Path, examples: int) -> dict[str, Any]:
    """Ask a server and return Schemathesis' report.

    Args:
        address: The server's, without a slash at its end.
        folder: An empty one, for what Schemathesis keeps.
        examples: Random requests of each kind and operation at most, besides those that cover the description.
    """
    report = folder / "report.json"
    options = ["--phases", "coverage,fuzzing", "--max-examples", str(examples), "--generation-deterministic"]
    options += ["--exclude-checks", _NOT_JUDGED, "--no-color", "--report", "json", "--report-json-path", str(report)]
    tests = str(Path(__file__).resolve().parent.parent)
    hooks = {"SCHEMATHESIS_HOOKS": schemathesis_photographs.__name__, "PYTHONPATH": tests}
    subprocess.run(
        [sys.executable, "-c", _START, "run", f"{address}/openapi.json", *options],
        cwd=folder,
        env={**os.environ, **hooks},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return found


def answered(report: dict[str, Any], operation: str) -> int:
    """Return how many requests of an operation, such as ``POST /predict``, were accepted."""
    return sum(int(phase["accepted"]) for phase in report["valid_rates"][operation].values())

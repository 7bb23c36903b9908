"""``benchmarks/mlflow2_server.py``: a server that does not come up is one line."""

import runpy
import shutil
from pathlib import Path

import pytest


def test_a_server_that_ends_at_once_is_a_line(tmp_path: Path) -> None:
    script = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "mlflow2_server.py"))
    ends = shutil.which("false")
    assert ends is not None
    with pytest.raises(SystemExit, match=r"^error: the server ended with status 1: it printed nothing$"):
        script["served"](Path(ends), tmp_path).__enter__()

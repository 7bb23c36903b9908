"""Whatever the terminal's encoding, no stage and no command ends by what it prints."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TEXT = "Schörl … 岩石 – \N{NARROW NO-BREAK SPACE}%"
STAGE = f"""
from rich.progress import track
from lithoscope.core.errors import LithoscopeError
from lithoscope.core.stage_runner import run

def main():
    print({TEXT!r})
    list(track([1, 2], {TEXT!r}))
    raise LithoscopeError({TEXT!r})

run(main)
"""


def ended(command: list[str], folder: Path, checkout: Path, encoding: str) -> tuple[int, str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "MLFLOW_"))}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(checkout / "src"), "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding)


@pytest.mark.kind(
    about="encodings",
    kind="an output in ASCII, latin-1 or cp1252",
    done="no stage dies of `print`; what cannot be written is escaped",
    reported="AnswerDotAI/fastprogress#37",
)
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_a_stage_prints_and_fails_in_any_encoding(encoding: str, tmp_path: Path, checkout: Path) -> None:
    status, printed, error = ended(["-c", STAGE], tmp_path, checkout, encoding)
    assert status == 1
    assert error.strip() == "error: " + TEXT.encode(encoding, "backslashreplace").decode(encoding)
    assert printed.splitlines()[0] == TEXT.encode(encoding, "backslashreplace").decode(encoding)


@pytest.mark.kind(
    about="encodings",
    kind="the same, for commands",
    done="answered, and errors are a line",
    reported="tensorflow/nmt#175",
)
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_command_answers_in_any_encoding(encoding: str, tmp_path: Path, checkout: Path) -> None:
    ask = ["-c", "import sys; from lithoscope.cli.main import main; sys.exit(main())"]
    status, _, error = ended([*ask, "predict", "岩石.jpg"], tmp_path, checkout, encoding)
    assert status == 1
    assert "\\u5ca9\\u77f3.jpg" in error
    assert "Traceback" not in error
    assert ended([*ask, "--help"], tmp_path, checkout, encoding)[0] == 0

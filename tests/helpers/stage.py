"""A stage's script, run in this very process: what it does, without the seconds that its imports take."""

import os
import runpy
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest


def run_stage(checkout: Path, folder: Path, name: str) -> "subprocess.CompletedProcess[str]":
    """Run ``stages/NAME.py`` in a folder as DVC does; return its status and what it printed on both streams."""
    printed, complained, status = StringIO(), StringIO(), 0
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(printed), redirect_stderr(complained):
        for variable in [key for key in os.environ if key.startswith(("DVC_", "MLFLOW_TRACKING_"))]:
            patched.delenv(variable)
        patched.setenv("DVC_ROOT", str(folder))
        patched.chdir(folder)
        patched.syspath_prepend(checkout / "stages")  # as Python puts a script's own folder there
        try:
            runpy.run_path(str(checkout / "stages" / f"{name}.py"), run_name="__main__")
        except SystemExit as ended:
            status = int(ended.code or 0)
    return subprocess.CompletedProcess([name], status, printed.getvalue(), complained.getvalue())

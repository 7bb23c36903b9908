"""The stage that writes the report."""

import shutil
import subprocess
import sys
from pathlib import Path

from lithoscope.params import load_parameters
from lithoscope.reporting.inputs import read_inputs
from lithoscope.reporting.page import render_page

from made_up_run import PARAMETERS, make_run


def run_stage(checkout: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    shutil.copy(checkout / "params.yaml", folder)
    command = [sys.executable, str(checkout / "stages" / "report.py")]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8")


def test_the_made_up_run_has_the_parameters_of_a_real_one(checkout: Path) -> None:
    assert list(load_parameters(checkout / "params.yaml").flat()) == list(PARAMETERS)


def test_writes_the_page_that_another_process_would_write(checkout: Path, tmp_path: Path) -> None:
    make_run(tmp_path)
    done = run_stage(checkout, tmp_path)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "report").iterdir()] == ["index.html"]
    parameters = load_parameters(tmp_path / "params.yaml").flat()
    page = render_page(read_inputs(tmp_path, parameters))
    assert (tmp_path / "report/index.html").read_bytes() == page.encode()


def test_a_missing_input_is_one_line(checkout: Path, tmp_path: Path) -> None:
    make_run(tmp_path)
    (tmp_path / "build/splits.csv").unlink()
    done = run_stage(checkout, tmp_path)
    assert done.returncode == 1
    assert done.stderr == "error: build/splits.csv is missing: `dvc repro` makes it\n"

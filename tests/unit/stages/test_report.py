"""The stage that writes the report."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lithoscope.config.params import load_parameters
from lithoscope.config.yaml import read_yaml
from lithoscope.reporting.explained_input import FOLDER
from lithoscope.reporting.inputs import METRICS, read_inputs
from lithoscope.reporting.markdown import markdown_summary
from lithoscope.reporting.page import render_page
from lithoscope.reporting.picture_files import figure_files
from lithoscope.tracking import PARAMETERS_TAG, WEIGHTS_TAG, Store

from helpers.made_up_run import PARAMETERS, make_run
from helpers.stage import run_stage

pytestmark = pytest.mark.slow


def test_the_made_up_run_has_the_parameters_of_a_real_one(checkout: Path) -> None:
    assert list(load_parameters(checkout / "params.yaml").flat()) == list(PARAMETERS)


@pytest.mark.slow
def test_writes_the_page_that_another_process_would_write(checkout: Path, tmp_path: Path, blank_database: Path) -> None:
    make_run(tmp_path)
    shutil.copy(checkout / "params.yaml", tmp_path)
    shutil.copy(blank_database, tmp_path / "mlflow.db")
    command = [sys.executable, str(checkout / "stages" / "report.py")]
    environment = os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}", "DVC_ROOT": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    found = {path.relative_to(tmp_path / "report").as_posix() for path in (tmp_path / "report").rglob("*.*")}
    pictures = ("accuracy", "confusion", "loss", "reliability", "selective")
    assert found == {"index.html", "summary.md", *(f"figures/{name}.svg" for name in pictures)}
    parameters = load_parameters(tmp_path / "params.yaml")
    inputs = read_inputs(tmp_path, parameters.flat(), parameters.digest())
    assert (tmp_path / "report/index.html").read_bytes() == render_page(inputs).encode()
    assert (tmp_path / "report/summary.md").read_bytes() == markdown_summary(inputs).encode()
    for name, text in figure_files(inputs).items():
        assert (tmp_path / "report" / name).read_bytes() == text.encode()
    assert "MLflow: there is no run of these weights and parameters" in done.stdout


def test_every_file_that_the_page_is_made_from_is_a_dependency_of_the_stage(checkout: Path) -> None:
    declared = read_yaml(checkout / "dvc.yaml")["stages"]["report"]["deps"]
    read = {f"metrics/{name}.json" for name in METRICS} | {FOLDER}
    for name in ("inputs", "explained_input"):
        source = (checkout / f"src/lithoscope/reporting/{name}.py").read_text(encoding="utf-8")
        read |= set(re.findall(r'"((?:build|plots)/[\w./]+)', source))
    assert len(read) > 15
    assert not [name for name in sorted(read) if not any(f"{name}/".startswith(f"{dep}/") for dep in declared)]


def test_the_report_is_kept_with_the_run_that_trained_these_weights(
    checkout: Path, tmp_path: Path, blank_database: Path
) -> None:
    make_run(tmp_path)
    shutil.copy(blank_database, tmp_path / "mlflow.db")
    shutil.copy(checkout / "params.yaml", tmp_path)
    parameters = load_parameters(tmp_path / "params.yaml")
    inputs = read_inputs(tmp_path, parameters.flat(), parameters.digest())
    store = Store(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path)
    tags = {PARAMETERS_TAG: inputs.hashes.parameters, WEIGHTS_TAG: inputs.hashes.weights}
    with store.run("made up", parameters, tags) as run:
        pass
    done = run_stage(checkout, tmp_path, "report")
    assert done.returncode == 0, done.stderr
    kept = {one.path for one in store.client.list_artifacts(run.run_id, "report")}
    assert kept == {"report/index.html", "report/summary.md", "report/figures"}


def test_a_store_that_cannot_be_used_costs_no_page(checkout: Path, tmp_path: Path) -> None:
    make_run(tmp_path)
    shutil.copy(checkout / "params.yaml", tmp_path)
    (tmp_path / "mlflow.db").write_bytes(b"no database at all, but long enough to be read as one" * 40)
    done = run_stage(checkout, tmp_path, "report")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report/index.html").is_file()
    assert "the report is not kept in MLflow: MLflow: the store" in done.stdout


def test_a_missing_input_is_one_line(checkout: Path, tmp_path: Path) -> None:
    make_run(tmp_path)
    shutil.copy(checkout / "params.yaml", tmp_path)
    (tmp_path / "build/splits.csv").unlink()
    done = run_stage(checkout, tmp_path, "report")
    assert done.returncode == 1
    assert done.stderr == "error: build/splits.csv is missing: `dvc repro` makes it\n"

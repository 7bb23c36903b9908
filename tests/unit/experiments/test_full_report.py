"""``lithoscope report --full``: what changes from run to run."""

import shutil
from pathlib import Path

import pytest

from lithoscope.cli.main import main
from lithoscope.config.params import load_parameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.experiments.full_report import MARK, full_page, write_full_report
from lithoscope.reporting.inputs import ReportInputs, read_inputs
from lithoscope.tracking import PARAMETERS_TAG, WEIGHTS_TAG, Store

from helpers.made_up_run import make_run
from helpers.read_pages import Page, section

pytestmark = pytest.mark.slow

LOCK = """
stages:
  download:
    cmd: python stages/download.py
    deps:
    - {path: /home/somebody/my rocks, hash: md5, md5: 0a.dir, size: 12345, nfiles: 7}
    - {path: src/lithoscope/config/params.py, hash: md5, md5: 0b, size: 12}
    outs:
    - {path: build/raw, hash: md5, md5: 0c.dir, size: 99, nfiles: 7}
"""


@pytest.fixture
def checkout_with_a_run(tmp_path: Path, checkout: Path, blank_database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_run(tmp_path)
    shutil.copy(blank_database, tmp_path / "mlflow.db")
    (tmp_path / "params.yaml").write_bytes((checkout / "params.yaml").read_bytes())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def inputs(root: Path) -> ReportInputs:
    parameters = load_parameters(root / "params.yaml")
    return read_inputs(root, parameters.flat(), parameters.digest())


def add_run(root: Path) -> str:
    parameters, hashes = load_parameters(root / "params.yaml"), inputs(root).hashes
    store = Store(f"sqlite:///{root / 'mlflow.db'}", root)
    tags = {PARAMETERS_TAG: hashes.parameters, WEIGHTS_TAG: hashes.weights, "precision": "bf16", "git.commit": "c0ffee"}
    with store.run("a name of its own", parameters, tags) as run:
        run.log_metrics({"test.accuracy": 0.75, "test.n": 12, "seconds": 33.0, "best_epoch": 2})
        for epoch in (1, 2, 3):
            run.log_metrics({"val_loss": 1 / epoch, "train_loss": 1 / epoch, "val_accuracy": 0.5}, step=epoch)
    return str(run.run_id)


def test_the_run_is_told_by_id_with_revision_versions_and_processor(checkout_with_a_run: Path) -> None:
    run_id = add_run(checkout_with_a_run)
    text = Page(section(full_page(checkout_with_a_run, inputs(checkout_with_a_run)), "run")).text
    assert f"MLflow run {run_id}" in text
    assert "git revision c0ffee" in text
    assert "precision bf16" in text
    assert "seconds of training 33" in text
    assert "processor" in text
    assert "torch 2." in text
    assert "Asked for in params.yaml : precision fp32, threads 2, device cpu, seed 0." in text


def test_without_a_run_one_line_says_so_and_the_rest_stands(checkout_with_a_run: Path) -> None:
    page = full_page(checkout_with_a_run, inputs(checkout_with_a_run))
    assert "MLflow run: none of these weights and parameters in sqlite:///" in Page(section(page, "run")).text
    assert "Here, where this page was made" in Page(section(page, "run")).text
    assert "MLflow holds no finished run to compare" in Page(section(page, "compared")).text
    assert "dvc.lock is missing" in Page(section(page, "lock")).text


def test_other_runs_stand_beside_each_other(checkout_with_a_run: Path) -> None:
    add_run(checkout_with_a_run)
    part = section(full_page(checkout_with_a_run, inputs(checkout_with_a_run)), "compared")
    assert "a name of its own" in part
    assert part.count('<svg class="figure"') == 3
    assert ".750" in part


def test_every_hash_of_the_lock_is_there_and_no_path_of_a_machine(checkout_with_a_run: Path) -> None:
    (checkout_with_a_run / "dvc.lock").write_text(LOCK)
    part = section(full_page(checkout_with_a_run, inputs(checkout_with_a_run)), "lock")
    text = Page(part).text
    assert "download reads …/my rocks 0a.dir 12 345 in 7 files" in text.replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert "download makes build/raw 0c.dir" in text
    assert "Code (1)" in text
    assert "/home/somebody" not in part


def test_the_command_writes_a_page_that_git_ignores_and_writes_over_it_again(
    checkout_with_a_run: Path, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert main(["report", "--full"]) == 0
    target = checkout_with_a_run / "report-full/index.html"
    assert f"full report: {target}" in capsys.readouterr().out
    assert MARK in target.read_text(encoding="utf-8")[:200]
    assert "/report-full/" in (checkout / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_it_writes_over_nothing_else(checkout_with_a_run: Path) -> None:
    other = checkout_with_a_run / "mine.html"
    other.write_text("<p>mine</p>")
    with pytest.raises(LithoscopeError, match="another file, which is not written over"):
        write_full_report(checkout_with_a_run, other)
    with pytest.raises(LithoscopeError, match=r"must end in \.html"):
        write_full_report(checkout_with_a_run, checkout_with_a_run / "page.txt")
    assert other.read_text() == "<p>mine</p>"


def test_without_full_it_says_which_command_makes_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report"]) == 1
    assert "made by `dvc repro report`" in capsys.readouterr().err

import json
from pathlib import Path

import pytest

from lithoscope.cli import main as cli
from lithoscope.config.yaml import read_yaml
from lithoscope.core.errors import LithoscopeError
from lithoscope.data.inspect import inspect_source

from helpers.photographs_on_disk import class_folders


@pytest.fixture
def workspace(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "params.yaml").write_bytes((checkout / "params.yaml").read_bytes())
    monkeypatch.chdir(folder)
    return folder


def test_use_says_what_it_found_and_sets_both_parameters(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photographs = tmp_path / "My Rocks (1) [new]"
    class_folders(photographs, "basalt", "gneiss")
    assert cli.main(["use", str(photographs)]) == 0
    printed = capsys.readouterr().out
    assert "basalt" in printed
    assert "gneiss" in printed
    values = read_yaml(workspace / "params.yaml")
    assert (values["dataset"], values["mirror"]) == ("folder", str(photographs))


def test_the_synthetic_specimens_are_never_taken_for_photographs(tmp_path: Path) -> None:
    photographs = tmp_path / "copy" / "train"
    class_folders(photographs, "biotite", "quartz")
    (tmp_path / "copy" / "catalogue.csv").write_text("path,label,split,seed,index\n", encoding="utf-8")
    for folder in (tmp_path / "copy", photographs):
        with pytest.raises(LithoscopeError, match="synthetic specimens; use: lithoscope use specimens"):
            inspect_source(folder)


def test_use_takes_a_set_by_its_name_and_goes_back_to_the_default(workspace: Path) -> None:
    before = (workspace / "params.yaml").read_bytes()
    assert cli.main(["use", "specimens"]) == 0
    start = (workspace / "params.yaml").read_bytes()
    assert cli.main(["use", "osf-rocks"]) == 0
    assert read_yaml(workspace / "params.yaml")["dataset"] == "osf-rocks"
    assert cli.main(["use", "specimens"]) == 0
    assert (workspace / "params.yaml").read_bytes() == start
    assert len(before.splitlines()) == len(start.splitlines())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["use", "nowhere"], "nowhere"),
        (["predict", "nowhere.jpg"], "no such file or folder"),
        (["predict", "params.yaml"], "run `dvc repro` first"),
        (["predict", "params.yaml", "--output", "params.yaml"], "must name files of their own"),
        (["predict", "params.yaml", "--sheet", "."], "cannot be written"),
        (["use", ""], "name a folder, an archive, or a set"),
        (["predict", "params.yaml", "--output", "nowhere/labels.csv"], "its folder does not exist"),
        (["summary"], "dataset.json is missing: `dvc repro` makes it"),
        (["specimens", "."], "not empty"),
        (["results"], "no results there"),
    ],
)
def test_a_mistake_is_a_line_and_status_1(
    workspace: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert cli.main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert expected in error
    assert len(error.splitlines()) == 1


def test_a_name_in_an_error_cannot_steer_the_terminal(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["predict", "nowhere\x1b[2J.jpg"]) == 1
    assert capsys.readouterr().err == "error: nowhere\\x1b[2J.jpg: no such file or folder\n"


def test_summary_says_synthetic_and_gives_the_interval(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {
        "build/dataset.json": {"title": "Specimens", "classes": ["a", "b"], "synthetic": True, "published": None},
        "metrics/evaluation.json": {
            "test": {"n": 10, "accuracy": 0.9, "loss": 0.3, "top3_accuracy": 1.0, "macro": {"f1": 0.89}}
        },
        "metrics/data.json": {"photographs": 40},
        "metrics/train.json": {"best_epoch": 3, "epochs": 5, "validation": {"loss": 0.25}},
    }
    for name, values in files.items():
        (workspace / name).parent.mkdir(exist_ok=True)
        (workspace / name).write_text(json.dumps(values), encoding="utf-8")
    assert cli.main(["summary"]) == 0
    printed = capsys.readouterr().out
    assert "40 photographs (synthetic" in printed
    assert ".900 [.596, .982], n = 10" in printed
    assert "report/index.html" in printed

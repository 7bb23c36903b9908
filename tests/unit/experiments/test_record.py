"""Keeping finished runs of a made-up workspace; ``test_pipeline.py`` keeps an experiment that the real ``dvc`` ran."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lithoscope.cli import main as cli
from lithoscope.config.params import load_parameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.experiments.dvc_runs import fetch_files
from lithoscope.experiments.record import record_run
from lithoscope.models.classifier import build_classifier
from lithoscope.models.saved_model import ModelDescription, save_model, weights_digest
from lithoscope.tracking import Store

from helpers.git_checkout import git, small_checkout
from helpers.made_up_settings import plain_architecture
from helpers.tiny_parameters import with_values

pytestmark = pytest.mark.slow

LABELS = ["granite", "quartz"]


@pytest.fixture
def root(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace whose run is finished, as far as `record` can see, and scored 3 of 4 test photographs right."""
    for name in ("MLFLOW_TRACKING_URI", "DVC_ROOT", "DVC_EXP_NAME"):
        monkeypatch.delenv(name, raising=False)
    folder = small_checkout(tmp_path / "checkout", checkout)
    write_json(
        folder / "build" / "dataset.json",
        {"name": "folder", "title": "Made up", "synthetic": True, "citation": "Nobody", "published": None},
    )
    counts = {name: {"photographs": count} for name, count in (("train", 8), ("val", 2), ("test", 4))}
    write_json(folder / "metrics" / "data.json", {"photographs": 14, "splits": counts})
    validation = {"loss": 0.5, "accuracy": 1.0}
    write_json(folder / "metrics" / "train.json", {"best_epoch": 3, "epochs": 5, "validation": validation})
    predictions(folder, right=3)
    rows = [f"{n}.jpg,{'0.jpg' if n < 2 else f'{n}.jpg'}" for n in range(4)]  # the first two show the same
    (folder / "build" / "splits.csv").write_text("\n".join(["id,group", *rows]) + "\n", encoding="utf-8")
    architecture = plain_architecture("cnn", image_size=32, classes=2, dropout=0.2)
    description = ModelDescription(
        architecture, LABELS, crop_border=True, dataset="folder", synthetic=True, pretrained=None, temperature=1.5
    )
    save_model(folder / "build" / "model", description, build_classifier(architecture).state_dict())
    track(folder, accuracy=0.75, seconds=61.24, processor="A Processor")
    return folder


@pytest.mark.kind(
    about="Git",
    kind="`record` from a project in a folder of a larger repository",
    done="the result stands in the project's `results/`, with the command that makes it there",
    reported="treeverse/dvc#4969",
)
def test_a_project_in_a_folder_of_a_larger_repository_is_recorded(root: Path, tmp_path: Path) -> None:
    alone = json.loads(record_run(root, "alone").read_text("utf-8"))
    shutil.rmtree(root / ".git")
    (tmp_path / "params.yaml").write_text("of another project\n", encoding="utf-8")
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "add", "checkout/params.yaml", "params.yaml")
    git(tmp_path, "commit", "--quiet", "--message", "Start")
    below = record_run(root, "below")
    assert below == root / "results" / "below.json"
    assert json.loads(below.read_text("utf-8")) == {**alone, "command": alone["command"].replace("alone", "below")}


def write_json(path: Path, values: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values), encoding="utf-8")


def predictions(root: Path, right: int) -> None:
    rows = [
        {
            "id": f"{n}.jpg",
            "split": "test",
            "label": "quartz",
            "predicted": LABELS[n < right],
            "confidence": 0.9,
            "p_granite": 0.1 if n < right else 0.9,
            "p_quartz": 0.9 if n < right else 0.1,
        }
        for n in range(4)
    ]
    (root / "plots").mkdir(exist_ok=True)
    pd.DataFrame(rows).to_csv(root / "plots" / "predictions.csv", index=False)


def track(root: Path, *, accuracy: float, seconds: float | None, processor: str) -> None:
    params = load_parameters(root / "params.yaml")
    tags = {
        "sha256.parameters": params.digest(),
        "sha256.weights": weights_digest(root / "build" / "model"),
        "sha256.data": "d" * 64,
        "precision": "bf16",
        "device": "cpu",
        "processor": processor,
    }
    with Store(f"sqlite:///{root / 'mlflow.db'}", root).run("a run", params, tags) as run:
        run.log_metrics({"test.accuracy": accuracy, **({} if seconds is None else {"seconds": seconds})})


def recorded(root: Path, name: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(record_run(root, name).read_text(encoding="utf-8"))
    return values


def test_the_workspaces_run_is_kept_with_what_mlflow_knows_of_it(root: Path) -> None:
    kept = recorded(root, "granite-seed0")
    assert (kept["precision"], kept["processor"], kept["seconds"]) == ("bf16", "A Processor", 61.2)
    assert kept["sha256"]["weights"] == weights_digest(root / "build" / "model")
    assert kept["temperature"] == 1.5
    assert [photograph.get("group") for photograph in kept["photographs"]] == ["0.jpg", "0.jpg", None, None]
    assert kept["training"]["validation"] == {"loss": 0.5, "accuracy": 1.0}
    assert kept["photographs"][3] == {"id": "3.jpg", "label": "quartz", "p": [0.9, 0.1]}
    assert kept["command"] == "dvc exp run"
    assert "mirror" not in kept["parameters"]
    assert "table" not in kept["parameters"]["folder"]


def test_specimens_are_kept_where_any_is_named(root: Path) -> None:
    assert "clustered" not in recorded(root, "without")
    rows = [f"{n}.jpg,0.jpg,{'B7' if n < 3 else ''},,," for n in range(4)]
    table = "\n".join(["id,group,specimen,photographer,locality,weight", *rows])
    (root / "build" / "splits.csv").write_text(f"{table}\n", encoding="utf-8")
    kept = recorded(root, "with")
    assert kept["clustered"] is True
    assert [photograph.get("specimen") for photograph in kept["photographs"]] == ["B7", "B7", "B7", None]


def test_how_often_answers_were_right_is_kept_where_they_have_limits(root: Path) -> None:
    write_json(root / "metrics" / "answers.json", {"test": {"status": "off", "note": "few photographs"}})
    assert "answers" not in recorded(root, "without-limits")
    limited = {"status": "on", "n": 6, "coverage": {"share": 0.9}}
    write_json(root / "metrics" / "answers.json", {"test": limited, "validation": {"status": "on"}})
    assert recorded(root, "with-limits")["answers"] == limited


def test_the_headline_figures_beside_people_are_kept_where_there_are_any(root: Path) -> None:
    assert "people" not in recorded(root, "before-there-were-any")
    write_json(root / "metrics" / "people.json", {"status": "off", "note": "no human data"})
    assert "people" not in recorded(root, "of-a-set-without")
    ridge = {"mean_r": 0.7, "mean_r_low": 0.6, "mean_r_high": 0.8, "disparity": 0.4, "r": {"hue": 0.5}}
    named = {"people": {"people": 45, "accuracy": 0.6, "low": 0.5, "high": 0.7}, "chance": 0.1}
    named |= {"model": {"photographs": 20, "accuracy": 0.75, "low": 0.53, "high": 0.89, "outdoes": 0.8}}
    test = {"photographs": 120, "ridge": ridge, "components": {"mean_r": 0.1}, "authors": {"mean_r": 0.74}}
    test |= {"naming": {"igneous": named, "mixed": {"note": "photographs are missing"}}}
    write_json(root / "metrics" / "people.json", {"status": "compared", "test": test})
    assert recorded(root, "of-a-set-with")["people"] == {
        "test": {
            "photographs": 120,
            "map": "ridge",
            "mean_r": 0.7,
            "mean_r_low": 0.6,
            "mean_r_high": 0.8,
            "disparity": 0.4,
        },
        "authors": {"mean_r": 0.74},
        "naming": {
            "igneous": {
                "photographs": 20,
                "model": 0.75,
                "model_low": 0.53,
                "model_high": 0.89,
                "people": 45,
                "accuracy": 0.6,
                "accuracy_low": 0.5,
                "accuracy_high": 0.7,
            }
        },
    }


def test_the_run_that_trained_is_preferred_to_one_restored_from_the_cache(root: Path) -> None:
    track(root, accuracy=0.75, seconds=None, processor="Another")
    assert recorded(root, "granite")["processor"] == "A Processor"


def test_the_command_is_the_recipe_it_is_named_after_and_what_else_differs(root: Path) -> None:
    (root / "recipes" / "granite.yaml").write_text("about:\n  description: a test\nlr: 0.005\n", encoding="utf-8")
    parameters = root / "params.yaml"
    changed = with_values(parameters.read_text(encoding="utf-8"), {"lr": "5e-3", "epochs": 3})
    parameters.write_text(changed, encoding="utf-8")
    track(root, accuracy=0.75, seconds=1.0, processor="A Processor")
    assert recorded(root, "granite-seed0")["command"] == "lithoscope recipe granite --seed 0 -S epochs=3"
    assert recorded(root, "granite")["command"] == "lithoscope recipe granite -S epochs=3"
    assert recorded(root, "basalt")["command"] == "dvc exp run -S lr=0.005 -S epochs=3"
    grid = "about:\n  description: a test\nepochs: 3\ngrid:\n  lr: [1e-3, 5e-3]\n"
    (root / "recipes" / "grains.yaml").write_text(grid, encoding="utf-8")
    assert recorded(root, "grains-2")["command"] == "lithoscope recipe grains", "its second member"


def test_figures_that_belong_to_other_weights_are_refused(root: Path) -> None:
    predictions(root, right=2)
    with pytest.raises(LithoscopeError, match=r"no run of these weights and parameters with test.accuracy 0\.500"):
        record_run(root, "granite")


@pytest.mark.parametrize("name", ["../evil", "", "Name", "a/b"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(LithoscopeError, match="allowed: lower-case"):
        record_run(tmp_path, name)


def test_a_result_is_never_overwritten(root: Path) -> None:
    before = record_run(root, "granite").read_bytes()
    with pytest.raises(LithoscopeError, match="never overwritten"):
        record_run(root, "granite")
    assert (root / "results" / "granite.json").read_bytes() == before


def test_an_experiment_that_is_not_there_is_a_line(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    git(root, "update-ref", f"refs/exps/ab/{'c' * 38}/there", "HEAD")
    monkeypatch.chdir(root)
    assert cli.main(["record", "granite", "--experiment", "her"]) == 1
    assert "--experiment her: no finished experiment of that name" in capsys.readouterr().err


def test_an_experiment_whose_commit_cannot_be_opened_is_a_line(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(root, "update-ref", f"refs/exps/ab/{'c' * 38}/there", "HEAD")

    def gone(**_: object) -> None:
        raise FileNotFoundError("a file of the repository")

    monkeypatch.setattr("dvc.api.DVCFileSystem", gone)
    with pytest.raises(LithoscopeError, match=r"^--experiment there: its commit is not there: it did not finish, or"):
        fetch_files(root, "there", root / "copy", ["plots"])

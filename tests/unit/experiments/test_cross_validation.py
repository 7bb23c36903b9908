"""Pooling folds; ``test_recipe_runs.py`` runs folds with the real ``dvc``."""

import json
from pathlib import Path

import numpy as np
import pytest

from lithoscope.cli import main as cli
from lithoscope.core.errors import LithoscopeError
from lithoscope.experiments.cross_validation import (
    Fold,
    final_training_command,
    plan_folds,
    pool_folds,
    pooled_figures,
    read_fold,
    summary_lines,
)
from lithoscope.experiments.dvc_runs import RecipeRequest
from lithoscope.experiments.recipes import load_recipe
from lithoscope.experiments.results.cross_validations import crossvalidated_section
from lithoscope.experiments.results.page import render
from lithoscope.models.classifier import build_classifier
from lithoscope.models.saved_model import ModelDescription, save_model
from lithoscope.models.temperature import fit_temperature

from helpers.git_checkout import small_checkout
from helpers.made_up_settings import plain_architecture

CLASSES = ["granite", "quartz", "slate"]


def fold(number: int, rows: int = 60) -> Fold:
    rng = np.random.default_rng(number)
    labels = rng.integers(0, 3, rows)
    logits = rng.normal(size=(rows, 3)) + 1.0 * np.eye(3)[labels]
    ids = [f"{number}/{row}.jpg" for row in range(rows)]
    return Fold(ids, ids, labels, 4.0 * logits, [3 + number, 5 + number])


def test_all_answers_count_once_and_the_temperature_is_that_of_all_folds() -> None:
    folds = [fold(0), fold(1)]
    pooled = pool_folds(folds)
    labels, logits = (np.concatenate([getattr(one, name) for one in folds]) for name in ("labels", "logits"))
    assert pooled.photographs == 120
    assert pooled.correct == int((logits.argmax(axis=1) == labels).sum())
    assert pooled.temperature == fit_temperature(logits, labels)
    assert pooled.temperature.value not in {fit_temperature(one.logits, one.labels).value for one in folds}
    scaled = logits / pooled.temperature.value
    exact = np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(120), labels]
    assert pooled.loss == pytest.approx(exact.mean(), abs=1e-5)
    low, high = pooled.intervals["loss"]
    assert low < pooled.loss < high
    assert pooled.epochs == [3, 5, 4, 6]


def test_the_figures_are_said_with_their_intervals_and_number() -> None:
    pooled = pool_folds([fold(0), fold(1)])
    first, second, third = summary_lines("granite", 2, pooled)
    low, high = pooled.intervals["accuracy"]
    assert first.startswith(f"granite, 2 folds: accuracy {pooled.correct / 120:.3f} [{low:.3f}, {high:.3f}] of 120 ")
    assert second.endswith(f"temperature {pooled.temperature.value:g}, fitted on 120 answers of all folds")
    assert third == "epochs kept: 3, 5, 4, 6, on average 4"


def test_folds_that_share_a_photograph_are_refused() -> None:
    with pytest.raises(LithoscopeError, match=r"0/0\.jpg is in two of the folds"):
        pool_folds([fold(0), fold(0)])


@pytest.mark.parametrize(("tuned", "epochs"), [({}, [1, 3]), ({"tuned": False}, [3])])
def test_an_experiments_logits_are_read_without_its_own_temperature(
    tmp_path: Path, tuned: dict[str, bool], epochs: list[int]
) -> None:
    architecture = plain_architecture("cnn", image_size=32, classes=3, dropout=0.2)
    description = ModelDescription(architecture, CLASSES, True, "folder", True, None, temperature=2.0)
    save_model(tmp_path / "build" / "model", description, build_classifier(architecture).state_dict())
    (tmp_path / "plots").mkdir()
    (tmp_path / "metrics").mkdir()
    (tmp_path / "plots" / "predictions.csv").write_text(
        "id,split,label,predicted,confidence,p_granite,p_quartz,p_slate\n"
        "1.jpg,val,quartz,quartz,0.6,0.3,0.6,0.1\n2.jpg,val,slate,granite,1.0,1.0,0.0,0.0\n"
    )
    (tmp_path / "build" / "splits.csv").write_text("id,group\n1.jpg,1.jpg\n2.jpg,1.jpg\n3.jpg,3.jpg\n")
    (tmp_path / "metrics" / "train.json").write_text(
        json.dumps({"best_epoch": 2, "members": [{"best_epoch": 1, **tuned}, {"best_epoch": 3}]})
    )
    found = read_fold(tmp_path)
    assert (found.ids, found.groups, found.labels.tolist(), found.epochs) == (
        ["1.jpg", "2.jpg"],
        ["1.jpg", "1.jpg"],
        [1, 2],
        epochs,
    )
    np.testing.assert_allclose(np.diff(found.logits[0]), [2 * np.log(2), -2 * np.log(6)])
    assert np.isfinite(found.logits).all()


def test_each_fold_is_an_experiment_on_validation_photographs(tmp_path: Path, checkout: Path) -> None:
    root = small_checkout(tmp_path / "checkout", checkout)
    (root / "recipes" / "granite.yaml").write_text("about:\n  description: one\nlr: 1e-3\nsplit:\n  validation: 0\n")
    planned = plan_folds(root, load_recipe(root, "granite"), RecipeRequest({"epochs": 2}, seed=1), 3)
    assert [one.name for one in planned] == ["granite-seed1-fold0", "granite-seed1-fold1", "granite-seed1-fold2"]
    assert [one.parameters.split.fold for one in planned] == [0, 1, 2]
    for one in planned:
        values = one.parameters
        assert (values.split.folds, values.split.seed, values.seed, values.epochs, values.lr) == (3, 1, 1, 2, 1e-3)
        assert (values.evaluate.on, values.train.temperature) == ("validation", None)


def test_the_last_line_trains_with_what_was_asked_for_as_long_as_the_folds_did(tmp_path: Path, checkout: Path) -> None:
    root = small_checkout(tmp_path / "checkout", checkout)
    head = "train:\n  head_epochs: 3\n  schedule: plateau\n"
    (root / "recipes" / "granite.yaml").write_text(f"about:\n  description: one\n{head}")
    request = RecipeRequest({"lr": 1e-4, "mirror": str(tmp_path)}, seed=1, name="slower")
    planned = plan_folds(root, load_recipe(root, "granite"), request, 2)
    pooled = pool_folds([fold(0), fold(1)])
    assert pooled.epoch == 4
    assert final_training_command("granite", request, planned[0].parameters, pooled) == (
        f"lithoscope recipe granite --seed 1 --name slower -S lr=0.0001 -S mirror={tmp_path} -S split.validation=0 "
        "-S split.folds=0 -S epochs=1 -S train.schedule=constant "
        f"-S train.temperature={pooled.temperature.value:g}"
    )
    with_data = final_training_command("granite", RecipeRequest({}, data=tmp_path), planned[0].parameters, pooled)
    assert f"--data {tmp_path} -S split.validation=0" in with_data


def test_the_kept_figures_stand_in_a_table_with_the_line_that_makes_them(tmp_path: Path, checkout: Path) -> None:
    root = small_checkout(tmp_path / "checkout", checkout)
    (root / "recipes" / "granite.yaml").write_text("about:\n  description: one\nlr: 1e-3\n")
    weights = tmp_path / "a folder" / "weights.pth"
    weights.parent.mkdir()
    weights.touch()
    settings = {"model.name": "mobilenet_v2", "model.weights": str(weights), "mirror": str(tmp_path)}
    recipe, request = load_recipe(root, "granite"), RecipeRequest(settings, seed=1)
    pooled = pool_folds([fold(0), fold(1)])
    values = pooled_figures(pooled, "granite", request, plan_folds(root, recipe, request, 2))
    assert values["command"] == (
        "lithoscope folds granite --folds 2 --seed 1 -S model.name=mobilenet_v2 -S model.weights=weights.pth"
    )
    assert str(tmp_path) not in json.dumps(values)
    assert crossvalidated_section(root) == ""
    (root / "results" / "folds").mkdir(parents=True)
    (root / "results" / "folds" / "granite.json").write_text(json.dumps(values))
    row = crossvalidated_section(root).splitlines()[-1]
    assert row in render(root).splitlines()
    low, high = (f"{end:.3f}".replace("0.", ".") for end in pooled.intervals["accuracy"])
    accuracy = f"{pooled.correct / 120:.3f}".replace("0.", ".")
    assert f"| granite | specimens | 2 | 120 | {accuracy} [{low}, {high}] | " in row
    assert f" | {pooled.temperature.value:g} | 3, 5, 4, 6 | `{values['command']}` |" in row


def test_the_command_pools_finished_folds_says_what_they_found_and_writes_it(
    tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = small_checkout(tmp_path / "checkout", checkout)
    (root / "recipes" / "granite.yaml").write_text("about:\n  description: one\nlr: 1e-3\n")
    monkeypatch.chdir(root)
    monkeypatch.setattr("lithoscope.experiments.dvc_runs.finished_names", lambda _: {"granite-fold0", "granite-fold1"})
    monkeypatch.setattr("lithoscope.experiments.cross_validation.read_folds", lambda *_: [fold(0), fold(1)])
    assert cli.main(["folds", "granite", "--folds", "2", "--output", "pooled/granite.json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["granite-fold0 is there already", "granite-fold1 is there already"]
    assert lines[2:5] == summary_lines("granite", 2, pool_folds([fold(0), fold(1)]))
    assert lines[5].startswith("on all training photographs: lithoscope recipe granite -S split.validation=0")
    assert json.loads((root / "pooled/granite.json").read_text("utf-8"))["n"] == 120


@pytest.mark.parametrize(
    ("body", "settings", "folds", "message"),
    [
        ("lr: 1e-3", {}, 1, "--folds 1: allowed: 2 or more"),
        ("grid:\n  lr: [1e-3, 1e-2]", {}, 3, "recipe granite is a grid"),
        ("lr: 1e-3", {"evaluate.on": "test"}, 3, "-S evaluate.on: this command sets it"),
    ],
)
def test_mistakes_are_a_line(
    tmp_path: Path, checkout: Path, body: str, settings: dict[str, object], folds: int, message: str
) -> None:
    root = small_checkout(tmp_path / "checkout", checkout)
    (root / "recipes" / "granite.yaml").write_text(f"about:\n  description: one\n{body}\n")
    with pytest.raises(LithoscopeError, match=message):
        plan_folds(root, load_recipe(root, "granite"), RecipeRequest(settings), folds)

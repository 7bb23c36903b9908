"""The stages train and evaluate, script and all, on a small set with validation photographs and coarse kinds."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from scipy.special import softmax

from lithoscope.data.packed.arrays import open_split
from lithoscope.evaluation.answers.limits import Limits
from lithoscope.evaluation.calibration import calibration_error
from lithoscope.evaluation.held_out import plain_features
from lithoscope.models.predictor import Predictor
from lithoscope.models.saved_model import load_description, weights_digest
from lithoscope.models.temperature import fit_temperature
from lithoscope.serving.answers import decide

from helpers.made_up_run import make_run
from helpers.stage import run_stage
from helpers.tiny_parameters import make_tiny

pytestmark = pytest.mark.slow

CLASSES = ("basalt", "chert", "granite")
TOLERANCE = 0.05
"""Of losses, nats, between one process and two, after an epoch of the default recipe (docs/repeats.md)."""
KINDS = {"basalt": "igneous", "chert": "sedimentary", "granite": "igneous"}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, checkout: Path, blank_database: Path) -> Path:
    """A workspace in which both stages have run."""
    folder = tmp_path_factory.mktemp("workspace")
    make_run(folder, CLASSES, each=16, coarse=KINDS)
    # What the stages make is not there before they run.
    for name in ("metrics/evaluation.json", "metrics/baselines.json", "metrics/train.json", "plots/predictions.csv"):
        (folder / name).unlink(missing_ok=True)
    shutil.copy(checkout / "params.yaml", folder)
    make_tiny(folder / "params.yaml", epochs=3, batch_size=32)
    shutil.copy(blank_database, folder / "mlflow.db")
    run_here(checkout, folder, "train")
    run_here(checkout, folder, "evaluate")
    return folder


def run(checkout: Path, folder: Path, stage: str, *launcher: str) -> str:
    """Run a stage in a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "MLFLOW_"))}
    done = subprocess.run(
        [sys.executable, *launcher, str(checkout / f"stages/{stage}.py")],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
        env={**kept, "DVC_ROOT": str(folder)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_here(checkout: Path, folder: Path, stage: str) -> None:
    done = run_stage(checkout, folder, stage)
    assert done.returncode == 0, done.stderr


def read(folder: Path, name: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / name).read_text("utf-8"))
    return values


def test_the_temperature_is_that_of_the_validation_photographs_and_travels_with_the_model(workspace: Path) -> None:
    model = workspace / "build/model"
    validation = open_split(workspace / "build/arrays", "val")
    expected = fit_temperature(Predictor.load(model).logits(validation.images), validation.labels)
    assert expected.photographs == len(validation) == 48
    description = load_description(model)
    assert (description.temperature, description.calibrated_on) == (expected.value, 48)
    assert description.temperature != 1
    assert read(workspace, "metrics/train.json")["calibration"] == expected.summary()


def test_confidences_in_the_predictions_are_the_calibrated_ones(workspace: Path) -> None:
    test, predictor = open_split(workspace / "build/arrays", "test"), Predictor.load(workspace / "build/model")
    table = pd.read_csv(workspace / "plots/predictions.csv")
    calibrated = softmax(predictor.logits(test.images) / predictor.description.temperature, axis=1)
    np.testing.assert_allclose(table[[f"p_{name}" for name in CLASSES]], calibrated, atol=2e-6)
    np.testing.assert_allclose(table["confidence"], calibrated.max(axis=1), atol=2e-6)


def test_figures_before_and_after_stand_beside_each_other(workspace: Path) -> None:
    test, predictor = open_split(workspace / "build/arrays", "test"), Predictor.load(workspace / "build/model")
    figures = read(workspace, "metrics/evaluation.json")["test"]
    logits = predictor.logits(test.images)
    before, after = softmax(logits, axis=1), softmax(logits / predictor.description.temperature, axis=1)
    assert figures["calibration"]["before"]["ece"] == pytest.approx(calibration_error(before, test.labels), abs=1e-5)
    assert figures["ece"] == pytest.approx(calibration_error(after, test.labels), abs=1e-5)
    assert figures["loss"] != figures["calibration"]["before"]["loss"]
    table = pd.read_csv(workspace / "plots/reliability.csv")
    assert table["n_before"].sum() == table["n_after"].sum() == len(test)
    text = (workspace / "plots/reliability.csv").read_text("utf-8")
    assert "NaN" in text
    assert ",," not in text  # which DVC's plots would draw as 0


def test_every_headline_figure_has_an_interval_around_it(workspace: Path) -> None:
    figures = read(workspace, "metrics/evaluation.json")["test"]
    headline = {name: figures[name] for name in ("accuracy", "loss", "top3_accuracy", "ece", "brier")}
    headline["macro_f1"] = figures["macro"]["f1"]
    assert set(figures["interval"]) == set(headline)
    for name, value in headline.items():
        assert figures["interval"][name]["low"] <= value <= figures["interval"][name]["high"], name


def test_the_rest_is_said_too(workspace: Path) -> None:
    figures = read(workspace, "metrics/evaluation.json")["test"]
    assert figures["coarse"]["accuracy"] >= figures["accuracy"]
    assert figures["selective"]["threshold"] is None
    assert figures["selective"]["validation_photographs"] == 48
    assert "too few photographs" in figures["selective"]["reason"]
    curve = pd.read_csv(workspace / "plots/selective.csv")
    assert curve["coverage"].iloc[-1] == 1
    assert curve["accuracy"].iloc[-1] == pytest.approx(figures["accuracy"], abs=1e-6)
    comparisons, baselines = (read(workspace, f"metrics/{name}.json")["test"] for name in ("comparisons", "baselines"))
    assert comparisons["network"]["accuracy"] == figures["accuracy"]
    for name, accuracy in baselines.items():
        assert comparisons[name]["accuracy"] == accuracy
        assert comparisons[name]["difference"] == pytest.approx(figures["accuracy"] - accuracy, abs=2e-6)


def test_answers_are_held_against_validation_photographs_and_judged_on_the_test(workspace: Path) -> None:
    limits = Limits.load(workspace / "build" / "limits")
    found = read(workspace, "metrics/answers.json")["test"]
    validation = open_split(workspace / "build" / "arrays", "val")
    assert found["held_out"] == {"photographs": len(validation), "source": "validation photographs"}
    assert limits.coarse == [KINDS[name] for name in CLASSES]
    predictor, test = Predictor.load(workspace / "build" / "model"), open_split(workspace / "build" / "arrays", "test")
    said, features = predictor.probabilities(test.images), plain_features(predictor, test.images)
    kinds = Counter(one.kind for one in decide(said, features, limits))
    assert {kind: one["n"] for kind, one in found["kinds"].items() if one["n"]} == dict(kinds)
    held = (said >= limits.needed)[np.arange(len(test)), test.labels] | (said.argmax(axis=1) == test.labels)
    assert found["coverage"]["share"] == pytest.approx(held.mean(), abs=1e-6)


def test_the_run_gets_the_figures_the_tables_and_the_temperature(workspace: Path) -> None:
    client = MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("lithoscope")
    assert experiment is not None
    (found,) = client.search_runs([experiment.experiment_id])
    figures = read(workspace, "metrics/evaluation.json")["test"]
    assert found.data.metrics["test.interval.loss.high"] == figures["interval"]["loss"]["high"]
    assert found.data.metrics["temperature"] == load_description(workspace / "build/model").temperature
    kept = {entry.path for entry in client.list_artifacts(found.info.run_id)}
    assert {"reliability.csv", "selective.csv", "comparisons.json", "baselines.json"} <= kept
    assert {"explained.json", "map.csv"} <= kept


def test_what_the_model_looked_at_has_the_calibrated_confidences(workspace: Path) -> None:
    explained = read(workspace, "build/explained/explained.json")
    confidences = pd.read_csv(workspace / "plots/predictions.csv").set_index("id")["confidence"]
    shown = [*explained["examples"], *explained["mistakes"]]
    assert len(shown) > 6
    for one in shown:
        assert one["confidence"] == pytest.approx(confidences[one["photograph"]], abs=2e-6)
        assert (workspace / "build/explained" / one["map"]).is_file()
    assert explained["attribution"]["method"] == "gradient × activation", "pictures of 32 pixels leave few places"


@pytest.mark.slow
def test_the_same_inputs_give_the_same_files(workspace: Path, checkout: Path) -> None:
    made = [*workspace.glob("metrics/*.json"), *workspace.glob("plots/*.csv"), workspace / "build/model/model.json"]
    made += [path for path in (workspace / "build/explained").rglob("*") if path.is_file()]
    assert workspace / "build/explained/explained.json" in made
    before = {path: path.read_bytes() for path in made}
    printed = run(checkout, workspace, "evaluate")
    assert {path: path.read_bytes() for path in made} == before
    assert "calibration error" in printed
    assert "against a linear model on colour histograms: " in printed


def test_figures_of_windows_stand_beside_those_of_whole_photographs_in_the_run(
    workspace: Path, checkout: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "closer"
    shutil.copytree(workspace, folder)
    text = (folder / "params.yaml").read_text("utf-8")
    whole = text.replace("  on: test ", "  on: validation ")
    (folder / "params.yaml").write_text(whole, "utf-8")
    run_here(checkout, folder, "evaluate")
    store = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    before = {entry.path for entry in store.list_artifacts(found_run(store).info.run_id)}
    predictions = store.download_artifacts(found_run(store).info.run_id, "predictions.csv")
    kept = Path(predictions).read_bytes()
    (folder / "params.yaml").write_text(
        whole.replace(
            "  crop: 0.0             # at most, share of the side cut away from",
            "  crop: 0.6             # at most, share of the side cut away from",
        ),
        "utf-8",
    )
    run_here(checkout, folder, "evaluate")
    metrics, closer = found_run(store).data.metrics, read(folder, "metrics/evaluation.json")["validation"]
    assert metrics["validation.crop0.6.loss"] == closer["loss"]
    assert metrics["validation.loss"] != closer["loss"]
    assert {entry.path for entry in store.list_artifacts(found_run(store).info.run_id)} == before
    assert Path(store.download_artifacts(found_run(store).info.run_id, "predictions.csv")).read_bytes() == kept
    assert (folder / "plots/predictions.csv").read_bytes() != kept


def test_the_weights_do_not_depend_on_the_temperature(workspace: Path) -> None:
    model = workspace / "build/model"
    digest, text = weights_digest(model), json.loads((model / "model.json").read_text("utf-8"))
    kept = (model / "model.json").read_bytes()
    (model / "model.json").write_text(json.dumps(text | {"temperature": 3.0}), "utf-8")
    assert load_description(model).temperature == 3
    assert weights_digest(model) == digest
    (model / "model.json").write_bytes(kept)


def test_the_run_says_what_it_ran_on(workspace: Path) -> None:
    client = MlflowClient(f"sqlite:///{workspace / 'mlflow.db'}")
    (found,) = client.search_runs([experiment_id(client)])
    tags = found.data.tags
    assert (tags["precision"], tags["device"], tags["threads"], tags["processes"]) == ("fp32", "cpu", "1", "1")
    assert tags["processor"]
    assert tags["processor.instructions"] == torch.backends.cpu.get_cpu_capability()
    assert tags["requirements"] == "as pinned" or tags["requirements"].startswith("differ: ")
    report = json.loads(Path(client.download_artifacts(found.info.run_id, "environment.json")).read_text("utf-8"))
    assert report["versions"]["torch"] == tags["version.torch"] == torch.__version__
    assert report["run"].items() <= tags.items()


@pytest.mark.slow
def test_two_processes_under_torchrun_train_the_same_and_write_once(
    workspace: Path, checkout: Path, tmp_path: Path, blank_database: Path
) -> None:
    folder = tmp_path / "divided"
    shutil.copytree(workspace, folder, ignore=shutil.ignore_patterns("mlflow.db*", "mlartifacts", ".partial"))
    shutil.rmtree(folder / "build" / "model")
    shutil.copy(blank_database, folder / "mlflow.db")
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    printed = run(checkout, folder, "train", *torchrun)
    assert printed.count("training cnn") == 1
    assert "fp32 on cpu, 2 processes" in printed
    alone, divided = (pd.read_csv(place / "plots/history.csv") for place in (workspace, folder))
    assert list(divided["epoch"]) == list(alone["epoch"]) == [1, 2, 3]
    # Later epochs of so few pictures, at the full rate, carry the last digits far: see test_sharded_batch.py.
    for figure in ("train_loss", "val_loss"):
        assert divided[figure][0] == pytest.approx(alone[figure][0], abs=TOLERANCE)
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    (found,) = client.search_runs([experiment_id(client)])
    assert found.info.status == "FINISHED"
    assert found.data.tags["processes"] == "2"
    assert found.data.tags["sha256.weights"] == weights_digest(folder / "build/model")
    assert [point.step for point in client.get_metric_history(found.info.run_id, "val_loss")] == [1, 2, 3]
    assert not list((folder / ".partial" / "training").glob("*/*"))


def found_run(client: MlflowClient) -> Run:
    (found,) = client.search_runs([experiment_id(client)])
    return found


def experiment_id(client: MlflowClient) -> str:
    experiment = client.get_experiment_by_name("lithoscope")
    assert experiment is not None
    return str(experiment.experiment_id)

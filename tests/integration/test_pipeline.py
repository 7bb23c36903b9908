"""The real ``dvc`` in a clone, on a tiny set: what a user of DVC and MLflow expects, in the order of use."""

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from dvc.api import DVCFileSystem
from mlflow.tracking import MlflowClient
from PIL import Image

from lithoscope.models.saved_model import weights_digest

from helpers.pipeline_clone import CLASSES, Clone, read, runs

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def clone(packed_clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    made = packed_clone.copy(tmp_path_factory.mktemp("trained") / "clone")
    made.edit("params.yaml", r"^epochs: \d+", "epochs: 2")
    made.run("dvc", "repro", "--quiet")
    made.commit("Train on a tiny set")
    return made


@pytest.fixture
def store(clone: Clone) -> Iterator[MlflowClient]:
    before = mlflow.get_tracking_uri()
    uri = f"sqlite:///{clone.root / 'mlflow.db'}"
    mlflow.set_tracking_uri(uri)
    yield MlflowClient(uri)
    mlflow.set_tracking_uri(before)


def test_every_stage_leaves_what_it_promises(clone: Clone) -> None:
    predictions = pd.read_csv(clone.root / "plots" / "predictions.csv")
    data = read(clone, "metrics/data.json")
    assert len(predictions) == data["splits"]["test"]["photographs"]
    assert set(predictions["label"]) == set(CLASSES)
    figures = read(clone, "metrics/evaluation.json")
    assert set(figures) == {"test"}
    assert figures["test"]["accuracy"] == pytest.approx(
        (predictions["label"] == predictions["predicted"]).mean(), abs=1e-6
    )
    assert set(read(clone, "metrics/per_class.json")["test"]) == set(CLASSES)
    baselines = read(clone, "metrics/baselines.json")["test"]
    assert baselines["majority_class"] == pytest.approx(1 / 3)
    assert 0 <= baselines["colour_histogram"] <= 1
    people = read(clone, "metrics/people.json")
    assert people == {"status": "off", "note": "folder has no human data: nothing to compare with"}
    assert (clone.root / "build" / "embeddings" / "source.json").is_file()
    assert (clone.root / "plots" / "people.csv").read_text(encoding="utf-8").count("\n") == 1
    explained = read(clone, "build/explained/explained.json")
    assert explained["split"] == "test"
    assert all((clone.root / "build" / "explained" / one["map"]).is_file() for one in explained["examples"])
    assert set(read(clone, "metrics/comparisons.json")["test"]) == {"network", *baselines, "beats_baselines"}
    reason = read(clone, "metrics/train.json")["calibration"]["reason"]
    assert "validation photographs are too few" in reason
    assert figures["test"]["calibration"]["temperature"] == 1
    assert "granite &amp; gneiss" in (clone.root / "report" / "index.html").read_text(encoding="utf-8")


def test_a_second_repro_runs_nothing(clone: Clone) -> None:
    assert "Data and pipelines are up to date" in clone.run("dvc", "repro")


def test_the_headline_is_printed_with_its_interval_and_where_the_report_lies(clone: Clone) -> None:
    printed = clone.run("lithoscope", "summary")
    assert "95 % Wilson interval" in printed
    assert str(clone.root / "report" / "index.html") in printed


def test_git_holds_the_figures_and_no_picture(clone: Clone) -> None:
    tracked = set(clone.run("git", "ls-files").splitlines())
    assert {"dvc.lock", "plots/predictions.csv", "plots/history.csv", "metrics/evaluation.json"} <= tracked
    made = [name for name in tracked if name.startswith(("plots/", "build/", "report/"))]
    assert not [name for name in made if name.endswith((".png", ".jpg", ".html"))]
    assert not [name for name in made if name.startswith("build/")]
    assert "plots/people.csv" not in tracked


def test_the_gate_finds_results_that_belong_together(clone: Clone, tmp_path: Path) -> None:
    clone.run("lithoscope", "gate", "--baseline", "HEAD", "--json", str(tmp_path / "gate.json"), status=None)
    report = json.loads((tmp_path / "gate.json").read_text(encoding="utf-8"))
    # Two epochs need not beat colours; everything else must be in order, test photographs out of training included.
    assert not [reason for reason in report["failures"] if "is below the model" not in reason]
    assert [one["outcome"] for one in report["judgements"]] == ["no drop shown"] * 3
    assert any("My Rocks (1) [new]: Git does not hold it" in one["text"] for one in report["findings"])


def test_the_command_of_the_report_finds_its_run_which_keeps_the_report(clone: Clone, store: MlflowClient) -> None:
    summary = (clone.root / "report" / "summary.md").read_text(encoding="utf-8")
    command = summary.partition("```sh\n")[2].partition("```")[0].replace("\\\n", " ").strip()
    assert command in " ".join(
        (clone.root / "report" / "index.html").read_text("utf-8").replace("\\\n", " ").split("\n")
    )
    (run,) = runs(store)
    assert f"run         {run.info.run_id}\n" in clone.run(*command.split())
    kept = {one.path for one in store.list_artifacts(run.info.run_id, "report")}
    assert kept == {"report/index.html", "report/summary.md", "report/figures"}
    clone.run("lithoscope", "report", "--full")
    full = (clone.root / "report-full" / "index.html").read_text(encoding="utf-8")
    assert run.info.run_id in full
    assert run.info.run_id not in (clone.root / "report" / "index.html").read_text(encoding="utf-8")
    assert clone.run("git", "status", "--porcelain") == ""


def test_the_training_is_one_run_with_parameters_epochs_figures_and_tags(clone: Clone, store: MlflowClient) -> None:
    (run,) = runs(store)
    assert run.info.status == "FINISHED"
    assert run.data.params["epochs"] == "2"
    assert run.data.params["model.name"] == "cnn"
    for name in ("train_loss", "train_accuracy", "val_loss", "val_accuracy"):
        assert [metric.step for metric in store.get_metric_history(run.info.run_id, name)] == [1, 2]
    assert run.data.metrics["test.accuracy"] == read(clone, "metrics/evaluation.json")["test"]["accuracy"]
    assert run.data.tags["git.commit"] == clone.run("git", "rev-parse", "HEAD~1").strip()
    assert all(len(run.data.tags[f"sha256.{name}"]) == 64 for name in ("data", "weights", "parameters"))


def test_the_logged_model_loads_without_pickles_and_predicts_the_same(clone: Clone, store: MlflowClient) -> None:
    (run,) = runs(store)
    assert run.outputs is not None
    (output,) = run.outputs.model_outputs
    model = mlflow.pyfunc.load_model(f"models:/{output.model_id}")
    images = np.load(clone.root / "build" / "arrays" / "test.npy", mmap_mode="r")
    expected = pd.read_csv(clone.root / "plots" / "predictions.csv")
    predicted = model.predict(np.array(images))
    assert list(predicted["label"]) == list(expected["predicted"])
    columns = [f"p_{label}" for label in CLASSES]
    np.testing.assert_allclose(predicted[columns], expected[columns], atol=1e-6)
    assert model.metadata.signature is not None
    assert model.metadata.saved_input_example_info is not None
    kept = {path.suffix for path in (clone.root / "mlartifacts").rglob("*")}
    assert not kept & {".pkl", ".pickle", ".pt", ".pth", ".ckpt"}


def test_nothing_of_a_run_stands_in_a_file_that_dvc_tracks(clone: Clone, store: MlflowClient) -> None:
    ids = [runs(store)[0].info.run_id, str(clone.root)]
    for folder in ("build", "metrics", "plots", "report"):
        for file in (clone.root / folder).rglob("*"):
            if file.is_file() and file.suffix not in {".npy", ".png", ".safetensors"}:
                text = file.read_text(encoding="utf-8", errors="replace")
                assert not [word for word in ids if word in text], file


def test_predict_shows_labels_and_names_what_is_broken(clone: Clone, photographs: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    table, sheet = tmp_path / "labels.csv", tmp_path / "labels.png"
    printed = clone.run(
        "lithoscope",
        "predict",
        str(photographs / CLASSES[0]),
        str(tmp_path / "broken.jpg"),
        "--output",
        str(table),
        "--sheet",
        str(sheet),
        status=1,
    )
    assert "IMG 00.png" in printed
    assert f"error: {tmp_path / 'broken.jpg'}" in printed
    rows = pd.read_csv(table)
    assert len(rows) == 13
    assert rows["problem"].notna().sum() == 1
    assert rows.iloc[0][[f"p_{label}" for label in CLASSES]].sum() == pytest.approx(1, abs=1e-5)
    assert sheet.read_bytes().startswith(b"\x89PNG")


def test_an_experiment_with_a_small_learning_rate_is_a_run_of_that_name(clone: Clone, store: MlflowClient) -> None:
    clone.run("dvc", "exp", "run", "--quiet", "--name", "slow", "-S", "lr=1e-5", "evaluate")
    run = runs(store)[-1]
    assert run.data.tags["dvc.experiment"] == "slow"
    assert float(run.data.params["lr"]) == 1e-5
    assert "slow" in clone.run("dvc", "exp", "show", "--csv")
    difference = json.loads(clone.run("dvc", "metrics", "diff", "--json", "--all"))
    assert {"old", "new", "diff"} <= set(difference["metrics/headline.json"]["test.accuracy_high"])
    file = "metrics/evaluation.json"
    difference = json.loads(clone.run("dvc", "metrics", "diff", "--json", "--all", "--targets", file))
    assert {"old", "new", "diff"} <= set(difference[file]["test.interval.loss.high"])
    clone.run("git", "checkout", "--quiet", "--", ".")


def test_curves_confusion_reliability_and_coverage_are_drawn_for_two_experiments(clone: Clone) -> None:
    drawn = json.loads(clone.run("dvc", "plots", "diff", "--json", "HEAD", "slow"))["data"]
    curves = {
        "Loss": {"train_loss", "val_loss"},
        "Accuracy": {"train_accuracy", "val_accuracy"},
        "Reliability": {"before", "after", "perfect"},
        "plots/selective.csv": {"accuracy"},
    }
    for name, fields in curves.items():
        values = drawn[name][0]["content"]["data"]["values"]
        assert {value["rev"] for value in values} == {"HEAD", "slow"}
        assert {value.get("field", "accuracy") for value in values} >= fields
    confusion = drawn["plots/predictions.csv"][0]["content"]
    assert {value["rev"] for value in confusion["data"]["values"]} == {"HEAD", "slow"}
    assert {"predicted", "label"} <= set(confusion["data"]["values"][0])


def test_an_experiment_elsewhere_is_found_in_the_same_store(clone: Clone, store: MlflowClient) -> None:
    clone.run("dvc", "exp", "run", "--quiet", "--temp", "--name", "elsewhere", "-S", "seed=5")
    run = runs(store)[-1]
    assert run.data.tags["dvc.experiment"] == "elsewhere"
    assert "test.accuracy" in run.data.metrics
    assert run.data.params["seed"] == "5"


def test_every_part_of_training_and_of_the_model_can_be_set_in_params_yaml(clone: Clone) -> None:
    start = clone.root / ".partial" / "start.safetensors"
    shutil.copy(clone.root / "build" / "model" / "model.safetensors", start)
    settings = {
        "model.weights": start,
        "model.members": 2,
        "model.views": 2,
        "model.pooling": "both",
        "augment.online": 0.0,
        "augment.policy": "trivialaugment",
        "train.head_epochs": 1,
        "train.ema": 0.5,
        "split.validation": 0,
    }
    changes = [part for key, value in settings.items() for part in ("-S", f"{key}={value}")]
    printed = clone.run("dvc", "exp", "run", "--temp", "--name", "parts", *changes)
    assert "kept epoch" in printed
    assert "Warning" not in printed, printed
    files = DVCFileSystem(str(clone.root), rev="parts")
    description = json.loads(files.read_text("build/model/model.json"))
    assert (description["architecture"]["members"], description["views"]) == (2, 2)
    assert description["architecture"]["pooling"] == "both"
    assert description["pretrained"]["source"] == "start.safetensors"
    training = json.loads(files.read_text("metrics/train.json"))
    assert [member["epochs"] for member in training["members"]] == [3, 3]
    assert training["validation"] is None
    history = pd.read_csv(io.StringIO(files.read_text("plots/history.csv")))
    assert history["phase"].tolist() == ["head", "all", "all"]
    assert history["val_loss"].isna().all()


def test_an_experiment_elsewhere_is_kept_as_a_result_without_being_applied(clone: Clone) -> None:
    before = clone.run("git", "status", "--porcelain").splitlines()
    clone.run("lithoscope", "record", "elsewhere-seed5", "--experiment", "elsewhere")
    after = clone.run("git", "status", "--porcelain").splitlines()
    assert set(after) - set(before) == {"?? results/elsewhere-seed5.json"}
    kept = read(clone, "results/elsewhere-seed5.json")
    assert kept["command"] == "dvc exp run -S seed=5"
    assert kept["classes"] == list(CLASSES)
    assert (kept["parameters"]["seed"], kept["parameters"]["image_size"]) == (5, 32)
    assert len(kept["photographs"]) == kept["data"]["splits"]["test"]["photographs"] > 0
    assert (kept["precision"], kept["device"]) == ("fp32", "cpu")
    assert kept["seconds"] > 0
    assert kept["sha256"]["weights"] != weights_digest(clone.root / "build" / "model")
    clone.run("lithoscope", "results")
    assert "`dvc exp run -S seed=5`" in (clone.root / "docs" / "results.md").read_text(encoding="utf-8")
    clone.run("git", "checkout", "docs/results.md")
    (clone.root / "results" / "elsewhere-seed5.json").unlink()


def test_a_queued_experiment_runs_the_code_it_was_queued_with(clone: Clone) -> None:
    module = "src/lithoscope/evaluation/metrics.py"
    clone.edit(module, r'"n": len\(labels\),', '"n": len(labels), "marker": 1.0,')
    clone.run("dvc", "exp", "run", "--quiet", "--queue", "--name", "queued", "-S", "seed=6")
    clone.edit(module, r'"marker": 1.0', '"marker": 2.0')
    clone.run("dvc", "exp", "run", "--quiet", "--run-all")
    clone.run("git", "checkout", "--quiet", "--", ".")
    clone.run("dvc", "exp", "apply", "queued")
    assert read(clone, "metrics/evaluation.json")["test"]["marker"] == 1.0
    clone.run("git", "checkout", "--quiet", "--", ".")


def test_on_validation_the_test_figures_are_absent_and_the_same_run_gets_the_new_ones(
    clone: Clone, store: MlflowClient
) -> None:
    clone.run("dvc", "checkout", "--quiet", "--force")
    before = len(runs(store))
    clone.run("dvc", "exp", "run", "--quiet", "--name", "validated", "-S", "evaluate.on=validation", "evaluate")
    assert set(read(clone, "metrics/evaluation.json")) == {"validation"}
    assert set(read(clone, "metrics/per_class.json")) == {"validation"}
    assert set(pd.read_csv(clone.root / "plots" / "predictions.csv")["split"]) == {"validation"}
    assert len(runs(store)) == before, "nothing was trained, so no run was opened"
    assert {"test.accuracy", "validation.accuracy"} <= set(runs(store)[0].data.metrics)
    clone.run("git", "checkout", "--quiet", "--", ".")


def test_validation_photographs_are_scored_from_closer_on_request(clone: Clone) -> None:
    closer = ("-S", "evaluate.on=validation", "-S", "evaluate.crop=0.6", "evaluate")
    clone.run("dvc", "exp", "run", "--quiet", "--temp", "--name", "closer", *closer)
    scores = [
        DVCFileSystem(str(clone.root), rev=name).read_text("plots/predictions.csv") for name in ("validated", "closer")
    ]
    assert scores[0] != scores[1]


def test_figures_of_a_training_from_the_cache_say_so_where_the_store_has_no_run(clone: Clone, tmp_path: Path) -> None:
    clone.run("dvc", "checkout", "--quiet", "--force")
    clone.environment["MLFLOW_TRACKING_URI"] = f"sqlite:///{tmp_path / 'other.db'}"
    clone.run("dvc", "repro", "--quiet", "--force", "--single-item", "evaluate")
    del clone.environment["MLFLOW_TRACKING_URI"]
    (run,) = runs(MlflowClient(f"sqlite:///{tmp_path / 'other.db'}"))
    assert run.data.tags["trained"] == "not here: restored from DVC's cache"
    assert "test.accuracy" in run.data.metrics


def test_a_dead_tracking_server_ends_the_training_before_it_begins(clone: Clone) -> None:
    clone.environment["MLFLOW_TRACKING_URI"] = "http://127.0.0.1:9"
    printed = clone.run("dvc", "repro", "--force", "--single-item", "train", status=255)
    del clone.environment["MLFLOW_TRACKING_URI"]
    assert "error: MLflow: the store http://127.0.0.1:9 cannot be used" in printed
    assert "epoch" not in printed
    assert "Traceback" not in printed
    clone.run("dvc", "checkout", "--quiet", "--force")
    clone.run("git", "checkout", "--quiet", "--", ".")


@pytest.mark.parametrize("stage", ["download", "train"])
def test_a_mistake_in_the_parameters_ends_a_stage_in_a_line(clone: Clone, stage: str) -> None:
    clone.edit("params.yaml", r"^lr: \S+", "lr: fast")
    printed = clone.run("python", f"stages/{stage}.py", status=1)
    assert printed == 'error: params.yaml: lr = "fast": allowed: a number > 0 and ≤ 100\n'
    clone.run("git", "checkout", "--quiet", "--", ".")


def test_a_photograph_that_was_added_is_noticed(clone: Clone, photographs: Path, tmp_path: Path) -> None:
    own = tmp_path / photographs.name
    shutil.copytree(photographs, own)
    clone.run("lithoscope", "use", str(own))
    clone.run("dvc", "repro", "--quiet", "split")
    before = read(clone, "metrics/data.json")["photographs"]
    assert "changed" not in clone.run("dvc", "status", "download")
    rng = np.random.default_rng(99)
    Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(own / CLASSES[0] / "added.png")
    (own / CLASSES[1] / "notes.txt").write_text("no picture", encoding="utf-8")
    assert "changed" in clone.run("dvc", "status", "download")
    clone.run("dvc", "repro", "--quiet", "split")
    assert read(clone, "metrics/data.json")["photographs"] == before + 1
    assert "notes.txt" in (clone.root / "build" / "set_aside.csv").read_text(encoding="utf-8")

"""Stores that take figures and refuse files, or know no models."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
import torch
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import _artifact_repository_registry
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from mlflow.tracking import MlflowClient

from lithoscope.config.params import Parameters
from lithoscope.experiments.comparison import compare_runs, comparison_table
from lithoscope.experiments.comparison_page import comparison_page, draw_curves
from lithoscope.gate.checks import missing_figures
from lithoscope.gate.result_files import EVALUATION, ResultFiles
from lithoscope.models.classifier import build_classifier
from lithoscope.models.saved_model import ModelDescription, save_model
from lithoscope.tracking import Store, deliver, waiting
from lithoscope.tracking.connection import GONE

from helpers.made_up_settings import plain_architecture
from helpers.object_store import CREDENTIALS, ObjectStore
from helpers.tracking_server import Line, TrackingServer

pytestmark = pytest.mark.slow

CLASSES = ["basalt", "quartz"]
EXAMPLE = np.zeros((1, 32, 32, 3), np.uint8)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "model"
    torch.manual_seed(0)
    architecture = plain_architecture("cnn", image_size=32, classes=2)
    save_model(
        folder,
        ModelDescription(architecture, CLASSES, True, "folder", True, None),
        build_classifier(architecture).state_dict(),
    )
    return folder


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    store = ObjectStore("rocks", allowed=0)
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", store.address)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    yield store
    store.close()


@pytest.fixture
def kept_in(tmp_path: Path, blank_database: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A local database whose experiment keeps its files elsewhere."""
    shutil.copyfile(blank_database, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "elsewhere")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


def train(store: Store, params: Parameters, folder: Path, model: Path | None, checkout: Path) -> str:
    """Log what a training logs; return the run's id."""
    (folder / "history.csv").write_text("epoch\n1\n", encoding="utf-8")
    with store.run("quartz", params, {}) as run:
        run.log_metrics({"loss": 0.5}, 1)
        run.log_files(folder / "history.csv")
        run.log_metrics({"loss": 0.25}, 2)
        run.log_dict({"threads": 2}, "environment.json")
        if model:
            run.log_model(model, EXAMPLE, checkout / "src" / "lithoscope", CLASSES)
    return run.run_id


@pytest.mark.kind(
    about="MLflow",
    kind="an artifact store (S3) whose token expires",
    done="the training ends well; the files are kept here, and `lithoscope deliver` sends them",
    reported="mlflow/mlflow#19149",
)
@pytest.mark.fault(
    tried="The credentials of an S3 artifact store expire: at the first upload, after one, while the model is sent",
    outcome="One line; the training ends well, the run says FINISHED with all figures, and `lithoscope deliver` sends "
    "the files once the credentials are renewed",
)
@pytest.mark.parametrize("allowed", [0, 1, 4])
def test_an_expired_token_keeps_the_files_here_and_finishes_the_run(
    allowed: int,
    kept_in: str,
    bucket: ObjectStore,
    tmp_path: Path,
    params: Parameters,
    model: Path,
    checkout: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    MlflowClient(kept_in).create_experiment("elsewhere", artifact_location="s3://rocks/runs")
    bucket.allowed = allowed
    store = Store(kept_in, tmp_path)
    run_id = train(store, params, tmp_path, model if allowed == 4 else None, checkout)
    notes = [line for line in capfd.readouterr().err.splitlines() if line.startswith("note: ")]
    assert len(notes) == 1
    assert "ExpiredToken" in notes[0]
    run = store.client.get_run(run_id)
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"loss": 0.25})
    (journal,) = waiting(tmp_path)
    (refused,) = deliver(store.connection)
    assert "ExpiredToken" in refused.problem
    assert waiting(tmp_path) == [journal]

    bucket.allowed = 10**6
    (delivery,) = deliver(store.connection)
    assert delivery.whole, delivery.problem
    assert waiting(tmp_path) == []
    assert store.client.get_run(run_id).info.status == "FINISHED"
    kept = bucket.objects()
    assert kept["history.csv"] == b"epoch\n1\n"
    assert "environment.json" in kept
    assert ("model.safetensors" in kept) == (allowed == 4)
    if allowed == 4:
        assert kept["model.safetensors"] == (model / "model.safetensors").read_bytes()


class HttpResponseError(Exception):
    """What Azure's client raises."""


_AWAY = "HTTPSConnectionPool(host='storage', port=443): Max retries exceeded with url: /rocks"


@pytest.mark.kind(
    about="MLflow",
    kind="an artifact store (Google, Azure) that cannot be reached while the tracking server answers",
    done="the same; only where files go through the tracking server is that taken to be gone",
    reported="–",
)
@pytest.mark.parametrize(
    ("place", "error", "status"),
    [
        ("gs://rocks/runs", Exception(_AWAY), "FINISHED"),
        ("gs://rocks/runs", requests.ConnectionError(_AWAY), "FINISHED"),
        ("gs://rocks/runs", MlflowException(f"failures occurred while uploading: {_AWAY}"), "FINISHED"),
        ("wasbs://rocks@account.blob.core.windows.net/runs", HttpResponseError(_AWAY), "FINISHED"),
        ("abfss://rocks@account.dfs.core.windows.net/runs", TimeoutError("timed out"), "FINISHED"),
        (
            "mlflow-artifacts://server/runs",
            MlflowException(f"API request to http://server/x failed with exception {_AWAY}"),
            "RUNNING",
        ),
    ],
)
def test_an_artifact_store_that_is_away_keeps_the_files_here_and_finishes_the_run(
    place: str,
    error: Exception,
    status: str,
    kept_in: str,
    tmp_path: Path,
    params: Parameters,
    checkout: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    class Away(LocalArtifactRepository):
        def __init__(self, artifact_uri: str, **_: object) -> None:
            super().__init__((tmp_path / "nowhere").as_uri())
            self.artifact_uri = artifact_uri

        def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
            raise error

        def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
            raise error

    monkeypatch.setitem(_artifact_repository_registry._registry, place.partition(":")[0], Away)
    MlflowClient(kept_in).create_experiment("elsewhere", artifact_location=place)
    store = Store(kept_in, tmp_path)
    run_id = train(store, params, tmp_path, None, checkout)
    (note,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("note: ")]
    assert (GONE in note) == (status == "RUNNING")
    assert store.client.get_run(run_id).info.status == status
    (journal,) = waiting(tmp_path)
    assert (journal / "files" / "history.csv").is_file()
    (refused,) = deliver(store.connection)
    assert ("answers, but the place of its files does not take them" in refused.problem) == (status == "FINISHED")


@pytest.mark.kind(
    about="MLflow",
    kind="an artifact store whose client is not installed",
    done="the same, and a line names the package",
    reported="–",
)
def test_a_missing_client_library_keeps_the_files_here_and_finishes_the_run(
    kept_in: str, tmp_path: Path, params: Parameters, checkout: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    MlflowClient(kept_in).create_experiment("elsewhere", artifact_location="gs://rocks/runs")
    store = Store(kept_in, tmp_path)
    run_id = train(store, params, tmp_path, None, checkout)
    (note,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("note: ")]
    assert "no package for its file store" in note
    assert "google" in note
    run = store.client.get_run(run_id)
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"loss": 0.25})
    (journal,) = waiting(tmp_path)
    assert (journal / "files" / "history.csv").is_file()


@pytest.mark.kind(
    about="MLflow",
    kind="a server without `/logged-models`: MLflow 2, Azure ML",
    done="gets all but the model, the run says FINISHED, one line says why",
    reported="Azure/azure-sdk-for-python#44896",
)
@pytest.mark.fault(
    tried="A tracking server that keeps no models: MLflow 2, Azure ML",
    outcome="The run has all but the model and says FINISHED; one line says why",
)
def test_a_server_without_logged_models_gets_all_but_the_model(
    line: Line,
    server: TrackingServer,
    tmp_path: Path,
    params: Parameters,
    model: Path,
    checkout: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    line.absent = b"/logged-models"
    store = Store(line.address, tmp_path)
    run_id = train(store, params, tmp_path, model, checkout)
    (note,) = capfd.readouterr().err.splitlines()
    assert "no model, since this server has no /logged-models" in note
    assert waiting(tmp_path) == []
    client = MlflowClient(server.address)
    run = client.get_run(run_id)
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"loss": 0.25})
    assert {entry.path for entry in client.list_artifacts(run_id)} == {"environment.json", "history.csv"}


@pytest.mark.kind(
    about="MLflow",
    kind="infinity, which comes back from SQLite as 1.797e308",
    done="no number: never compared, charted or gated as one; a metrics file that holds it fails the gate",
    reported="mlflow/mlflow#22826",
)
def test_figures_that_came_from_no_number_are_none_in_what_the_store_gives_back(
    kept_in: str, tmp_path: Path, params: Parameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", kept_in)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    store = Store(kept_in, tmp_path)
    with store.run("diverged", params, {}) as run:
        run.log_metrics({"test.accuracy": float("inf"), "test.n": 10, "best_epoch": float("inf")})
        for epoch, loss in enumerate([0.5, float("inf"), float("nan"), float("-inf")], start=1):
            run.log_metrics({"val_loss": loss, "seconds": 1.0}, epoch)
    assert store.client.get_metric_history(run.run_id, "val_loss")[1].value > 1e308, "what MLflow makes of infinity"
    (past,) = store.past_runs()
    assert past.metrics == {"seconds": 1.0, "test.n": 10}
    assert store.by_epoch(run.run_id, "val_loss") == {1: 0.5}
    (compared,) = compare_runs(tmp_path, ["diverged"])
    assert (compared.accuracies, compared.best_epoch) == ([], None)
    head, lines = comparison_table([compared])
    (curve,) = draw_curves([compared], "loss").axes[0].lines[:1]
    assert np.asarray(curve.get_xydata()).tolist() == [[1.0, 0.5]], "the chart"
    assert not re.search(r"e\+?308|\binf\b|\bnan\b", " ".join(lines[0]) + comparison_page([compared], head, lines, ""))
    stated = {"test": {"loss": store.client.get_metric_history(run.run_id, "val_loss")[1].value}}
    result = ResultFiles("here", {EVALUATION: json.dumps(stated)})
    (failure,) = missing_figures(result, result)
    assert failure.text.startswith(f"{EVALUATION}: not a number: test.loss = 1.79"), "the gate"

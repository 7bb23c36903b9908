"""The only module that talks to MLflow's tracking server.

Runs are found by what they trained: the hash of the weights and the hash of the parameters are tags. No run id is
written to a file that DVC tracks, since it would change a stage's output from one repetition to the next.
"""

import logging
import os
import platform
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import requests
from filelock import FileLock, Timeout

from lithoscope.errors import LithoscopeError
from lithoscope.params import Parameters

# MLflow reads these when it is imported or first used. A dead server is to be noticed in seconds, not minutes, nobody
# is asked for or told anything over the network, and copying a small file needs no progress bar.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("DO_NOT_TRACK", "true")

import mlflow
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError  # what MLflow lets through when a database is damaged

EXPERIMENT = "lithoscope"
PARAMETERS_TAG, WEIGHTS_TAG, DATA_TAG = "sha256.parameters", "sha256.weights", "sha256.data"
DVC_TAG, GIT_TAG, SOURCE_TAG = "dvc.experiment", "git.commit", "trained"
_PACKAGES = ("torch", "torchvision", "lightning", "mlflow", "dvc", "numpy", "pillow", "scikit-learn")


def project_root(checkout: Path) -> Path:
    """Return the workspace a checkout belongs to: its own folder, or for a ``--temp`` or queued one the real one."""
    return Path(os.environ.get("DVC_ROOT") or checkout).resolve()


def tracking_uri(root: Path) -> str:
    """Return where runs are kept: ``MLFLOW_TRACKING_URI``, else a SQLite file at the root of the workspace."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root / 'mlflow.db'}"


def _shown(uri: str) -> str:
    """Return a URI without user name and password."""
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else uri


@dataclass(frozen=True)
class PastRun:
    """What the store keeps of a run.

    Attributes:
        run_id: MLflow's.
        name: The DVC experiment's, else what was trained on what.
        experiment: The DVC experiment's name, or "" where none ran.
        status: ``FINISHED``, ``FAILED``, ``KILLED`` or ``RUNNING``.
        parameters: Under dotted keys, as MLflow keeps them: texts.
        metrics: The latest value of each.
    """

    run_id: str
    name: str
    experiment: str
    status: str
    parameters: dict[str, str]
    metrics: dict[str, float]


class Store:
    """An MLflow tracking store, ready for runs."""

    def __init__(self, uri: str, root: Path) -> None:
        self.uri = uri
        try:
            self.shown = _shown(uri)
        except ValueError as error:
            raise LithoscopeError(f"MLFLOW_TRACKING_URI: not readable as an address: {error}") from None
        logging.getLogger("alembic").setLevel(logging.WARNING)  # the store's creation is no news to a user
        if uri.startswith(("http://", "https://")):
            _require_server(uri)
        try:
            # Several processes that create one SQLite store at once break it: one creates, the others wait.
            (root / ".partial").mkdir(parents=True, exist_ok=True)
            with FileLock(root / ".partial" / "mlflow.lock", timeout=120), _quiet("mlflow"):
                mlflow.set_tracking_uri(uri)
                self.client = MlflowClient(uri)
                self.experiment_id = self._experiment(root)
        except Timeout:
            raise LithoscopeError(
                f"MLflow: another process has held {root / '.partial' / 'mlflow.lock'} for two minutes; end it"
            ) from None
        except (MlflowException, SQLAlchemyError, OSError, ValueError, ImportError) as error:
            raise _unusable(uri, error) from None

    def _experiment(self, root: Path) -> str:
        found = self.client.get_experiment_by_name(EXPERIMENT)
        if found is not None:
            if found.lifecycle_stage == "deleted":
                self.client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)
        # A server decides for itself where artifacts go; a local store gets a folder of its own.
        local = (root / "mlartifacts").as_uri() if self.uri.startswith("sqlite:") else None
        return str(self.client.create_experiment(EXPERIMENT, artifact_location=local))

    @contextmanager
    def run(self, name: str, parameters: Parameters, tags: Mapping[str, str]) -> "Iterator[Run]":
        """Open a run; it is marked failed or killed where its body is."""
        facts = {**environment(), **tags}
        try:
            made = self.client.create_run(self.experiment_id, run_name=name, tags=facts)
            values = [Param(key, str(value)) for key, value in parameters.flat().items()]
            self.client.log_batch(made.info.run_id, params=values)
        except MlflowException as error:
            raise _unusable(self.uri, error) from None
        run = Run(self.client, made.info.run_id, self.uri)
        try:
            yield run
        except KeyboardInterrupt:
            run.finish("KILLED")
            raise
        except BaseException:
            run.finish("FAILED")
            raise
        run.finish("FINISHED")

    def find(self, parameters_digest: str, weights_digest: str) -> "Run | None":
        """Find the newest finished run that trained these weights with these parameters.

        Where several are alike, one of the DVC experiment that asks is preferred.
        """
        wanted = f"tags.`{PARAMETERS_TAG}` = '{parameters_digest}' and tags.`{WEIGHTS_TAG}` = '{weights_digest}'"
        try:
            found = self.client.search_runs(
                [self.experiment_id], wanted, order_by=["attributes.start_time DESC"], max_results=100
            )
        except MlflowException as error:
            raise _unusable(self.uri, error) from None
        mine = os.environ.get("DVC_EXP_NAME", "")
        best = min(found, key=lambda run: run.data.tags.get(DVC_TAG, "") != mine, default=None)
        return Run(self.client, best.info.run_id, self.uri) if best else None

    def past_runs(self) -> list[PastRun]:
        """Return every run, the newest first."""
        found: list[PastRun] = []
        token: str | None = None
        try:
            while True:
                page = self.client.search_runs(
                    [self.experiment_id], order_by=["attributes.start_time DESC"], max_results=1000, page_token=token
                )
                found += map(_past, page)
                token = page.token
                if not token:
                    return found
        except MlflowException as error:
            raise _unusable(self.uri, error) from None

    def by_epoch(self, run_id: str, metric: str) -> dict[int, float]:
        """Return a figure's value at each epoch; empty where the run has none."""
        try:
            return {point.step: point.value for point in self.client.get_metric_history(run_id, metric)}
        except MlflowException as error:
            raise _unusable(self.uri, error) from None

    def file(self, run_id: str, name: str) -> bytes | None:
        """Return what a file holds that was kept with a run by :meth:`Run.log_files`; None where there is none."""
        try:
            if name not in {entry.path for entry in self.client.list_artifacts(run_id)}:
                return None
            with tempfile.TemporaryDirectory() as folder:
                return Path(self.client.download_artifacts(run_id, name, folder)).read_bytes()
        except MlflowException as error:
            raise _unusable(self.uri, error) from None


def _past(run: "mlflow.entities.Run") -> PastRun:
    data = run.data
    name, experiment = str(run.info.run_name or ""), data.tags.get(DVC_TAG, "")
    return PastRun(run.info.run_id, name, experiment, str(run.info.status), dict(data.params), dict(data.metrics))


def open_store(checkout: Path) -> tuple[Path, Store]:
    """Return the workspace that a checkout belongs to, and its store.

    Raises:
        LithoscopeError: The store cannot be used.
    """
    root = project_root(checkout)
    return root, Store(tracking_uri(root), root)


class Run:
    """One MLflow run."""

    def __init__(self, client: MlflowClient, run_id: str, uri: str) -> None:
        self.client, self.run_id, self.uri = client, run_id, uri

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        try:
            yield
        except MlflowException as error:
            raise _unusable(self.uri, error) from None

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log figures, e.g. of one epoch."""
        now = int(time.time() * 1000)
        with self._reachable():
            self.client.log_batch(self.run_id, metrics=[Metric(k, float(v), now, step) for k, v in metrics.items()])

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags."""
        with self._reachable():
            self.client.log_batch(self.run_id, tags=[RunTag(key, value) for key, value in tags.items()])

    def log_files(self, *paths: Path) -> None:
        """Keep files with the run."""
        with self._reachable():
            for path in paths:
                self.client.log_artifact(self.run_id, str(path))

    def log_dict(self, values: Mapping[str, Any], name: str) -> None:
        """Keep values with the run as a JSON file of that name."""
        with self._reachable():
            self.client.log_dict(self.run_id, dict(values), name)

    def log_model(self, folder: Path, example: npt.NDArray[np.uint8], source: Path, classes: Sequence[str]) -> None:
        """Keep a model that ``mlflow.pyfunc.load_model`` loads, with its signature and an input example.

        Args:
            folder: What :func:`lithoscope.model_io.save_model` wrote.
            example: One square, uint8 (1, image_size, image_size, 3).
            source: The checkout's ``src/lithoscope``, kept with the model so that it loads anywhere.
            classes: Labels in the order of the logits.
        """
        with self._reachable(), _quiet("mlflow"), mlflow.start_run(run_id=self.run_id):
            mlflow.pyfunc.log_model(
                name="model",
                python_model=str(source / "serving" / "mlflow_model.py"),
                artifacts={"model": str(folder)},
                code_paths=[str(source)],
                signature=_signature(classes, example),
                input_example=example,
                pip_requirements=[f"{name}=={version(name)}" for name in _MODEL_PACKAGES],
            )

    def facts(self) -> tuple[dict[str, str], dict[str, float]]:
        """Return the run's tags and its latest metrics."""
        data = self.client.get_run(self.run_id).data
        return dict(data.tags), dict(data.metrics)

    def finish(self, status: str) -> None:
        """Close the run; a server that has gone away does not hide what went wrong before."""
        try:
            self.client.set_terminated(self.run_id, status)
        except MlflowException as error:
            if status == "FINISHED":
                raise _unusable(self.uri, error) from None


_MODEL_PACKAGES = ("torch", "torchvision", "numpy", "pandas", "pillow", "safetensors", "scipy", "imagehash", "mlflow")


def _signature(classes: Sequence[str], example: npt.NDArray[np.uint8]) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec

    columns: list[ColSpec | TensorSpec] = [
        ColSpec("string", "label"),
        ColSpec("float", "confidence"),
        *(ColSpec("float", f"p_{c}") for c in classes),
    ]
    return ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, *example.shape[1:]))]), outputs=Schema(columns)
    )


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Keep MLflow's running commentary off the terminal; its errors still come through."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        # Recorded, not filtered: what MLflow imports meanwhile puts filters of its own in front of any of ours.
        with warnings.catch_warnings(record=True) as caught:
            yield
        for warning in caught:
            # The model has a signature, which says more than the type hints that MLflow asks for.
            if "Add type hints to the `predict` method" not in str(warning.message):
                warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    finally:
        logger.setLevel(before)


def _require_server(uri: str) -> None:
    try:
        answer = requests.get(uri.rstrip("/") + "/health", timeout=5)
    except requests.RequestException as error:
        raise _unusable(uri, error) from None
    if answer.status_code >= 500:
        raise _unusable(uri, RuntimeError(f"it answers with status {answer.status_code}"))


def _unusable(uri: str, error: Exception) -> LithoscopeError:
    lines = str(error).replace(uri, _shown(uri)).splitlines()  # an error may quote the address with its password
    reason = type(error).__name__ if isinstance(error, requests.RequestException) or not lines else lines[0]
    return LithoscopeError(
        f"MLflow: the store {_shown(uri)} cannot be used ({reason}); start it, set MLFLOW_TRACKING_URI to one that "
        "runs, or unset it to keep runs in mlflow.db"
    )


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def environment() -> dict[str, str]:
    """Return what identifies code and machine: git commit, DVC experiment, versions, processor."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
        processor = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), processor)
    tags = {
        GIT_TAG: _git("rev-parse", "HEAD"),
        "git.changed": "yes" if _git("status", "--porcelain", "--untracked-files=no") else "no",
        DVC_TAG: os.environ.get("DVC_EXP_NAME", ""),
        "dvc.baseline": os.environ.get("DVC_EXP_BASELINE_REV", ""),
        "processor": processor,
        "python": platform.python_version(),
        **{f"version.{name}": version(name) for name in _PACKAGES},
    }
    tags["mlflow.source.git.commit"] = tags[GIT_TAG]
    return {key: value for key, value in tags.items() if value}


def run_name(parameters: Parameters) -> str:
    """Return a run's name: the DVC experiment's, else what was trained on what."""
    return os.environ.get("DVC_EXP_NAME") or f"{parameters.dataset} {parameters.model.name}"

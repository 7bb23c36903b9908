"""The tracking store: opening it, opening runs, finding them again."""

import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import mlflow
from filelock import FileLock, Timeout
from mlflow.entities import Param
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError  # what MLflow lets through when a database is damaged

from lithoscope.errors import LithoscopeError
from lithoscope.params import Parameters
from lithoscope.tracking.connection import project_root, quiet, require_server, shown, tracking_uri, unusable
from lithoscope.tracking.environment import DVC_TAG, PARAMETERS_TAG, WEIGHTS_TAG, environment
from lithoscope.tracking.run import Run

EXPERIMENT = "lithoscope"


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
            self.shown = shown(uri)
        except ValueError as error:
            raise LithoscopeError(f"MLFLOW_TRACKING_URI: not readable as an address: {error}") from None
        logging.getLogger("alembic").setLevel(logging.WARNING)  # the store's creation is no news to a user
        if uri.startswith(("http://", "https://")):
            require_server(uri)
        try:
            # Several processes that create one SQLite store at once break it: one creates, the others wait.
            (root / ".partial").mkdir(parents=True, exist_ok=True)
            with FileLock(root / ".partial" / "mlflow.lock", timeout=120), quiet("mlflow"):
                mlflow.set_tracking_uri(uri)
                self.client = MlflowClient(uri)
                self.experiment_id = self._experiment(root)
        except Timeout:
            raise LithoscopeError(
                f"MLflow: another process has held {root / '.partial' / 'mlflow.lock'} for two minutes; end it"
            ) from None
        except (MlflowException, SQLAlchemyError, OSError, ValueError, ImportError) as error:
            raise unusable(uri, error) from None

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
    def run(self, name: str, parameters: Parameters, tags: Mapping[str, str]) -> Iterator[Run]:
        """Open a run; it is marked failed or killed where its body is."""
        facts = {**environment(), **tags}
        try:
            made = self.client.create_run(self.experiment_id, run_name=name, tags=facts)
            values = [Param(key, str(value)) for key, value in parameters.flat().items()]
            self.client.log_batch(made.info.run_id, params=values)
        except MlflowException as error:
            raise unusable(self.uri, error) from None
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

    def find(self, parameters_digest: str, weights_digest: str) -> Run | None:
        """Find the newest finished run that trained these weights with these parameters.

        Where several are alike, one of the DVC experiment that asks is preferred.
        """
        wanted = f"tags.`{PARAMETERS_TAG}` = '{parameters_digest}' and tags.`{WEIGHTS_TAG}` = '{weights_digest}'"
        try:
            found = self.client.search_runs(
                [self.experiment_id], wanted, order_by=["attributes.start_time DESC"], max_results=100
            )
        except MlflowException as error:
            raise unusable(self.uri, error) from None
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
            raise unusable(self.uri, error) from None

    def by_epoch(self, run_id: str, metric: str) -> dict[int, float]:
        """Return a figure's value at each epoch; empty where the run has none."""
        try:
            return {point.step: point.value for point in self.client.get_metric_history(run_id, metric)}
        except MlflowException as error:
            raise unusable(self.uri, error) from None

    def file(self, run_id: str, name: str) -> bytes | None:
        """Return what a file holds that was kept with a run by :meth:`Run.log_files`; None where there is none."""
        try:
            if name not in {entry.path for entry in self.client.list_artifacts(run_id)}:
                return None
            with tempfile.TemporaryDirectory() as folder:
                return Path(self.client.download_artifacts(run_id, name, folder)).read_bytes()
        except MlflowException as error:
            raise unusable(self.uri, error) from None


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

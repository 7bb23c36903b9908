"""The tracking store: opening it, opening runs, finding them again."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlflow.entities import Run as MlflowRun
from mlflow.tracking import MlflowClient

from lithoscope.config.params import Parameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.core.numbers import is_number
from lithoscope.tracking.connection import FAILURES, Connection, artifact_store, project_root, tracking_uri
from lithoscope.tracking.delivery import deliver, find_run
from lithoscope.tracking.environment import DVC_TAG, PARAMETERS_TAG, SOURCE_TAG, WEIGHTS_TAG, environment
from lithoscope.tracking.journal import Journal
from lithoscope.tracking.run import Run


@dataclass(frozen=True)
class PastRun:
    """What the store keeps of a run.

    Attributes:
        run_id: MLflow's.
        name: The DVC experiment's, else what was trained on what.
        experiment: The DVC experiment's name, or "" where none ran.
        status: ``FINISHED``, ``FAILED``, ``KILLED`` or ``RUNNING``.
        parameters: Under dotted keys, as MLflow keeps them: texts.
        metrics: The latest value of each; those of a training that diverged, which came from no number, are left out.
        tags: All of them.
    """

    run_id: str
    name: str
    experiment: str
    status: str
    parameters: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]


class Store:
    """An MLflow tracking store.

    Args:
        uri: Where it is.
        root: The workspace.
        needed: Whether a store that cannot be used is an error. Otherwise only :meth:`trained` may be asked for, and
            keeps what it gets in a journal.

    Raises:
        LithoscopeError: The store cannot be used.
    """

    def __init__(self, uri: str, root: Path, *, needed: bool = True) -> None:
        self.connection = Connection(uri, root)
        self.shown = self.connection.shown
        self._lost: LithoscopeError | None = None
        try:
            self.connection.open()
        except LithoscopeError as error:
            if needed or not self.connection.remote:
                raise
            self._lost = error

    @property
    def reachable(self) -> bool:
        """Whether it could be used when it was opened; see ``needed``."""
        return self._lost is None

    @property
    def client(self) -> MlflowClient:
        """MLflow's."""
        return self.connection.client

    @property
    def experiment_id(self) -> str:
        """MLflow's."""
        return self.connection.experiment_id

    @contextmanager
    def run(self, name: str, parameters: Parameters, tags: Mapping[str, str]) -> Iterator[Run]:
        """Open a run; it is marked failed or killed where its body is.

        Raises:
            LithoscopeError: The store does not take it. From then on none is raised on the store's account.
        """
        journal = self._begin(name, parameters, tags, {})
        try:
            run = Run(self.connection, journal)
        except FAILURES as error:
            journal.remove()
            raise self.connection.unusable(error) from None
        yield from _closing(run)

    @contextmanager
    def trained(self, name: str, parameters: Parameters, hashes: Mapping[str, str]) -> Iterator[Run]:
        """Open the newest run that has these tags, or where there is none, a new one that says so.

        Where several are alike, one of the DVC experiment that asks is preferred. What waits in journals is sent
        first: that run may be among it.
        """
        if not self._lost:
            for delivery in deliver(self.connection):
                if delivery.sent:
                    print(delivery.line(), flush=True)
        journal = self._begin(name, parameters, {**hashes, SOURCE_TAG: "not here: restored from DVC's cache"}, hashes)
        try:
            run = Run(self.connection, journal, self._lost)
        except FAILURES as error:
            run = Run(self.connection, journal, self.connection.unusable(error))
        yield from _closing(run)

    def _begin(self, name: str, parameters: Parameters, tags: Mapping[str, str], wanted: Mapping[str, str]) -> Journal:
        journal = Journal.create(self.connection.root, self.shown, name, wanted)
        values = {key: str(value) for key, value in parameters.flat().items()}
        journal.append(parameters=values, tags={**environment(), **tags})
        return journal

    def find(self, parameters_digest: str, weights_digest: str) -> PastRun | None:
        """Find the newest run that trained these weights with these parameters."""
        try:
            found = find_run(self.connection, {PARAMETERS_TAG: parameters_digest, WEIGHTS_TAG: weights_digest})
        except FAILURES as error:
            raise self.connection.unusable(error) from None
        return _past(found) if found else None

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
        except FAILURES as error:
            raise self.connection.unusable(error) from None

    def by_epoch(self, run_id: str, metric: str) -> dict[int, float]:
        """Return a figure's value at each epoch where it is a number; empty where the run has none."""
        try:
            points = self.client.get_metric_history(run_id, metric)
        except FAILURES as error:
            raise self.connection.unusable(error) from None
        return {point.step: point.value for point in points if is_number(point.value)}

    def file(self, run_id: str, name: str) -> bytes | None:
        """Return what a file holds that was kept with a run by :meth:`Run.log_files`; None where there is none."""
        try:
            with artifact_store(), tempfile.TemporaryDirectory() as folder:
                if name not in {entry.path for entry in self.client.list_artifacts(run_id)}:
                    return None
                return Path(self.client.download_artifacts(run_id, name, folder)).read_bytes()
        except FAILURES as error:
            raise self.connection.unusable(error) from None


def _past(run: MlflowRun) -> PastRun:
    data = run.data
    name, experiment = str(run.info.run_name or ""), data.tags.get(DVC_TAG, "")
    metrics = {key: value for key, value in data.metrics.items() if is_number(value)}
    return PastRun(run.info.run_id, name, experiment, str(run.info.status), dict(data.params), metrics, dict(data.tags))


def _closing(run: Run) -> Iterator[Run]:
    try:
        yield run
    except KeyboardInterrupt:
        run.finish("KILLED")
        raise
    except BaseException:
        run.finish("FAILED")
        raise
    run.finish("FINISHED")


def open_store(checkout: Path, *, needed: bool = True) -> tuple[Path, Store]:
    """Return the workspace that a checkout belongs to, and its store; see :class:`Store`.

    Raises:
        LithoscopeError: The store cannot be used.
    """
    root = project_root(checkout)
    return root, Store(tracking_uri(root), root, needed=needed)

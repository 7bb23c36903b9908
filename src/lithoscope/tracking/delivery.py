"""Delivery of journals to a tracking store, idempotent: what has arrived is not sent again."""

import contextlib
import hashlib
import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mlflow.entities import LifecycleStage, LoggedModelStatus, Metric, Param, RunTag
from mlflow.entities import Run as MlflowRun
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.tracking import MlflowClient

from lithoscope.core.errors import LithoscopeError
from lithoscope.tracking.connection import FAILURES, GONE, NO_MODELS, Connection, artifact_store
from lithoscope.tracking.environment import DVC_TAG
from lithoscope.tracking.journal import CODE, EXAMPLE, FILES, MODEL, Journal, JournalRecord, Point, waiting
from lithoscope.tracking.model import log_model, served_code

JOURNAL_TAG = "journal"
_BATCH = 1000  # figures that MLflow takes at once
_SMALL_BATCH = 100  # parameters or tags
_OWN_CODE = Path(__file__).resolve().parents[1]
"""The code that runs here: the only one that is ever sent with a model, since MLflow runs what it is given."""


@dataclass(frozen=True)
class Sent:
    """What a delivery added to a run.

    Attributes:
        run_id: MLflow's.
        new: Whether the store had no such run.
        own: Whether the run was made of this journal, and is not one that was there before.
        parts: How many parameters, tags, figures, files and models were sent.
        withheld: Why the model was not, or "" where it was or there is none.
        note: What the store can never take, or "".
    """

    run_id: str
    new: bool
    own: bool
    parts: dict[str, int]
    withheld: str = ""
    note: str = ""

    def __str__(self) -> str:
        """Return it in words."""
        words = [f"{count} {name if count > 1 else name[:-1]}" for name, count in self.parts.items() if count]
        what = ("a new run with " if self.new else "") + (", ".join(words) or "nothing that was missing")
        return f"{what} ({self.note})" if self.note else what


def send(connection: Connection, journal: Journal, *, over: bool) -> Sent:
    """Send what the store lacks of a journal's run.

    Args:
        connection: Open.
        journal: Held by this process.
        over: Whether nothing more will come. A run that did not say how it ended was killed then.

    Raises:
        LithoscopeError: Somebody deleted the run in the store.
        MlflowException, OSError, SQLAlchemyError: The store went away, or refused.
    """
    client, record = connection.client, journal.record
    run = _find(connection, record)
    new = run is None
    if run is None:
        run = client.create_run(connection.experiment_id, record.started, {JOURNAL_TAG: record.id}, record.name)
    if run.info.lifecycle_stage == LifecycleStage.DELETED:
        raise LithoscopeError(
            f"MLflow: the run {run.info.run_id} was deleted in {connection.shown}: restore it there, or give up what "
            f"is missing in it by removing {journal.folder}"
        )
    run_id, own = run.info.run_id, run.data.tags.get(JOURNAL_TAG) == record.id
    parameters = {name: value for name, value in record.parameters.items() if name not in run.data.params}
    tags = {name: value for name, value in record.tags.items() if run.data.tags.get(name) != value}
    if not own:  # another training's run: what it says of itself stays
        parameters, tags = {}, {}
    for start in range(0, max(len(parameters), len(tags)), _SMALL_BATCH):
        part = slice(start, start + _SMALL_BATCH)
        client.log_batch(
            run_id,
            params=[Param(*item) for item in list(parameters.items())[part]],
            tags=[RunTag(*item) for item in list(tags.items())[part]],
        )
    points = _missing(client, run_id, record.points, run.data.metrics)
    send_points(client, run_id, points)
    refusal: Exception | None = None
    models, withheld = 0, ""
    note = "" if record.model is None or connection.keeps_models() else NO_MODELS
    try:
        with artifact_store():
            for name in record.files:
                client.log_artifact(run_id, str(journal.folder / FILES / name))
            if not note:
                models, withheld = _send_model(client, run_id, journal)
    except FAILURES as error:
        if connection.reason(error) == GONE:
            raise
        refusal = error  # files alone are refused: the store still learns how the run ended
    status = record.status or ("KILLED" if over else "RUNNING")
    if own and status == "RUNNING":
        client.update_run(run_id, status)
    elif own:
        client.set_terminated(run_id, status, record.ended)
    if refusal:
        raise refusal
    parts = {"parameters": len(parameters), "tags": len(tags), "figures": len(points), "files": len(record.files)}
    return Sent(run_id, new, own, {**parts, "models": models}, withheld, note)


def send_points(client: MlflowClient, run_id: str, points: list[Point]) -> None:
    """Send figures."""
    for start in range(0, len(points), _BATCH):
        client.log_batch(run_id, metrics=[Metric(*point) for point in points[start : start + _BATCH]])


def _find(connection: Connection, record: JournalRecord) -> MlflowRun | None:
    """Find a journal's run: by its id, by its tag (the answer with the id may have been lost), by its hashes."""
    client = connection.client
    if record.run_id:
        try:
            return client.get_run(record.run_id)
        except MlflowException as error:  # the store may have been replaced
            if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
                raise
    return find_run(connection, {JOURNAL_TAG: record.id}) or (
        find_run(connection, record.wanted) if record.wanted else None
    )


def find_run(connection: Connection, tags: Mapping[str, str]) -> MlflowRun | None:
    """Find the newest run with these tags; where several are alike, one of the DVC experiment that asks."""
    wanted = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
    found = connection.client.search_runs(
        [connection.experiment_id], wanted, order_by=["attributes.start_time DESC"], max_results=100
    )
    asking = os.environ.get("DVC_EXP_NAME", "")
    return min(found, key=lambda run: run.data.tags.get(DVC_TAG, "") != asking, default=None)


def _missing(client: MlflowClient, run_id: str, points: list[Point], latest: Mapping[str, float]) -> list[Point]:
    """Return the figures that a run lacks."""
    present = {
        (name, _as_kept(metric.value), metric.timestamp, metric.step)
        for name in {point.name for point in points} & set(latest)
        for metric in client.get_metric_history(run_id, name)
    }
    return [p for p in dict.fromkeys(points) if (p.name, _as_kept(p.value), p.milliseconds, p.step) not in present]


def _as_kept(value: float) -> str:
    """Write a figure as a SQLite store gives it back: infinity as the largest finite float."""
    return repr(max(-sys.float_info.max, min(sys.float_info.max, value)) if math.isinf(value) else value)


def _send_model(client: MlflowClient, run_id: str, journal: Journal) -> tuple[int, str]:
    """Send the model where the run has none that is whole; return how many were sent, or why it may not be."""
    kept = journal.record.model
    if kept is None:
        return 0, ""
    outputs = client.get_run(run_id).outputs
    begun = [client.get_logged_model(output.model_id) for output in (outputs.model_outputs if outputs else [])]
    if any(model.status == LoggedModelStatus.READY for model in begun):
        return 0, ""
    if _hashes(journal.folder / CODE / kept["code"][0]) != _hashes(_OWN_CODE):
        return 0, (
            "other code made it than this, and is never run: check out the commit that the run's tag git.commit names, "
            f"and deliver again; that code lies in {journal.folder / CODE}"
        )
    log_model(
        run_id,
        journal.folder / MODEL,
        np.load(journal.folder / EXAMPLE, allow_pickle=False),
        _OWN_CODE,
        kept["classes"],
        kept["requirements"],
        begun[0].model_id if begun else None,
    )
    return 1, ""


def _hashes(source: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of the code that a served model runs."""
    return {name: hashlib.sha256((source / name).read_bytes()).hexdigest() for name in served_code(source)}


@dataclass(frozen=True)
class Delivery:
    """What became of one journal: what was sent, and why not all, or nothing, of it was."""

    name: str
    folder: Path
    sent: Sent | None
    problem: str

    @property
    def whole(self) -> bool:
        """Whether the store now has everything, so that the journal is gone."""
        return self.sent is not None and not self.problem

    def line(self) -> str:
        """Say it in a line."""
        if self.sent and self.problem:
            return f"{self.name}: sent {self.sent}, but not its model: {self.problem}"
        return f"{self.name}: sent {self.sent}" if self.sent else f"{self.name}: not sent: {self.problem}"


def deliver(connection: Connection, *, here: bool = False) -> list[Delivery]:
    """Send what every journal of a workspace still holds, the oldest first; those of living processes are left alone.

    Args:
        connection: Open.
        here: Also send what was meant for another store.
    """
    done = []
    for folder in waiting(connection.root):
        try:
            journal = Journal.take_over(folder)
        except (OSError, LithoscopeError) as error:  # another user's, or damaged
            done.append(Delivery(folder.name, folder, None, str(error)))
            continue
        if journal is None:
            continue
        record, sent, problem = journal.record, None, ""
        try:
            if record.store != connection.shown and not here:
                problem = f"it is for {record.store}: set MLFLOW_TRACKING_URI to that, or send it elsewhere with --here"
            else:
                sent = send(connection, journal, over=True)
                problem = sent.withheld
                if not problem:
                    journal.remove()
        except LithoscopeError as error:
            problem = str(error)
        except FAILURES as error:
            problem = str(connection.unusable(error))
        finally:
            with contextlib.suppress(OSError):
                journal.release()
        done.append(Delivery(record.name, folder, sent, problem))
    return done

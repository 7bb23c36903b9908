"""A tracked run, whose store may go away and come back meanwhile."""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from mlflow.entities import RunTag

from lithoscope.core.errors import LithoscopeError
from lithoscope.tracking.connection import FAILURES, NO_MODELS, Connection, artifact_store
from lithoscope.tracking.delivery import send, send_points
from lithoscope.tracking.journal import Journal, Point, now
from lithoscope.tracking.model import log_model, requirements

PATIENCE = 10
"""How many times as long as a try in vain took to wait before the next: at most a tenth of the time is lost."""


class Run:
    """One run.

    All that is logged stands in the journal first. A store that does not take it ends nothing: the run goes on, tries
    again from time to time, and what is missing in the end stays in the journal for ``lithoscope deliver``. Methods
    raise ``OSError`` where the journal cannot be written.

    Args:
        connection: To the store; open, unless ``lost`` says why it is not.
        journal: Of this run.
        lost: Why the store cannot be used, or None.
    """

    def __init__(self, connection: Connection, journal: Journal, lost: LithoscopeError | None = None) -> None:
        self._connection, self._journal = connection, journal
        self._own, self._offline, self._next_try = True, False, 0.0
        if lost:
            self._go_offline(str(lost).partition("; ")[0], 0)
        else:
            sent = send(connection, journal, over=False)
            self._own = sent.own
            journal.append(run_id=sent.run_id)

    @property
    def run_id(self) -> str:
        """MLflow's id, or "" while the store has not answered."""
        return self._journal.record.run_id or ""

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log figures, e.g. of one epoch."""
        points = [Point(name, float(value), now(), step) for name, value in metrics.items()]
        self._journal.append_points(points)
        self._send(lambda: send_points(self._connection.client, self.run_id, points))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags."""
        self._journal.append(tags=dict(tags))
        changes = [RunTag(name, value) for name, value in tags.items()]
        self._send(lambda: self._connection.client.log_batch(self.run_id, tags=changes))

    def log_files(self, *paths: Path) -> None:
        """Keep files, or folders, with the run."""
        for path in paths:
            self._send(
                lambda path=path: self._upload(lambda: self._connection.client.log_artifact(self.run_id, str(path))),  # type: ignore[misc]
                lambda path=path: self._journal.keep_file(path),  # type: ignore[misc]
            )

    def log_dict(self, values: Mapping[str, Any], name: str) -> None:
        """Keep values with the run as a JSON file of that name."""
        text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
        self._send(
            lambda: self._upload(lambda: self._connection.client.log_text(self.run_id, text, name)),
            lambda: self._journal.keep_text(text, name),
        )

    def log_model(self, folder: Path, example: npt.NDArray[np.uint8], source: Path, classes: Sequence[str]) -> None:
        """Keep a model that ``mlflow.pyfunc.load_model`` loads, with its signature and an input example.

        Args:
            folder: What :func:`lithoscope.models.saved_model.save_model` wrote.
            example: One square, uint8 (1, image_size, image_size, 3).
            source: The checkout's ``src/lithoscope``; what the model needs of it is kept with it, so that it loads
                anywhere.
            classes: Labels in the order of the logits.
        """
        packages = requirements(folder)

        def to_store() -> None:
            if self._connection.keeps_models():
                log_model(self.run_id, folder, example, source, classes, packages)
            else:
                print(f"note: MLflow: the run in {self._connection.shown} has {NO_MODELS}", file=sys.stderr, flush=True)

        self._send(to_store, lambda: self._journal.keep_model(folder, example, source, classes, packages))

    @staticmethod
    def _upload(upload: Callable[[], object]) -> None:
        with artifact_store():
            upload()

    def place(self) -> str:
        """Say where the run is, as the end of a sentence."""
        if self._offline:
            return f"kept in {self._journal.folder} until you send it to {self._connection.shown}: lithoscope deliver"
        return f"in {self._connection.shown}"

    def finish(self, status: str) -> None:
        """Close the run; a store that has gone away, or a full disk, does not hide what went wrong before.

        Args:
            status: ``FINISHED``, ``FAILED`` or ``KILLED``.
        """
        try:
            self._journal.append(status=status)
        except OSError:
            if status == "FINISHED":
                raise
        if self._offline:
            self._reconnect()
        elif self._own:
            self._try(lambda: self._connection.client.set_terminated(self.run_id, status))
        if self._offline:
            self._journal.release()
        else:
            self._journal.remove()

    def _send(self, to_store: Callable[[], object], to_journal: Callable[[], object] = lambda: None) -> None:
        if not self._offline and self._try(to_store):
            return
        to_journal()
        if time.monotonic() >= self._next_try:
            self._reconnect()

    def _try(self, to_store: Callable[[], object]) -> bool:
        began = time.monotonic()
        try:
            to_store()
        except FAILURES as error:
            reason = f"MLflow: the store {self._connection.shown} took nothing ({self._connection.reason(error)})"
            self._go_offline(reason, time.monotonic() - began)
            return False
        return True

    def _go_offline(self, reason: str, seconds: float) -> None:
        """Go on without the store."""
        self._offline = True
        self._next_try = time.monotonic() + max(PATIENCE * seconds, 1)
        print(
            f"note: {reason}; what it lacks is kept in {self._journal.folder} and sent once it answers again",
            file=sys.stderr,
            flush=True,
        )

    def _reconnect(self) -> None:
        """Try to send all that the store lacks."""
        began = time.monotonic()
        try:
            self._connection.open()
            sent = send(self._connection, self._journal, over=False)
        except (*FAILURES, LithoscopeError):
            self._next_try = time.monotonic() + max(PATIENCE * (time.monotonic() - began), 1)
            return
        self._journal.append(run_id=sent.run_id)
        if sent.withheld:  # the code was changed meanwhile: the model stays in the journal
            self._next_try = time.monotonic() + max(PATIENCE * (time.monotonic() - began), 1)
            return
        self._own, self._offline = sent.own, False
        print(f"note: MLflow: {self._connection.shown} answers again: sent {sent}", file=sys.stderr, flush=True)

"""One run in the tracking store."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from mlflow.entities import Metric, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from lithoscope.tracking.connection import unusable
from lithoscope.tracking.model import log_model


class Run:
    """One MLflow run."""

    def __init__(self, client: MlflowClient, run_id: str, uri: str) -> None:
        self.client, self.run_id, self.uri = client, run_id, uri

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        try:
            yield
        except MlflowException as error:
            raise unusable(self.uri, error) from None

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

    def log_model(self, folder: Path, example: npt.NDArray[np.uint8], source: Path, classes: Sequence[str]) -> None:
        """Keep a model that ``mlflow.pyfunc.load_model`` loads, with its signature and an input example.

        Args:
            folder: What :func:`lithoscope.model_io.save_model` wrote.
            example: One square, uint8 (1, image_size, image_size, 3).
            source: The checkout's ``src/lithoscope``, kept with the model so that it loads anywhere.
            classes: Labels in the order of the logits.
        """
        with self._reachable():
            log_model(self.run_id, folder, example, source, classes)

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
                raise unusable(self.uri, error) from None

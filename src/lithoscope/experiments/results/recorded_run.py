"""Recorded runs: the files of ``results/``, whose figures are computed from the probabilities in them.

What computes them is imported where it is asked for: scikit-learn and pandas take seconds, and lists need neither.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lithoscope.core.files import read_json
from lithoscope.core.random_streams import generator
from lithoscope.evaluation.specimens import specimen_figures
from lithoscope.evaluation.statistics.bootstrap import effective_cases
from lithoscope.experiments.recipes import recipe_and_seed


@dataclass(frozen=True)
class RecordedRun:
    """One file of ``results/``.

    Attributes:
        name: The file's name without its ending.
        recipe: The name without its seed.
        seed: The one in its name, or None.
        values: What the file holds. Files of earlier versions lack some keys.
    """

    name: str
    recipe: str
    seed: int | None
    values: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> "RecordedRun":
        """Read a file."""
        return cls(path.stem, *recipe_and_seed(path.stem), read_json(path, "restore it from Git, or record it"))

    @cached_property
    def _probabilities_and_labels(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        classes, photographs = self.values["classes"], self.values["photographs"]
        labels = np.array([classes.index(photograph["label"]) for photograph in photographs], dtype=np.int64)
        return np.array([photograph["p"] for photograph in photographs], dtype=np.float64), labels

    @cached_property
    def figures(self) -> dict[str, Any]:
        """The overall figures of :func:`lithoscope.evaluation.metrics.evaluate`."""
        from lithoscope.evaluation.metrics import evaluate

        return evaluate(*self._probabilities_and_labels, self.values["classes"]).overall

    @cached_property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """Their 95 % intervals, of the resamples that the run's own evaluation drew.

        See :func:`lithoscope.evaluation.metric_intervals.figure_intervals`.
        """
        from lithoscope.evaluation.metric_intervals import figure_intervals

        clustered = self.values.get("clustered", False)
        groups = list(self.groups.values())
        return figure_intervals(*self._probabilities_and_labels, groups, self.values["split"], clustered=clustered)

    @cached_property
    def effective(self) -> int:
        """As how many independent photographs they count for the accuracy's interval."""
        right = np.array(list(self.correct.values()))
        if not self.values.get("clustered"):
            return len(right)
        draws = generator(0, "accuracy", self.values["split"])
        return effective_cases(right, list(self.groups.values()), draws)

    @cached_property
    def specimens(self) -> dict[str, Any]:
        """The accuracy per specimen; see :func:`lithoscope.evaluation.specimens.specimen_figures`."""
        named = [photograph.get("specimen", "") for photograph in self.values["photographs"]]
        return specimen_figures(
            *self._probabilities_and_labels, named, list(self.groups.values()), self.values["split"]
        )

    @cached_property
    def groups(self) -> dict[str, str]:
        """Of each photograph's id, the group of near-duplicates and specimens it belongs to."""
        return {
            photograph["id"]: photograph.get("group", photograph["id"]) for photograph in self.values["photographs"]
        }

    @cached_property
    def correct(self) -> dict[str, bool]:
        """Of each photograph's id, whether its prediction is correct."""
        classes = self.values["classes"]
        return {
            photograph["id"]: classes[int(np.argmax(photograph["p"]))] == photograph["label"]
            for photograph in self.values["photographs"]
        }

    def validation(self, figure: str) -> float | None:
        """Return the best epoch's validation ``accuracy`` or ``loss``, or None without validation photographs.

        Where a head was fitted after the epochs, they are that one's.
        """
        training = self.values["training"]
        found: float | None = (training.get("refit") or training.get("validation") or {}).get(figure)
        return found

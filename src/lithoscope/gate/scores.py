"""The predictions that are judged, and the metrics that are computed from them."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lithoscope.core.errors import LithoscopeError

Floats = npt.NDArray[np.float64]

COLUMNS = ("id", "split", "label", "predicted")
LEAST = 5e-7  # what a probability of 0.000000 may have been before it was written with six digits


@dataclass(frozen=True)
class Scores:
    """What a model said of each photograph.

    Attributes:
        split: The name of the split that was scored.
        ids: The photographs, each once.
        classes: Names of the classes.
        labels: int64 (n,). Index of each photograph's class.
        predicted: int64 (n,). Index of the class that was named.
        picked: float64 (n,). Probability given to the right class, 0 … 1.
        groups: The group of near-duplicates each photograph belongs to, which resamples draw together; itself where
            nothing is known.
    """

    split: str
    ids: list[str]
    classes: list[str]
    labels: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    picked: Floats
    groups: list[str]

    def __len__(self) -> int:
        """Return the number of photographs."""
        return len(self.ids)

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Whether each photograph was named right, (n,)."""
        return np.asarray(self.labels == self.predicted)

    def losses(self) -> Floats:
        """Return the cross-entropy of each photograph, nats, (n,)."""
        return np.asarray(-np.log(np.clip(self.picked, LEAST, 1)))

    def labelled(self) -> dict[str, str]:
        """Return the name of each photograph's class, by its id."""
        return dict(zip(self.ids, [self.classes[label] for label in self.labels], strict=True))

    def like(self, other: "Scores") -> "Scores":
        """Return these scores in the order of another's, which holds the same photographs."""
        row = {name: place for place, name in enumerate(self.ids)}
        order = np.array([row[name] for name in other.ids], dtype=np.int64)
        return Scores(
            self.split,
            other.ids,
            self.classes,
            self.labels[order],
            self.predicted[order],
            self.picked[order],
            [self.groups[row] for row in order],
        )


def read_scores(text: str, where: str) -> Scores:
    """Read ``predictions.csv``.

    Args:
        text: Columns ``id, split, label, predicted`` and ``p_<class>`` for each class; others are ignored.
        where: Names it in errors.

    Raises:
        LithoscopeError: It is no such table, is empty, names a photograph twice or a class that has no column, or
            holds a probability that is none.
    """
    try:
        table = pd.read_csv(io.StringIO(text), keep_default_na=False, dtype=str)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise LithoscopeError(f"{where}: no table ({error})") from None
    classes = [name.removeprefix("p_") for name in table.columns if name.startswith("p_")]
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing or not classes:
        raise LithoscopeError(f"{where}: without the column {(missing or ['p_<class>'])[0]}")
    if table.empty:
        raise LithoscopeError(f"{where}: holds no photograph")
    twice = table.loc[table["id"].duplicated(), "id"]
    if len(twice):
        raise LithoscopeError(f"{where}: {twice.iloc[0]} stands there more than once")
    index = {name: place for place, name in enumerate(classes)}
    unknown = sorted({*table["label"], *table["predicted"]} - index.keys())
    if unknown:
        raise LithoscopeError(f"{where}: the class {unknown[0]} has no column p_{unknown[0]}")
    try:
        probabilities = table[[f"p_{name}" for name in classes]].to_numpy().astype(np.float64)
    except ValueError as error:
        raise LithoscopeError(f"{where}: {error}") from None
    bad = ~np.isfinite(probabilities) | (probabilities < 0) | (probabilities > 1)
    if bad.any():
        row, column = (int(place) for place in np.argwhere(bad)[0])
        raise LithoscopeError(
            f"{where}: {table['id'].iloc[row]}: p_{classes[column]} is {probabilities[row, column]}, no probability"
        )
    labels = np.array([index[name] for name in table["label"]], dtype=np.int64)
    predicted = np.array([index[name] for name in table["predicted"]], dtype=np.int64)
    picked = probabilities[np.arange(len(labels)), labels]
    ids = table["id"].tolist()
    return Scores(str(table["split"].iloc[0]), ids, classes, labels, predicted, picked, groups=ids)


@dataclass(frozen=True)
class Metric:
    """A figure that is a function of sums over photographs, so that resampling them is cheap.

    Attributes:
        columns: Gives what is summed, float64 (n, columns).
        figure: Turns sums (…, columns) into figures (…).
    """

    columns: Callable[[Scores], Floats]
    figure: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]

    def of(self, scores: Scores) -> float:
        """Return the metric."""
        return float(self.figure(self.columns(scores).sum(axis=0)))


def _mean_of(values: Callable[[Scores], npt.NDArray[Any]]) -> Metric:
    return Metric(
        lambda scores: np.stack([values(scores).astype(np.float64), np.ones(len(scores))], axis=1),
        lambda sums: sums[..., 0] / sums[..., 1],
    )


def _counts(scores: Scores) -> Floats:
    """Return for each photograph, three columns a class: hit, labelled so, named so."""
    every = np.arange(len(scores.classes))
    labelled, named = scores.labels[:, None] == every, scores.predicted[:, None] == every
    return np.stack([labelled & named, labelled, named], axis=2).reshape(len(scores), -1).astype(np.float64)


def _macro_f1(sums: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the mean F1 over classes that have photographs, as :func:`lithoscope.evaluation.metrics.evaluate` does."""
    table = sums.reshape(*sums.shape[:-1], -1, 3)
    hits, labelled, named = table[..., 0], table[..., 1], table[..., 2]
    f1 = 2 * hits / np.maximum(labelled + named, 1)
    return np.asarray((f1 * (labelled > 0)).sum(axis=-1) / (labelled > 0).sum(axis=-1))


METRICS: Mapping[str, Metric] = {
    "accuracy": _mean_of(lambda scores: scores.right),
    "macro_f1": Metric(_counts, _macro_f1),
    "loss": _mean_of(Scores.losses),
}

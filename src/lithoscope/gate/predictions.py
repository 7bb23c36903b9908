"""Predictions of a model on a split, and the metrics that are computed from them."""

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
HALF_DIGIT = 5e-7  # of a probability, which is written with six digits: how far it may be from what it was


@dataclass(frozen=True)
class Predictions:
    """What a model said of each photograph.

    Attributes:
        split: The name of the split that was scored.
        ids: The photographs, each once.
        classes: Names of the classes.
        labels: int64 (n,). Index of each photograph's class.
        predicted: int64 (n,). Index of the predicted class.
        p_true: float64 (n,). Probability of the true class, 0 … 1.
        groups: The group of near-duplicates and specimens each photograph belongs to, which resamples draw together;
            its specimen or itself where nothing else is known.
    """

    split: str
    ids: list[str]
    classes: list[str]
    labels: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    p_true: Floats
    groups: list[str]

    def __len__(self) -> int:
        """Return the number of photographs."""
        return len(self.ids)

    @property
    def correct(self) -> npt.NDArray[np.bool_]:
        """Whether each prediction is correct, bool (n,)."""
        return np.asarray(self.labels == self.predicted)

    def losses(self) -> Floats:
        """Return the cross-entropy of each photograph, nats, (n,)."""
        return np.asarray(-np.log(np.clip(self.p_true, HALF_DIGIT, 1)))

    def label_by_id(self) -> dict[str, str]:
        """Return the name of each photograph's class, by its id."""
        return dict(zip(self.ids, [self.classes[label] for label in self.labels], strict=True))

    def in_order_of(self, other: "Predictions") -> "Predictions":
        """Return these predictions in the order of another's, which holds the same photographs."""
        row = {name: place for place, name in enumerate(self.ids)}
        order = np.array([row[name] for name in other.ids], dtype=np.int64)
        return Predictions(
            self.split,
            other.ids,
            self.classes,
            self.labels[order],
            self.predicted[order],
            self.p_true[order],
            [self.groups[row] for row in order],
        )


def read_predictions(text: str, where: str) -> Predictions:
    """Read ``predictions.csv``; see :func:`read_prediction_table`."""
    table = read_prediction_table(text, where)
    classes = class_columns(table)
    index = {name: place for place, name in enumerate(classes)}
    labels, predicted = (
        np.array([index[name] for name in table[column]], dtype=np.int64) for column in ("label", "predicted")
    )
    probabilities = table[[f"p_{name}" for name in classes]].to_numpy()
    ids = table["id"].tolist()
    p_true = probabilities[np.arange(len(labels)), labels]
    specimens = table["specimen"] if "specimen" in table else [""] * len(ids)
    groups = [f"specimen {specimen}" if specimen else name for specimen, name in zip(specimens, ids, strict=True)]
    return Predictions(str(table["split"].iloc[0]), ids, classes, labels, predicted, p_true, groups)


def class_columns(table: pd.DataFrame) -> list[str]:
    """Return the classes that a table has probabilities of, in its order."""
    return [name.removeprefix("p_") for name in table.columns if name.startswith("p_")]


def read_prediction_table(text: str, where: str) -> pd.DataFrame:
    """Read ``predictions.csv`` as a table: texts, and probabilities as float64.

    Args:
        text: Columns ``id, split, label, predicted`` and ``p_<class>`` for each class, perhaps ``specimen``; others are
            ignored.
        where: Names it in errors.

    Raises:
        LithoscopeError: It is no such table, is empty, names a photograph twice or a class that has no column, or
            holds a probability that is none.
    """
    try:
        table = pd.read_csv(io.StringIO(text), keep_default_na=False, dtype=str)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise LithoscopeError(f"{where}: no table ({error})") from None
    classes = class_columns(table)
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing or not classes:
        raise LithoscopeError(f"{where}: without the column {(missing or ['p_<class>'])[0]}")
    if table.empty:
        raise LithoscopeError(f"{where}: holds no photograph")
    duplicates = table.loc[table["id"].duplicated(), "id"]
    if len(duplicates):
        raise LithoscopeError(f"{where}: {duplicates.iloc[0]} stands there more than once")
    unknown = sorted({*table["label"], *table["predicted"]} - set(classes))
    if unknown:
        raise LithoscopeError(f"{where}: the class {unknown[0]} has no column p_{unknown[0]}")
    columns = [f"p_{name}" for name in classes]
    try:
        table[columns] = table[columns].astype(np.float64)
    except ValueError as error:
        raise LithoscopeError(f"{where}: {error}") from None
    probabilities = table[columns].to_numpy()
    bad = ~np.isfinite(probabilities) | (probabilities < 0) | (probabilities > 1)
    if bad.any():
        row, column = (int(place) for place in np.argwhere(bad)[0])
        raise LithoscopeError(
            f"{where}: {table['id'].iloc[row]}: p_{classes[column]} is {probabilities[row, column]}, no probability"
        )
    return table


@dataclass(frozen=True)
class Metric:
    """A figure that is a function of sums over photographs, so that resampling them is cheap.

    Attributes:
        columns: Gives what is summed, float64 (n, columns).
        figure: Turns sums (…, columns) into figures (…).
    """

    columns: Callable[[Predictions], Floats]
    figure: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]

    def of(self, predictions: Predictions) -> float:
        """Return the metric."""
        return float(self.figure(self.columns(predictions).sum(axis=0)))


def _mean_of(values: Callable[[Predictions], npt.NDArray[Any]]) -> Metric:
    return Metric(
        lambda predictions: np.stack([values(predictions).astype(np.float64), np.ones(len(predictions))], axis=1),
        lambda sums: sums[..., 0] / sums[..., 1],
    )


def _counts(predictions: Predictions) -> Floats:
    """Return for each photograph, three columns a class: true positive, labelled so, predicted so."""
    every = np.arange(len(predictions.classes))
    labelled, named = predictions.labels[:, None] == every, predictions.predicted[:, None] == every
    return np.stack([labelled & named, labelled, named], axis=2).reshape(len(predictions), -1).astype(np.float64)


def _macro_f1(sums: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the mean F1 over classes that have photographs, as :func:`lithoscope.evaluation.metrics.evaluate` does."""
    table = sums.reshape(*sums.shape[:-1], -1, 3)
    hits, labelled, named = table[..., 0], table[..., 1], table[..., 2]
    f1 = 2 * hits / np.maximum(labelled + named, 1)
    return np.asarray((f1 * (labelled > 0)).sum(axis=-1) / (labelled > 0).sum(axis=-1))


METRICS: Mapping[str, Metric] = {
    "accuracy": _mean_of(lambda predictions: predictions.correct),
    "macro_f1": Metric(_counts, _macro_f1),
    "loss": _mean_of(Predictions.losses),
}

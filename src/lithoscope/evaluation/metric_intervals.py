"""Confidence intervals of metrics: 95 %, for one model on one split.

Accuracy has Wilson's interval, at the effective number of photographs where they come in specimens; the others come
from a bootstrap over groups of duplicates and specimens, which are drawn whole: a photograph that stands there twice is
no second piece of news.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_array

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.random_streams import generator
from lithoscope.evaluation.calibration import BINS, bin_numbers, error_if_calibrated, squared_distances
from lithoscope.evaluation.metrics import TOP, in_top_k, losses
from lithoscope.evaluation.statistics.bootstrap import (
    RESAMPLES,
    basic_interval,
    cluster_draws,
    clustered_proportion,
    percentile_interval,
)
from lithoscope.evaluation.statistics.proportions import wilson

Floats = npt.NDArray[np.floating[Any]]
Interval = tuple[float, float]
HIGHEST = {"loss": np.inf, "brier": 2.0}  # of the figures that may exceed 1


def read_groups(path: Path, ids: Sequence[str]) -> list[str]:
    """Return the group of duplicates of each photograph, from ``build/splits.csv``.

    Raises:
        LithoscopeError: The file is missing, or does not hold one of the photographs.
    """
    try:
        table = pd.read_csv(path, keep_default_na=False, dtype=str, usecols=["id", "group"])
    except FileNotFoundError:
        raise LithoscopeError(f"{path} is missing: `dvc repro split` makes it") from None
    groups = dict(zip(table["id"], table["group"], strict=True))
    unknown = [name for name in ids if name not in groups]
    if unknown:
        raise LithoscopeError(f"{path} does not hold {unknown[0]!r}, which the arrays do: run `dvc repro`")
    return [groups[name] for name in ids]


def read_specimens(path: Path, ids: Sequence[str]) -> tuple[list[str], bool]:
    """Return the specimen of each photograph, from ``build/splits.csv``, and whether these come in groups.

    Returns:
        Names, ``""`` for none; and whether any of the photographs has a specimen, photographer or locality named, so
        that groups are more than a few duplicates.
    """
    table = pd.read_csv(path, keep_default_na=False, dtype=str)
    if "specimen" not in table:  # split by an earlier version
        return [""] * len(ids), False
    origins = [name for name in ("specimen", "photographer", "locality") if name in table]  # localities came later
    rows = table.set_index("id").loc[list(ids), origins]
    return rows["specimen"].tolist(), bool((rows != "").any(axis=None))


def figure_intervals(
    probabilities: Floats, labels: npt.NDArray[np.int64], groups: Sequence[str], *keys: str, clustered: bool = False
) -> dict[str, Interval]:
    """Return the 95 % interval of each figure.

    ``loss``, ``brier`` and ``top3_accuracy`` are means and get the percentile interval. ``macro_f1`` and ``ece`` are
    none, so that resampling shifts them, and get the basic interval
    (:mod:`lithoscope.evaluation.statistics.bootstrap`). Where a perfectly calibrated model would often show as large a
    calibration error, the interval of ``ece`` begins at 0; it always holds the figure itself. A top-k accuracy of 0 or
    1 does not vary in resamples: it gets the Wilson interval at the number of groups.

    Args:
        probabilities: (n, classes), n ≥ 1.
        labels: int64 (n,).
        groups: The group of duplicates that each photograph belongs to.
        keys: What the resamples are drawn for; the same keys and number of groups draw the same groups.
        clustered: Whether groups are of specimens, photographers or localities, which the accuracy's interval heeds.

    Returns:
        Lower and upper end by the figure's name, with ``accuracy`` among them.
    """
    names, cluster = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    sums = _Sums(probabilities, labels, cluster, len(names))
    own = sums.figures(np.ones((1, len(names)), dtype=np.int64))
    parts = [sums.figures(times) for times in cluster_draws(len(names), generator(0, "figures", *keys))]
    resampled = {name: np.concatenate([part[name] for part in parts]) for name in own}
    assert len(resampled["loss"]) == RESAMPLES
    intervals = {name: percentile_interval(resampled[name]) for name in ("loss", "brier", "top3_accuracy")}
    intervals |= {name: basic_interval(resampled[name], float(own[name][0])) for name in ("macro_f1", "ece")}
    ece, (low, high) = float(own["ece"][0]), intervals["ece"]
    if ece <= error_if_calibrated(probabilities, generator(0, "calibrated", *keys))[1]:
        low = 0.0
    intervals["ece"] = min(low, ece), max(high, ece)
    top = float(own["top3_accuracy"][0])
    if top in (0.0, 1.0):
        intervals["top3_accuracy"] = wilson(top * len(names), len(names))
    right = probabilities.argmax(axis=1) == labels
    bounded = {name: (max(ends[0], 0.0), min(ends[1], HIGHEST.get(name, 1.0))) for name, ends in intervals.items()}
    if clustered:
        accuracy = clustered_proportion(right, groups, generator(0, "accuracy", *keys))
    else:
        accuracy = wilson(int(right.sum()), len(labels))
    return {"accuracy": accuracy, **bounded}


class _Sums:
    """Sums over each cluster's photographs, from which the figures of any number of copies of clusters follow."""

    def __init__(
        self, probabilities: Floats, labels: npt.NDArray[np.int64], cluster: npt.NDArray[np.intp], clusters: int
    ) -> None:
        predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1).astype(np.float64)
        right = predicted == labels
        width = probabilities.shape[1]

        def summed(column: npt.NDArray[Any], values: npt.NDArray[Any], columns: int) -> Any:
            # Entries at the same place add up.
            return csr_array((values.astype(np.float64), (cluster, column)), shape=(clusters, columns))

        every = np.zeros(len(labels), dtype=np.int64)
        top = in_top_k(probabilities, labels, TOP)
        means = {"loss": losses(probabilities, labels), "brier": squared_distances(probabilities, labels)}
        means["top3_accuracy"] = top.astype(np.float64)
        self._means = {name: summed(every, values, 1) for name, values in means.items()}
        self._n = summed(every, np.ones(len(labels)), 1)
        self._gaps = summed(bin_numbers(confidence), right - confidence, BINS)
        self._support = summed(labels, np.ones(len(labels)), width)
        self._named = summed(predicted, np.ones(len(labels)), width)
        self._hits = summed(labels, right, width)

    def figures(self, times: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[np.float64]]:
        """Return each figure of each resample, (resamples,).

        Args:
            times: How often each cluster is in each resample, (resamples, clusters).
        """
        drawn = times.astype(np.float64)
        n = (drawn @ self._n)[:, 0]
        found = {name: (drawn @ part)[:, 0] / n for name, part in self._means.items()}
        support, named, hits = drawn @ self._support, drawn @ self._named, drawn @ self._hits
        f1 = 2 * hits / np.maximum(support + named, 1.0)  # 0 hits give 0, whatever the divisor
        # As in :func:`lithoscope.evaluation.metrics.evaluate`: a class without a photograph does not count.
        found["macro_f1"] = (f1 * (support > 0)).sum(axis=1) / (support > 0).sum(axis=1)
        found["ece"] = np.abs(drawn @ self._gaps).sum(axis=1) / n
        return found


def as_file(intervals: Mapping[str, Interval]) -> dict[str, dict[str, float]]:
    """Return intervals as metric files have them: ``low`` and ``high`` by the figure's name."""
    return {name: {"low": round(low, 6), "high": round(high, 6)} for name, (low, high) in intervals.items()}

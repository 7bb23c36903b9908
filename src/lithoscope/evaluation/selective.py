"""Selective prediction (El-Yaniv & Wiener 2010): accuracy against coverage, and the confidence threshold.

Sources: Y. Geifman & R. El-Yaniv (2017), Selective Classification for Deep Neural Networks, NeurIPS (a threshold with a
guaranteed accuracy, from a bound on photographs that did not train); C. J. Clopper & E. S. Pearson (1934), The use of
confidence or fiducial limits illustrated in the case of the binomial, Biometrika 26, 404–413 (the bound).
"""

from dataclasses import dataclass
from math import ceil, log
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import beta

from lithoscope.evaluation.statistics.proportions import wilson

TARGET = 0.95  # the accuracy that is asked for
RISK = 0.05  # the probability, over validation sets, that the threshold does not keep it
TRIED = 8  # thresholds
FEWEST = ceil(log(RISK / TRIED) / log(TARGET))  # so many photographs, all of them right, just reach the bound
POINTS = 100  # of the curve in the file

Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Threshold:
    """From which confidence on the model is right 95 % of the time.

    Attributes:
        value: Named are photographs with at least this confidence; None where no value can be said.
        photographs: How many different validation photographs there were to choose it by.
        n: How many of them have that confidence.
        right: How many of those are correct.
        low: Lower bound of the share that is correct.
        reason: Why no value can be said, or "".
    """

    value: float | None
    photographs: int
    n: int = 0
    right: int = 0
    low: float = 0.0
    reason: str = ""

    def figures(self) -> dict[str, Any]:
        """Return what metric files say of how it was chosen."""
        start: dict[str, Any] = {"target": TARGET, "threshold": self.value, "validation_photographs": self.photographs}
        if self.value is None:
            return {**start, "reason": self.reason}
        chosen_by = {"n": self.n, "accuracy": round(self.right / self.n, 6), "low": round(self.low, 6)}
        return {**start, "chosen_by": chosen_by}


def clopper_pearson_lower(right: int, n: int, risk: float) -> float:
    """Return Clopper and Pearson's one-sided lower bound of a share; it is too high with probability ≤ ``risk``."""
    return 0.0 if right == 0 else float(beta.ppf(risk, right, n - right + 1))


def choose_threshold(confidence: Floats, right: Bools) -> Threshold:
    """Choose the lowest confidence from which the lower bound of the accuracy is at least 95 %.

    Who tries many thresholds finds one that looks good by chance. So only a few are tried, at numbers of photographs
    that are fixed beforehand, and the risk of 5 % is shared out evenly among them (Bonferroni, as in Learn then Test:
    A. N. Angelopoulos et al. 2025, Annals of Applied Statistics 19).

    Args:
        confidence: Of validation photographs, one of each group of duplicates, (n,).
        right: Whether each is correct, (n,).
    """
    n = len(confidence)
    if n == 0:
        return Threshold(None, 0, reason="no validation photographs")
    if n < FEWEST:
        return Threshold(None, n, reason=f"too few photographs: at least {FEWEST} are needed")
    descending = np.sort(confidence)[::-1]
    for count in np.linspace(n, FEWEST, TRIED).round().astype(int):
        value = float(descending[count - 1])
        named = confidence >= value  # with all that tie
        n_named, hits = int(named.sum()), int(right[named].sum())
        low = clopper_pearson_lower(hits, n_named, RISK / TRIED)
        if low >= TARGET:
            return Threshold(value, n, n_named, hits, low)
    return Threshold(None, n, reason="too few photographs are classified correctly with high confidence")


def apply_threshold(threshold: Threshold, confidence: Floats, right: Bools) -> dict[str, Any]:
    """Return how a threshold does on the photographs that are scored: how many it names, and how many of those right.

    Args:
        threshold: Chosen on other photographs.
        confidence: (n,), n ≥ 1.
        right: (n,).
    """
    if threshold.value is None:
        return threshold.figures()
    named = confidence >= threshold.value
    count, hits = int(named.sum()), int(right[named].sum())
    figures = {**threshold.figures(), "coverage": round(count / len(confidence), 6), "n": count}
    if count == 0:
        return figures
    low, high = wilson(hits, count)
    return {**figures, "accuracy": round(hits / count, 6), "low": round(low, 6), "high": round(high, 6)}


def accuracy_by_coverage(confidence: Floats, right: Bools) -> pd.DataFrame:
    """Return ``plots/selective.csv``: the accuracy among the most confident predictions, by coverage.

    Args:
        confidence: (n,), n ≥ 1.
        right: (n,).

    Returns:
        At most a hundred rows, the most confident first: ``coverage`` (share of all), ``accuracy``, ``confidence``
        (the lowest among them), ``n``, and ``low`` and ``high`` of the accuracy's 95 % Wilson interval. Photographs of
        the same confidence stand in one row.
    """
    order = np.argsort(-confidence, kind="stable")
    ordered, hits = confidence[order], np.cumsum(right[order])
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))  # the last of those that tie
    if len(last) > POINTS:
        last = last[np.linspace(0, len(last) - 1, POINTS).round().astype(int)]
    counts = last + 1
    ends = np.array([wilson(int(hits[row]), int(row) + 1) for row in last])
    return pd.DataFrame(
        {
            "coverage": counts / len(confidence),
            "accuracy": hits[last] / counts,
            "confidence": ordered[last],
            "n": counts,
            "low": ends[:, 0],
            "high": ends[:, 1],
        }
    )

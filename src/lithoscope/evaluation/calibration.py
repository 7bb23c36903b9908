"""Calibration: expected calibration error (Naeini et al. 2015; Guo et al. 2017), Brier score, reliability table.

A confidence is the probability of the class that was named. Of photographs named with a confidence of .8 a calibrated
model names .8 correct.

Sources: C. Guo, G. Pleiss, Y. Sun & K. Q. Weinberger (2017), On Calibration of Modern Neural Networks, ICML (the
expected calibration error of equal-width bins); G. W. Brier (1950), Verification of forecasts expressed in terms of
probability, Monthly Weather Review 78, 1–3.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lithoscope.evaluation.statistics.proportions import wilson

BINS = 15  # as Guo et al.

Floats = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.int64]


def bin_numbers(confidence: Floats) -> npt.NDArray[np.int64]:
    """Return the bin of each confidence (n,), 0 … 14: equal widths, each with its upper end (Guo et al., section 2)."""
    return np.asarray(np.clip(np.ceil(confidence.astype(np.float64) * BINS) - 1, 0, BINS - 1), dtype=np.int64)


def calibration_error(probabilities: Floats, labels: Labels) -> float:
    """Return the expected calibration error, 0 … 1: the mean over photographs of |accuracy - confidence| of their bin.

    Few photographs make it larger, however well calibrated a model is: see :func:`error_if_calibrated`.
    """
    confidence, correct = _confidence_and_correct(probabilities, labels)
    gaps = np.bincount(bin_numbers(confidence), correct - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(labels))


def brier_score(probabilities: Floats, labels: Labels) -> float:
    """Return the mean squared distance between probabilities and what is so, summed over the classes, 0 … 2."""
    return float(squared_distances(probabilities, labels).mean())


def squared_distances(probabilities: Floats, labels: Labels) -> npt.NDArray[np.float64]:
    """Return each photograph's part of the Brier score, (n,)."""
    exact = probabilities.astype(np.float64)
    exact[np.arange(len(labels)), labels] -= 1.0
    return np.asarray((exact**2).sum(axis=1))


def error_if_calibrated(
    probabilities: Floats, drawn: np.random.Generator, resamples: int = 1000
) -> tuple[float, float]:
    """Return the calibration error that a perfectly calibrated model would show with these confidences.

    Source: J. Bröcker & L. A. Smith (2007), Increasing the reliability of reliability diagrams, Weather and Forecasting
    22, 651–661 (consistency resampling): whether each photograph is correct is drawn with its own confidence.

    Returns:
        The mean of the draws, and what 95 % of them stay below.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    bins = np.eye(BINS)[bin_numbers(confidence)]
    errors = []
    for _ in range(resamples // 100):  # a hundred at a time, so that memory stays small
        correct = drawn.random((100, len(confidence))) < confidence
        errors.append(np.abs((correct - confidence) @ bins).sum(axis=1) / len(confidence))
    found = np.concatenate(errors)
    return float(found.mean()), float(np.quantile(found, 0.95))


def reliability_table(before: Floats, after: Floats, labels: Labels) -> pd.DataFrame:
    """Return ``plots/reliability.csv``: for each bin of confidence the accuracy.

    Args:
        before: Probabilities at temperature 1, (n, classes).
        after: The calibrated ones.
        labels: int64 (n,).

    Returns:
        A row a bin: ``confidence`` (its middle), ``before`` and ``after`` (the accuracies; NaN without photographs),
        ``perfect`` (the diagonal), then for each of the two ``n``, the ``mean_confidence`` and the ends ``low`` and
        ``high`` of the accuracy's 95 % Wilson interval.
    """
    middles = (np.arange(BINS) + 0.5) / BINS
    table: dict[str, Any] = {"confidence": middles, "before": None, "after": None, "perfect": middles}
    for name, probabilities in (("before", before), ("after", after)):
        confidence, correct = _confidence_and_correct(probabilities, labels)
        bins = bin_numbers(confidence)
        n = np.bincount(bins, minlength=BINS)
        hits = np.bincount(bins, correct, minlength=BINS)
        some = np.where(n > 0, n, np.nan)
        ends = np.array([wilson(round(hit), count) if count else (np.nan, np.nan) for hit, count in zip(hits, n)])  # noqa: B905
        table[name] = hits / some
        table |= {
            f"n_{name}": n,
            f"mean_confidence_{name}": np.bincount(bins, confidence, minlength=BINS) / some,
            f"low_{name}": ends[:, 0],
            f"high_{name}": ends[:, 1],
        }
    return pd.DataFrame(table)


def _confidence_and_correct(
    probabilities: Floats, labels: Labels
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return each photograph's confidence, and 1 where its prediction is correct, else 0."""
    correct = probabilities.argmax(axis=1) == labels
    return probabilities.max(axis=1).astype(np.float64), correct.astype(np.float64)

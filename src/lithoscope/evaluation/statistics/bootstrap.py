"""Cluster bootstrap: near-duplicates are drawn together or not at all.

Source: A. C. Davison & D. V. Hinkley (1997), Bootstrap Methods and their Application, section 3.8 (clusters) and
chapter 5 (intervals).
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from lithoscope.evaluation.statistics.proportions import wilson

RESAMPLES = 10_000
_AT_ONCE = 500  # resamples drawn at a time, so that memory stays small


def cluster_draws(clusters: int, drawn: np.random.Generator) -> Iterator[npt.NDArray[np.int64]]:
    """Yield how often each cluster is in each resample, int64 (some, clusters), :data:`RESAMPLES` rows in all.

    Each resample draws as many clusters as there are, with replacement.
    """
    for _ in range(RESAMPLES // _AT_ONCE):
        yield drawn.multinomial(clusters, np.full(clusters, 1 / clusters), size=_AT_ONCE)


def resampled_sums(
    values: npt.NDArray[np.float64], groups: Sequence[str], drawn: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Return the column sums of resamples, (:data:`RESAMPLES`, columns).

    Args:
        values: (n, columns). A row keeps its columns together, which makes a comparison of two columns a paired one.
        groups: The cluster of each row; a cluster's rows are drawn together.
        drawn: Where the draws come from.
    """
    names, cluster = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, cluster, values)
    return np.concatenate([times @ sums for times in cluster_draws(len(names), drawn)])


def clustered_proportion(
    hits: npt.NDArray[np.bool_], groups: Sequence[str], drawn: np.random.Generator
) -> tuple[float, float]:
    """Return the 95 % interval of a proportion whose cases come in clusters.

    Wilson's at the effective number of cases: their number by the design effect, the variance over resampled clusters
    as a multiple of that of independent cases (L. Kish 1965, Survey Sampling, section 8.2), at least 1. Single cases
    give Wilson's interval itself; where all or none are hits, nothing varies, and each cluster counts as one case.

    Args:
        hits: bool (n,), n ≥ 1.
        groups: The cluster of each case.
        drawn: Where the draws come from.
    """
    effective = effective_cases(hits, groups, drawn)
    return wilson(float(hits.mean()) * effective, effective)


def effective_cases(hits: npt.NDArray[np.bool_], groups: Sequence[str], drawn: np.random.Generator) -> int:
    """Return how many independent cases tell as much of a proportion as cases that come in clusters.

    See :func:`clustered_proportion`.
    """
    n, clusters, share = len(hits), len(set(groups)), float(hits.mean())
    if clusters in (1, n) or share in (0.0, 1.0):
        return clusters
    sums = resampled_sums(np.column_stack([hits, np.ones(n)]).astype(np.float64), groups, drawn)
    design = float((sums[:, 0] / sums[:, 1]).var()) * n / (share * (1 - share))
    return max(1, round(n / max(design, 1.0)))


def percentile_interval(resampled: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % percentile interval, for figures whose resamples scatter around the figure itself: means."""
    low, high = np.quantile(resampled, [0.025, 0.975])
    return float(low), float(high)


def basic_interval(resampled: npt.NDArray[np.float64], figure: float) -> tuple[float, float]:
    """Return the 95 % basic interval (Davison & Hinkley, equation 5.6), for figures that resampling shifts.

    A resample holds fewer different photographs, which by itself lowers a macro F1 and raises a calibration error. As
    far as the resamples lie from the figure, so far the figure is taken to lie from the truth, on the other side.
    """
    low, high = percentile_interval(resampled)
    return 2 * figure - high, 2 * figure - low

"""Procrustes analysis (Gower 1975): the fit of two configurations up to shift, rotation, reflection and scale.

Source: Gower (1975), Generalized Procrustes analysis, Psychometrika 40, 33–51; computed by SciPy. Correlations after
the fit are positive by construction, also for an arrangement that knows nothing: read them beside :func:`chance`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.spatial

from lithoscope.core.random_streams import generator
from lithoscope.evaluation.statistics.bootstrap import percentile_interval

Floats = npt.NDArray[np.float64]
RESAMPLES = 2000
DRAWS = 500


@dataclass(frozen=True)
class Fit:
    """An arrangement fitted to people's.

    Attributes:
        disparity: Sum of squared differences after the fit, both arrangements scaled to a sum of squares of 1; 0 is
            the same arrangement, 1 nothing in common.
        correlations: Pearson's, of each of people's dimensions, float64 (dimensions,).
        aligned: The fitted arrangement in people's units, float64 (n, dimensions).
    """

    disparity: float
    correlations: Floats
    aligned: Floats

    @property
    def mean_r(self) -> float:
        """Mean of the correlations."""
        return float(self.correlations.mean())


def fit(people: Floats, other: Floats) -> Fit:
    """Fit an arrangement to people's, whose axes, which have names, stay as they are.

    Args:
        people: float64 (n, dimensions).
        other: float64 (n, up to as many dimensions); missing ones are empty.

    Returns:
        The fit. An arrangement with all photographs in one place has disparity 1 and correlations of 0.
    """
    wide = np.zeros_like(people)
    wide[:, : other.shape[1]] = other
    centred = people - people.mean(axis=0)
    if np.allclose(wide, wide[0]) or np.allclose(centred, 0):
        return Fit(1.0, np.zeros(people.shape[1]), np.broadcast_to(people.mean(axis=0), people.shape).copy())
    _, aligned, disparity = scipy.spatial.procrustes(people, wide)
    return Fit(
        float(disparity), column_correlations(people, aligned), aligned * np.linalg.norm(centred) + people.mean(axis=0)
    )


def column_correlations(first: Floats, second: Floats) -> Floats:
    """Return Pearson's correlation of each column, float64 (columns,); 0 where a column does not vary."""
    a, b = first - first.mean(axis=0), second - second.mean(axis=0)
    norms = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    found: Floats = np.divide((a * b).sum(axis=0), norms, out=np.zeros(first.shape[1]), where=norms > 1e-12)
    return found


def chance(people: Floats, other: Floats) -> dict[str, dict[str, float]]:
    """Return what the fit gives where nothing is known of the photographs.

    Args:
        people: float64 (n, dimensions).
        other: float64 (n, up to as many dimensions).

    Returns:
        ``permuted`` (the rows of ``other`` in random order) and ``random`` (normal numbers instead of it), each with
        ``mean_r`` and ``disparity``, means over draws, and the 95 % points ``mean_r_95`` (only 5 % of draws are
        higher) and ``disparity_95`` (only 5 % are lower).
    """
    found = {}
    for name in ("permuted", "random"):
        drawn = generator(0, "people", "chance", name)
        fits = [
            fit(people, other[drawn.permutation(len(other))] if name == "permuted" else drawn.normal(size=people.shape))
            for _ in range(DRAWS)
        ]
        r, disparity = np.array([one.mean_r for one in fits]), np.array([one.disparity for one in fits])
        found[name] = {
            "mean_r": float(r.mean()),
            "mean_r_95": float(np.quantile(r, 0.95)),
            "disparity": float(disparity.mean()),
            "disparity_95": float(np.quantile(disparity, 0.05)),
        }
    return found


def bootstrap(people: Floats, *configurations: Floats) -> npt.NDArray[np.float64]:
    """Fit arrangements anew to photographs drawn with replacement, each time the same for all of them.

    Returns:
        float64 (resamples, configurations, 2): mean r and disparity.
    """
    drawn = generator(0, "people", "bootstrap")
    found = np.empty((RESAMPLES, len(configurations), 2))
    for number in range(RESAMPLES):
        rows = drawn.integers(0, len(people), len(people))
        for place, other in enumerate(configurations):
            one = fit(people[rows], other[rows])
            found[number, place] = one.mean_r, one.disparity
    return found


def interval(resampled: npt.NDArray[np.float64], figure: float) -> tuple[float, float]:
    """Return the 95 % percentile interval of a figure, moved back by the resamples' bias.

    A resample holds some photographs twice, and fewer different ones are fitted better: its figures lie above the
    whole set's (Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 10: bias is their mean's distance).

    Args:
        resampled: The figure in each resample, float64 (resamples,).
        figure: In the whole set.
    """
    low, high = percentile_interval(resampled)
    bias = float(resampled.mean()) - figure
    return low - bias, high - bias


def with_intervals(one: Fit, resampled: npt.NDArray[np.float64], names: tuple[str, ...]) -> dict[str, Any]:
    """Return a fit's figures with their intervals.

    Args:
        one: The fit.
        resampled: Its part of what :func:`bootstrap` returned, float64 (resamples, 2).
        names: Of the dimensions.
    """
    r, disparity = interval(resampled[:, 0], one.mean_r), interval(resampled[:, 1], one.disparity)
    return {
        "mean_r": one.mean_r,
        "mean_r_low": r[0],
        "mean_r_high": r[1],
        "disparity": one.disparity,
        "disparity_low": disparity[0],
        "disparity_high": disparity[1],
        "r": dict(zip(names, one.correlations.tolist(), strict=True)),
    }

"""Conformal prediction sets: so many classes that the true one is among them as often as was asked for.

Sources: V. Vovk, A. Gammerman & G. Shafer (2005), Algorithmic Learning in a Random World (split conformal prediction);
M. Sadinle, J. Lei & L. Wasserman (2019), Least Ambiguous Set-Valued Classifiers With Bounded Error Levels, JASA 114
(the score: one less the probability of the class); V. Vovk (2015), Cross-conformal predictors, Annals of Mathematics
and Artificial Intelligence 74 (scores pooled over folds, whose coverage is not guaranteed but measured).
"""

from math import ceil, floor
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_ROUNDING = 1e-9  # (n + 1) · 0.9 of n = 9 is 9.000000000000002


def fewest(risk: float) -> int:
    """Return how many held-out photographs a quantile at this risk needs at least: 9 at .1, 19 at .05."""
    return ceil(1 / risk - 1 - _ROUNDING)


def upper_quantile(scores: Floats, risk: float) -> float:
    """Return what a new score exceeds with a probability of at most ``risk``.

    The ⌈(n + 1)(1 − risk)⌉-th smallest of n scores, where these and the new one are exchangeable.

    Raises:
        ValueError: There are fewer than :func:`fewest` scores.
    """
    place = ceil((len(scores) + 1) * (1 - risk) - _ROUNDING)
    if not 1 <= place <= len(scores):
        raise ValueError(f"{len(scores)} scores: at least {fewest(risk)} are needed at a risk of {risk}")
    return float(np.sort(scores)[place - 1])


def lower_quantile(scores: Floats, risk: float) -> float:
    """Return what a new score falls short of with a probability of at most ``risk``: the ⌊(n + 1) · risk⌋-th smallest.

    Raises:
        ValueError: There are fewer than :func:`fewest` scores.
    """
    place = floor((len(scores) + 1) * risk + _ROUNDING)
    if place < 1:
        raise ValueError(f"{len(scores)} scores: at least {fewest(risk)} are needed at a risk of {risk}")
    return float(np.sort(scores)[place - 1])


def needed_probability(probabilities: Floats, labels: Labels, risk: float) -> float:
    """Return the probability from which on a class belongs to the set.

    Args:
        probabilities: Of held-out photographs, (n, classes).
        labels: Their true classes, int64 (n,).
        risk: How often the true class may be missing, between 0 and 1.

    Raises:
        ValueError: There are fewer than :func:`fewest` photographs.
    """
    return 1 - upper_quantile(1 - probabilities[np.arange(len(labels)), labels].astype(np.float64), risk)


def prediction_sets(probabilities: Floats, needed: float) -> Bools:
    """Return which classes belong to each photograph's set, bool (n, classes).

    The most probable class always does: an empty set would be no answer, and one class more only raises the coverage.

    Args:
        probabilities: (n, classes), classes ≥ 1.
        needed: Of :func:`needed_probability`.
    """
    sets = probabilities >= needed - _ROUNDING
    sets[np.arange(len(sets)), probabilities.argmax(axis=1)] = True
    return sets

"""Representational similarity analysis (Kriegeskorte et al. 2008): which photographs two representations find alike.

Source: Kriegeskorte, Mur & Bandettini (2008), Representational similarity analysis, Frontiers in Systems Neuroscience
2:4.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr

from lithoscope.core.random_streams import generator

Floats = npt.NDArray[np.floating]
RESAMPLES = 500


def similarity(
    people: Floats, model: Floats, metric: Literal["correlation", "euclidean"], *, interval: bool = True
) -> dict[str, float]:
    """Return Spearman's correlation between people's and a model's distances of all pairs of photographs.

    Args:
        people: Coordinates, (n, dimensions); their distances are Euclidean, as those of their scaling are.
        model: Embedding, (n, features).
        metric: Of the model's distances: ``correlation`` suits embeddings, ``euclidean`` coordinates.
        interval: Whether to add the 95 % percentile interval, ``low`` and ``high``, over photographs drawn with
            replacement; pairs of a photograph with itself are left out.

    Returns:
        ``spearman``, and the interval.
    """
    first, second = pdist(people), pdist(model, metric)
    found = {"spearman": _spearman(first, second)}
    if interval:
        one, other = squareform(first), squareform(second)
        drawn, values = generator(0, "people", "similarity"), []
        for _ in range(RESAMPLES):
            rows = drawn.integers(0, len(people), len(people))
            left, right = np.triu_indices(len(rows), 1)
            different = rows[left] != rows[right]
            pairs = rows[left][different], rows[right][different]
            values.append(_spearman(one[pairs], other[pairs]))
        low, high = np.quantile(values, [0.025, 0.975])
        found |= {"low": float(low), "high": float(high)}
    return found


def _spearman(first: Floats, second: Floats) -> float:
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(spearmanr(first, second).statistic)

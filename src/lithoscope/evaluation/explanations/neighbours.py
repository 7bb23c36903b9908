"""Nearest neighbours by cosine similarity: the training photographs that are most alike to a network."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]


def nearest(
    queries: Floats, references: Floats, groups: Sequence[str], count: int = 3
) -> list[list[tuple[int, float]]]:
    """Find the references with the highest cosine similarity to each query, the nearest first.

    Args:
        queries: Features, (m, k).
        references: Features, (n, k).
        groups: The group of near-duplicates each reference belongs to, n of them; only the nearest of a group counts.
        count: How many at most.

    Returns:
        For each query pairs of a reference's row and its similarity, -1 … 1; of equals the first row comes first. A
        vector of zeros is similar to nothing, 0.
    """
    similarities = _unit(queries) @ _unit(references).T
    found = []
    for row in similarities:
        chosen: list[tuple[int, float]] = []
        taken = set[str]()
        for place in np.argsort(-row, kind="stable"):
            if groups[place] not in taken:
                taken.add(groups[place])
                chosen.append((int(place), float(row[place])))
            if len(chosen) == count:
                break
        found.append(chosen)
    return found


def _unit(values: Floats) -> npt.NDArray[np.float64]:
    exact = values.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    unit: npt.NDArray[np.float64] = exact / np.where(lengths > 0, lengths, 1.0)
    return unit

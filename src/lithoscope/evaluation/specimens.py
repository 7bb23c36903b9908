"""Accuracy per specimen: the answers of a specimen's photographs averaged, and one answer judged."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lithoscope.core.random_streams import generator
from lithoscope.evaluation.statistics.bootstrap import clustered_proportion


def specimen_figures(
    probabilities: npt.NDArray[np.floating[Any]],
    labels: npt.NDArray[np.int64],
    specimens: Sequence[str],
    groups: Sequence[str],
    *keys: str,
) -> dict[str, Any]:
    """Return how often the mean answer of a specimen's photographs is right.

    A photograph of no named specimen is one by itself; photographs of one name under two labels are two specimens.

    Args:
        probabilities: (n, classes).
        labels: int64 (n,).
        specimens: Names, or ``""``; n of them.
        groups: What was kept on one side of the split; groups are resampled for the interval, (n,).
        keys: What the resamples are drawn for.

    Returns:
        ``n`` specimens, ``named`` of them with a name, ``photographs`` of those, ``accuracy`` with ``low`` and ``high``
        (95 %, :func:`lithoscope.evaluation.statistics.bootstrap.clustered_proportion`). Empty where none is named.
    """
    if not any(specimens):
        return {}
    units = [
        (name, str(label)) if name else ("", f"row {row}")
        for row, (name, label) in enumerate(zip(specimens, labels, strict=True))
    ]
    distinct, firsts, unit = np.unique(np.array(units), axis=0, return_index=True, return_inverse=True)
    sums = np.zeros((len(distinct), probabilities.shape[1]))
    np.add.at(sums, unit.ravel(), probabilities)
    right = sums.argmax(axis=1) == labels[firsts]
    low, high = clustered_proportion(right, [groups[row] for row in firsts], generator(0, "specimens", *keys))
    return {
        "n": len(distinct),
        "named": int((distinct[:, 0] != "").sum()),
        "photographs": sum(map(bool, specimens)),
        "accuracy": round(float(right.mean()), 6),
        "low": round(low, 6),
        "high": round(high, 6),
    }

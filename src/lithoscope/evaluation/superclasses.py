"""Superclass accuracy: how often a rock is at least put among its own superclass."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lithoscope.evaluation.statistics.proportions import wilson


def coarse_figures(
    predicted: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], classes: Sequence[str], coarse: Mapping[str, str]
) -> dict[str, Any]:
    """Return the accuracy among coarse classes (igneous, metamorphic, sedimentary) and where the mistakes go.

    The coarse class of a prediction is that of the class that was named.

    Args:
        predicted: Index of the class that was named, int64 (n,).
        labels: Index of the true class, int64 (n,).
        classes: Names of the classes.
        coarse: The coarse class of each class; photographs of a class without one are left out.

    Returns:
        ``n``, ``accuracy`` with ``low`` and ``high`` (95 % Wilson), ``errors`` (photographs whose class was named
        wrong), and ``within``: how many of those stay within their coarse class, as ``count``, ``share``, ``low``,
        ``high`` and ``by_chance``, the share if every wrong class were named as often as every other. Empty where the
        set has no coarse classes.
    """
    superclasses = sorted(set(coarse.values()))
    superclass = np.array(
        [superclasses.index(coarse[name]) if name in coarse else -1 for name in classes], dtype=np.int64
    )
    has_superclass = superclass[labels] >= 0
    n = int(has_superclass.sum())
    if n == 0:
        return {}
    truth, named = labels[has_superclass], predicted[has_superclass]
    same = superclass[truth] == superclass[named]
    wrong = truth != named
    figures: dict[str, Any] = {"n": n, **_with_interval(int(same.sum()), n, "accuracy"), "errors": int(wrong.sum())}
    if wrong.any():
        count = int((same & wrong).sum())
        siblings = np.array([(superclass == superclass[label]).sum() - 1 for label in truth[wrong]])
        chance = float(siblings.mean() / (len(classes) - 1))
        figures["within"] = {
            "count": count,
            **_with_interval(count, int(wrong.sum()), "share"),
            "by_chance": round(chance, 6),
        }
    return figures


def _with_interval(count: int, n: int, name: str) -> dict[str, float]:
    low, high = wilson(count, n)
    return {name: round(count / n, 6), "low": round(low, 6), "high": round(high, 6)}

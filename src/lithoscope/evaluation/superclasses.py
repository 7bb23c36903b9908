"""Classes of classes: how often a rock is at least put among its own kind."""

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
    kinds = sorted(set(coarse.values()))
    kind = np.array([kinds.index(coarse[name]) if name in coarse else -1 for name in classes], dtype=np.int64)
    meant = kind[labels] >= 0
    n = int(meant.sum())
    if n == 0:
        return {}
    truth, named = labels[meant], predicted[meant]
    same = kind[truth] == kind[named]
    wrong = truth != named
    figures: dict[str, Any] = {"n": n, **_share(int(same.sum()), n, "accuracy"), "errors": int(wrong.sum())}
    if wrong.any():
        count = int((same & wrong).sum())
        siblings = np.array([(kind == kind[label]).sum() - 1 for label in truth[wrong]])
        chance = float(siblings.mean() / (len(classes) - 1))
        figures["within"] = {"count": count, **_share(count, int(wrong.sum()), "share"), "by_chance": round(chance, 6)}
    return figures


def _share(count: int, n: int, name: str) -> dict[str, float]:
    low, high = wilson(count, n)
    return {name: round(count / n, 6), "low": round(low, 6), "high": round(high, 6)}

"""Paired comparison with the baselines on the same photographs: ``metrics/comparisons.json``."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lithoscope.evaluation.statistics.paired import compare_pairs, in_words
from lithoscope.evaluation.statistics.proportions import wilson

NETWORK = "network"
NAMES = {
    "majority_class": "always naming the most frequent class",
    "colour_histogram": "a linear model on colour histograms",
}

Bools = npt.NDArray[np.bool_]


def against_baselines(
    ids: Sequence[str], groups: Sequence[str], right: Bools, baselines: Mapping[str, Bools], split: str
) -> dict[str, Any]:
    """Compare the network with each baseline, photograph by photograph.

    Args:
        ids: Of the photographs, n of them.
        groups: The group of duplicates each belongs to.
        right: Whether the network named each right, (n,).
        baselines: The same of each baseline, by its name.
        split: What was scored; the resamples are drawn for it.

    Returns:
        For ``network`` and each baseline ``accuracy`` with ``low`` and ``high`` (95 % Wilson); for each baseline also
        ``difference`` (network minus baseline) with ``difference_low`` and ``difference_high`` (95 % paired bootstrap
        over groups), ``p`` (McNemar, exact) and ``verdict``: ``better``, ``worse`` or ``not shown``. And
        ``beats_baselines``: whether the verdict is ``better`` for all.
    """
    of_network, clusters = _readings(ids, right), dict(zip(ids, groups, strict=True))
    table: dict[str, Any] = {NETWORK: _accuracy(right)}
    for name, baseline in baselines.items():
        paired = compare_pairs(of_network, _readings(ids, baseline), NETWORK, name, split, groups=clusters)
        assert paired is not None  # both read every photograph
        table[name] = {
            **_accuracy(baseline),
            "difference": round(paired.difference, 6),
            "difference_low": round(paired.interval[0], 6),
            "difference_high": round(paired.interval[1], 6),
            "p": paired.p_values[_ONCE],
            "verdict": paired.verdict,
        }
    table["beats_baselines"] = all(table[name]["verdict"] == "better" for name in baselines)
    return table


_ONCE = "one training"


def _readings(ids: Sequence[str], right: Bools) -> dict[str, dict[str, bool]]:
    return {_ONCE: dict(zip(ids, map(bool, right), strict=True))}


def _accuracy(right: Bools) -> dict[str, float]:
    low, high = wilson(int(right.sum()), len(right))
    return {"accuracy": round(float(right.mean()), 6), "low": round(low, 6), "high": round(high, 6)}


def comparison_lines(table: Mapping[str, Any]) -> list[str]:
    """Put a table of :func:`against_baselines` in words: the verdict first, then a line a baseline."""
    names = [name for name in NAMES if name in table]
    beaten = (
        "the network beats every baseline" if table["beats_baselines"] else "the network does not beat its baselines"
    )
    return [beaten, *(f"against {NAMES[name]}: {difference_in_words(table[name])}" for name in names)]


def difference_in_words(entry: Mapping[str, Any]) -> str:
    """Put a baseline's entry in words, e.g. ``better by .04 [−.01, .09], p = .11: not shown``."""
    return in_words(entry["difference"], (entry["difference_low"], entry["difference_high"]), [entry["p"]])

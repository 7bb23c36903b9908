"""Paired comparison of two classifiers: difference in accuracy, its interval, McNemar's test."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from lithoscope.core.random_streams import generator
from lithoscope.evaluation.statistics.bootstrap import cluster_draws, percentile_interval

ALPHA = 0.05  # a difference with a higher p-value is not shown

# Of each seed, and of each photograph's id in it: whether its prediction is correct.
Readings = Mapping[str, Mapping[str, bool]]


@dataclass(frozen=True)
class Paired:
    """A paired comparison; a difference above 0 is in favour of the first.

    Attributes:
        photographs: How many different ones both read.
        pairs: How many readings by both there are, over all seeds.
        difference: Of the accuracies, over all pairs; -1 … 1.
        interval: Its 95 % percentile bootstrap interval over photographs.
        p_values: Of each seed that both have: :func:`mcnemar`.
    """

    photographs: int
    pairs: int
    difference: float
    interval: tuple[float, float]
    p_values: dict[str, float]

    @property
    def verdict(self) -> str:
        """``better``, ``worse`` or ``not shown``; see :func:`verdict`."""
        return verdict(self.difference, self.interval, self.p_values.values())

    @property
    def words(self) -> str:
        """The comparison as :func:`in_words` puts it."""
        return in_words(self.difference, self.interval, self.p_values.values())


def compare_pairs(
    first: Readings, second: Readings, *keys: str, groups: Mapping[str, str] | None = None
) -> Paired | None:
    """Compare two classifiers on the photographs that both read under the same seed.

    A photograph may be read under several seeds. Those readings are no news of each other, so it is drawn with all
    of them or not at all (a cluster bootstrap: Davison & Hinkley 1997, section 3.8): each resample's difference is
    the sum of the drawn photographs' differences over the number of their readings. More seeds therefore don't make
    the interval of a fixed test narrow. The same goes for near-duplicates where ``groups`` tells of them.

    Args:
        first: Its readings.
        second: The other one's; a seed or a photograph that only one has is left out.
        keys: What the resamples are drawn for, such as two names; the same keys give the same interval.
        groups: The group of duplicates each photograph belongs to; one that is not named stands for itself.

    Returns:
        The comparison, or None where the two have no photograph in common.
    """
    seeds = [seed for seed in first if seed in second and first[seed].keys() & second[seed].keys()]
    differences: dict[str, int] = {}
    readings: dict[str, int] = {}
    p_values = {}
    photographs: set[str] = set()
    for seed in seeds:
        only_first = only_second = 0
        for name in sorted(first[seed].keys() & second[seed].keys()):
            one, other = first[seed][name], second[seed][name]
            cluster = (groups or {}).get(name, name)
            differences[cluster] = differences.get(cluster, 0) + int(one) - int(other)
            readings[cluster] = readings.get(cluster, 0) + 1
            photographs.add(name)
            only_first += one and not other
            only_second += other and not one
        p_values[seed] = mcnemar(only_first, only_second)
    if not readings:
        return None
    clusters = sorted(readings)
    sums = np.array([differences[cluster] for cluster in clusters], dtype=np.int64)
    counts = np.array([readings[cluster] for cluster in clusters], dtype=np.int64)
    interval = _cluster_bootstrap(sums, counts, generator(0, "paired comparison", *keys))
    return Paired(len(photographs), int(counts.sum()), float(sums.sum() / counts.sum()), interval, p_values)


def _cluster_bootstrap(
    sums: npt.NDArray[np.int64], counts: npt.NDArray[np.int64], drawn: np.random.Generator
) -> tuple[float, float]:
    """Return the 95 % percentile interval of ``sums / counts`` over clusters, both int64 (clusters,)."""
    differences = [(times @ sums) / (times @ counts) for times in cluster_draws(len(sums), drawn)]
    return percentile_interval(np.concatenate(differences))


def mcnemar(only_first: int, only_second: int, *, first_better: bool = False) -> float:
    """Return the exact p-value of McNemar's test.

    Source: Q. McNemar (1947), Note on the sampling error of the difference between correlated proportions or
    percentages, Psychometrika 12, 153–157; exact by the binomial distribution.

    Args:
        only_first: Photographs that only the first classifies correctly.
        only_second: Photographs that only the second classifies correctly.
        first_better: Test one-sided, against the first being no better than the second; otherwise two-sided.

    Returns:
        0 … 1; 1 where no photograph tells the two apart.
    """
    from scipy.stats import binomtest  # here: importing it takes a second, which printing figures can do without

    disagreements = only_first + only_second
    alternative: Literal["greater", "two-sided"] = "greater" if first_better else "two-sided"
    return float(binomtest(only_first, disagreements, alternative=alternative).pvalue) if disagreements else 1.0


def verdict(difference: float, interval: tuple[float, float], p_values: Collection[float]) -> str:
    """Say whether a difference is shown: ``better``, ``worse`` or ``not shown``.

    Of one seed both have to say so, the interval, which leaves 0 out, and the p-value, which is below .05: the interval
    knows of duplicates, the test is exact for few photographs. Of several seeds the interval decides, since it alone
    takes their readings together; one seed may be too few to show what all of them show.
    """
    apart = interval[0] > 0 or interval[1] < 0
    if not apart or not p_values or (len(p_values) == 1 and max(p_values) >= ALPHA):
        return "not shown"
    return "better" if difference > 0 else "worse"


def in_words(difference: float, interval: tuple[float, float], p_values: Collection[float]) -> str:
    """Return a difference for a reader, e.g. ``better by .04 [−.01, .09], p = .11: not shown``.

    Args:
        difference: -1 … 1; above 0 the first is better. Where it is worse, sign and interval are turned round, so that
            the number says by how much.
        interval: Of the difference.
        p_values: One, or one a seed.
    """
    # A third digit where two would hide on which side of 0 something lies.
    digits = 3 if any(0 < abs(value) < 0.005 for value in (difference, *interval)) else 2
    ends = interval if difference >= 0 else (-interval[1], -interval[0])
    size, low, high = (_short(value, digits) for value in (abs(difference), *ends))
    direction = "equal, difference" if difference == 0 else f"{'better' if difference > 0 else 'worse'} by"
    shown = "not shown" if verdict(difference, interval, p_values) == "not shown" else "shown"
    return f"{direction} {size} [{low}, {high}], {_p_values(p_values)}: {shown}"


def _p_values(p_values: Collection[float]) -> str:
    shown = ["< .001" if p < 0.001 else f"{p:.2g}".replace("0.", ".", 1) for p in p_values]
    if len(shown) != 1:
        return f"p by seed {', '.join(shown)}"
    return f"p {shown[0]}" if shown[0].startswith("<") else f"p = {shown[0]}"


def _short(value: float, digits: int) -> str:
    rounded = round(value, digits)
    if rounded == 0:
        return "0"
    return ("−" if rounded < 0 else "") + f"{abs(rounded):.{digits}f}".replace("0.", ".", 1)

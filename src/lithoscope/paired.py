"""Two classifiers on the same photographs: how far apart they are, and how sure that is."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from lithoscope.randomness import generator

RESAMPLES = 10_000
_AT_ONCE = 500  # resamples drawn at a time, so that memory stays small

# Of each seed, and of each photograph's id in it: whether it was named right.
Readings = Mapping[str, Mapping[str, bool]]


@dataclass(frozen=True)
class Paired:
    """A paired comparison; a difference above 0 is in favour of the first.

    Attributes:
        photographs: How many different ones both read.
        pairs: How many readings by both there are, over all seeds.
        difference: Of the shares named right, over all pairs; -1 … 1.
        interval: Its 95 % percentile bootstrap interval over photographs.
        p_values: Of each seed that both have: :func:`mcnemar`.
    """

    photographs: int
    pairs: int
    difference: float
    interval: tuple[float, float]
    p_values: dict[str, float]


def compare_pairs(first: Readings, second: Readings, *keys: str) -> Paired | None:
    """Compare two classifiers on the photographs that both read under the same seed.

    A photograph may be read under several seeds. Those readings are no news of each other, so it is drawn with all
    of them or not at all (a cluster bootstrap: Davison & Hinkley 1997, section 3.8): each resample's difference is
    the sum of the drawn photographs' differences over the number of their readings. More seeds therefore don't make
    the interval of a fixed test narrow.

    Args:
        first: Its readings.
        second: The other one's; a seed or a photograph that only one has is left out.
        keys: What the resamples are drawn for, such as two names; the same keys give the same interval.

    Returns:
        The comparison, or None where the two have no photograph in common.
    """
    seeds = [seed for seed in first if seed in second and first[seed].keys() & second[seed].keys()]
    differences: dict[str, int] = {}
    readings: dict[str, int] = {}
    p_values = {}
    for seed in seeds:
        only_first = only_second = 0
        for name in sorted(first[seed].keys() & second[seed].keys()):
            one, other = first[seed][name], second[seed][name]
            differences[name] = differences.get(name, 0) + int(one) - int(other)
            readings[name] = readings.get(name, 0) + 1
            only_first += one and not other
            only_second += other and not one
        p_values[seed] = mcnemar(only_first, only_second)
    if not readings:
        return None
    names = sorted(readings)
    sums = np.array([differences[name] for name in names], dtype=np.int64)
    counts = np.array([readings[name] for name in names], dtype=np.int64)
    interval = _cluster_bootstrap(sums, counts, generator(0, "paired comparison", *keys))
    return Paired(len(names), int(counts.sum()), float(sums.sum() / counts.sum()), interval, p_values)


def _cluster_bootstrap(
    sums: npt.NDArray[np.int64], counts: npt.NDArray[np.int64], drawn: np.random.Generator
) -> tuple[float, float]:
    """Return the 95 % percentile interval of ``sums / counts`` over clusters, both int64 (clusters,)."""
    shares = []
    for _ in range(RESAMPLES // _AT_ONCE):
        times = drawn.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=_AT_ONCE)
        shares.append((times @ sums) / (times @ counts))
    low, high = np.quantile(np.concatenate(shares), [0.025, 0.975])
    return float(low), float(high)


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided exact p-value of McNemar's test.

    Source: Q. McNemar (1947), Note on the sampling error of the difference between correlated proportions or
    percentages, Psychometrika 12, 153–157; exact by the binomial distribution.

    Args:
        only_first: Photographs that the first alone named right.
        only_second: Photographs that the second alone named right.

    Returns:
        0 … 1; 1 where no photograph tells the two apart.
    """
    disagreements = only_first + only_second
    return float(binomtest(only_first, disagreements).pvalue) if disagreements else 1.0

"""Confidence intervals of proportions: Wilson (1927), and Newcombe (1998) for differences."""

from math import sqrt
from statistics import NormalDist


def wilson(successes: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion.

    Source: E. B. Wilson (1927), Probable inference, the law of succession, and statistical inference, Journal of the
    American Statistical Association 22, 209–212. Unlike the textbook interval around the share itself it stays within
    0 and 1 and keeps its coverage for few cases and for shares near the ends (Brown, Cai & DasGupta 2001).

    Args:
        successes: How many of the cases succeeded, 0 … n; a mean over several readings need not be whole.
        n: How many cases there were. Nothing is known about a share of no cases, so 0 gives (0, 1).
        confidence: The interval's coverage, between 0 and 1.

    Returns:
        The lower and the upper end, each between 0 and 1.

    Raises:
        ValueError: If the counts or the confidence are out of range.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"successes = {successes}, n = {n}: allowed: 0 ≤ successes ≤ n")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence = {confidence}: allowed: between 0 and 1")
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At the ends the two terms cancel exactly; rounding must not leave 1e-17 there.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return low, high


def newcombe(successes: tuple[float, float], n: tuple[int, int], confidence: float = 0.95) -> tuple[float, float]:
    """Return the hybrid score interval of the difference of two independent proportions, the first less the second.

    Source: R. G. Newcombe (1998), Interval estimation for the difference between independent proportions: comparison
    of eleven methods, Statistics in Medicine 17, 873–890, method 10.

    Args:
        successes: Of each, 0 … n.
        n: How many cases each had.
        confidence: The interval's coverage, between 0 and 1.

    Returns:
        The lower and the upper end, each between -1 and 1.

    Raises:
        ValueError: If a count or the confidence is out of range.
    """
    (low, high), (other_low, other_high) = (wilson(*pair, confidence) for pair in zip(successes, n, strict=True))
    if min(n) == 0:
        return -1.0, 1.0
    share, other = (hits / cases for hits, cases in zip(successes, n, strict=True))
    below = sqrt((share - low) ** 2 + (other_high - other) ** 2)
    above = sqrt((high - share) ** 2 + (other - other_low) ** 2)
    return share - other - below, share - other + above

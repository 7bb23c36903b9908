"""Selection of examples by confidence."""

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]


def most_confident(confidence: npt.NDArray[np.floating], among: npt.NDArray[np.bool_], count: int) -> list[int]:
    """Return the rows with the highest confidence, the surest first; of equals the first row comes first.

    Args:
        confidence: (n,).
        among: Which rows may be chosen, (n,).
        count: How many at most.
    """
    order = np.argsort(-confidence, kind="stable")
    return [int(row) for row in order if among[row]][:count]


def most_confident_by_class(
    confidence: npt.NDArray[np.floating], among: npt.NDArray[np.bool_], labels: Labels, count: int
) -> list[int]:
    """Return the surest rows of different classes, filled up with the surest others where there are fewer classes.

    Args:
        confidence: (n,).
        among: Which rows may be chosen, (n,).
        labels: Their classes, int64 (n,).
        count: How many at most.
    """
    ranked = most_confident(confidence, among, len(confidence))
    seen = set[int]()
    firsts = [row for row in ranked if not (int(labels[row]) in seen or seen.add(int(labels[row])))]  # type: ignore[func-returns-value]
    chosen = set((firsts + [row for row in ranked if row not in set(firsts)])[:count])
    return [row for row in ranked if row in chosen]

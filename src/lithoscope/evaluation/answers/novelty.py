"""Novelty scores: how unlike the training photographs something is, and how undecided the model is about it.

Sources: Y. Sun, Y. Ming, X. Zhu & Y. Li (2022), Out-of-Distribution Detection with Deep Nearest Neighbors, ICML
(the similarity to the k-th nearest training photograph); J. Gao & C. Long (2024), RaBitQ: Quantizing High-Dimensional
Vectors with a Theoretical Error Bound, SIGMOD (cosines of which one side keeps its signs alone); X. Liu, Y. Lochman &
C. Zach (2023), GEN: Pushing the Limits of Softmax-Based Out-of-Distribution Detection, CVPR (the generalised entropy of
the probabilities). Which scores, and why these: docs/answers.md, measured by ``benchmarks/none_of_these.py``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

NEIGHBOUR = 5
"""Which of the nearest training photographs is asked; the farthest of them where there are fewer."""
MOST = 700
"""So many training photographs are kept at most, evenly drawn from all; a page for the field carries them."""
GAMMA, LARGEST = 0.1, 10
"""Of the generalised entropy: its exponent, and how many of the largest probabilities it takes (Liu et al. use .1 and a
tenth of ImageNet's classes)."""
_AT_ONCE = 256
_OPPOSITE = np.float32(-1)
_CONSTANT = 1e-6


@dataclass(frozen=True)
class Reference:
    """What a photograph's features are held against.

    Of a training photograph the signs of its standardised features are kept. In thousands of dimensions they give its
    cosine with another to about a hundredth, in a sixteenth of the bytes, and find other things as well as the numbers
    do or better (``benchmarks/none_of_these.py``), since no single feature weighs much.

    Attributes:
        mean: Of the training photographs' features, float32 (d,).
        scale: Their standard deviations, float32 (d,); 1 where nothing varies.
        signs: Of the standardised features of each, packed bits, uint8 (n, ⌈d / 8⌉): 1 where not below 0.
        lengths: The sum of the absolute standardised features of each, scaled to length 1, float32 (n,).
    """

    mean: npt.NDArray[np.float32]
    scale: npt.NDArray[np.float32]
    signs: npt.NDArray[np.uint8]
    lengths: npt.NDArray[np.float32]

    @classmethod
    def of(cls, features: Floats) -> "Reference":
        """Make it of training photographs, float (n, d)."""
        mean, spread = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
        varies = spread > _CONSTANT * np.abs(features).mean(axis=0, dtype=np.float64)
        mean32, scale = mean.astype(np.float32), np.where(varies, spread, 1.0).astype(np.float32)
        directions = _unit((features[kept_rows(len(features))] - mean32) / scale)
        lengths = np.maximum(np.abs(directions).sum(axis=1), np.finfo(np.float32).tiny)
        return cls(mean32, scale, np.packbits(directions >= 0, axis=1), lengths)

    def similarities(self, features: Floats) -> npt.NDArray[np.float32]:
        """Return the cosines with each photograph that is kept, as its signs give them, float32 (n, kept).

        With itself a photograph has 1, with others now and then a little more than the cosine can be.

        Args:
            features: (n, d).
        """
        positive = np.unpackbits(self.signs, axis=1, count=len(self.mean)).astype(np.float32)
        directions = _unit((features.astype(np.float32) - self.mean) / self.scale)
        return np.asarray((2 * directions @ positive.T - directions.sum(axis=1, keepdims=True)) / self.lengths)

    def similarity(self, features: Floats, own: npt.NDArray[np.bool_] | None = None) -> npt.NDArray[np.float64]:
        """Return the similarity to the k-th nearest training photograph, float64 (n,).

        Args:
            features: (n, d).
            own: Which of those that are kept a photograph is not held against, bool (n, kept): itself, where it is one
                of them. None = it is held against all.
        """
        place = -min(NEIGHBOUR, len(self.lengths))
        found = [np.empty(0)]
        for start in range(0, len(features), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            known = self.similarities(features[rows])
            if own is not None:
                known = np.where(own[rows], _OPPOSITE, known)
            found.append(np.partition(known, place, axis=1)[:, place].astype(np.float64))
        return np.concatenate(found)


def kept_rows(count: int) -> npt.NDArray[np.intp]:
    """Return which of so many training photographs a :class:`Reference` keeps, ascending."""
    return np.linspace(0, count - 1, min(count, MOST)).round().astype(np.intp)


def _unit(rows: Floats) -> npt.NDArray[np.float32]:
    lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return np.asarray(rows / lengths, dtype=np.float32)


def decidedness(probabilities: Floats) -> npt.NDArray[np.float64]:
    """Return the negative generalised entropy of probabilities (n, classes), float64 (n,): 0 for one class alone."""
    largest = -np.sort(-probabilities.astype(np.float64), axis=1)[:, :LARGEST]
    return np.asarray(-((largest * np.maximum(1 - largest, 0.0)) ** GAMMA).sum(axis=1))


def share_below(values: Floats, held_out: Floats) -> npt.NDArray[np.float64]:
    """Return which share of held-out photographs has a value as low, float64 (n,): a conformal p-value.

    Args:
        values: (n,).
        held_out: Of held-out photographs, ascending, (m,).
    """
    return np.asarray((np.searchsorted(held_out, values, side="right") + 1) / (len(held_out) + 1))


def shares_among(values: Floats) -> npt.NDArray[np.float64]:
    """Return :func:`share_below` of each held-out photograph among the others, float64 (m,)."""
    return np.asarray(np.searchsorted(np.sort(values), values, side="right") / len(values))


def familiarity(scores: Sequence[Floats], held_out: Sequence[Floats]) -> npt.NDArray[np.float64]:
    """Return the smallest :func:`share_below` of several scores, float64 (n,), above 0 and at most 1.

    What is no rock is unlike every photograph; a rock of another class is like them, and leaves the model undecided.
    One score sees the one, another the other, so the lower of their two shares counts.

    Args:
        scores: Each (n,), higher for what is known.
        held_out: The same scores of held-out photographs, each ascending, (m,).
    """
    return np.asarray(np.min([share_below(one, known) for one, known in zip(scores, held_out, strict=True)], axis=0))

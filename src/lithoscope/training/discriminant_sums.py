"""The discriminant of more pictures than features, from sums that are as large for ten thousand as for ten million.

:mod:`lithoscope.training.discriminant_head` says what is fitted, and holds the features themselves where that is
less. Both give the same but for rounding.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.blas import dsymm, dsyrk

TINY = float(np.finfo(np.float64).tiny)
"""What is divided by where nothing varies."""
CONSTANT = 1e-6
"""Standard deviation, as a share of the mean size, below which a feature never changes and so tells nothing."""
_AT_ONCE = 1024
"""Pictures that wait until their products are added: one large product of matrices is many times as fast as small
ones."""


class DiscriminantSums:
    """Sums over pictures' features, added bit by bit: p² + (classes + 1,024) · p numbers, however many pictures come.

    Sums are taken about the first pictures' means, so that little is lost where features vary little beside their size.

    Args:
        features: How many, p.
        classes: How many.
    """

    def __init__(self, features: int, classes: int) -> None:
        self._origin: npt.NDArray[np.float64] | None = None
        self._pictures = 0
        self._counts = np.zeros(classes)
        self._sums = np.zeros((classes, features))
        self._sizes = np.zeros(features)
        self._products = np.zeros((features, features), order="F")  # its upper triangle
        self._waiting: list[npt.NDArray[np.float64]] = []

    def add(
        self,
        features: npt.NDArray[np.floating[Any]],
        labels: npt.NDArray[np.int64],
        counted: npt.NDArray[np.float64] | None = None,
    ) -> None:
        """Add pictures.

        Args:
            features: (n, p).
            labels: (n,), 0 … classes-1.
            counted: (n,), above 0. How much each counts; 1 where not given.
        """
        rows = features.astype(np.float64)
        shares = np.ones(len(rows)) if counted is None else counted
        if self._origin is None:
            self._origin = rows.mean(axis=0)
        self._sizes += shares @ np.abs(rows)
        rows -= self._origin
        self._pictures += len(rows)
        self._counts += np.bincount(labels, shares, minlength=len(self._counts))
        np.add.at(self._sums, labels, rows * shares[:, None])
        self._waiting.append(rows * np.sqrt(shares)[:, None])
        if sum(map(len, self._waiting)) >= _AT_ONCE:
            self._multiply()

    def _multiply(self) -> None:
        if self._waiting:
            rows = np.concatenate(self._waiting)
            self._products = dsyrk(1.0, rows.T, beta=1.0, c=self._products, overwrite_c=1)
            self._waiting.clear()

    def fit(self, shrinkage: float, spread: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return the standardised discriminant's weights (classes, p) and biases (classes,). The sums are used up.

        Args:
            shrinkage: Share of the covariance within classes that the identity takes, above 0 and at most 1.
            spread: Standard deviation of the logits over the pictures.

        Raises:
            ValueError: A class has no picture.
        """
        if self._origin is None or self._counts.min() == 0:
            raise ValueError("every class needs a picture")
        self._multiply()
        total = self._counts.sum()
        mean = self._sums.sum(axis=0) / total
        deviation = np.sqrt(np.maximum(self._products.diagonal() / total - mean**2, 0.0))
        scale = np.where(deviation > CONSTANT * self._sizes / total, deviation, 1.0)
        means = self._sums / self._counts[:, None] / scale
        within = self._products  # in place from here on: another of its size would double the memory
        within /= total
        within /= scale
        within /= scale[:, None]
        weighted = means * np.sqrt(self._counts / total)[:, None]
        within = dsyrk(-1.0, weighted.T, beta=1.0, c=within, overwrite_c=1)
        diagonal = within.reshape(-1, order="F")[:: len(within) + 1]
        centre = means.mean(axis=0)
        ridge = max(shrinkage * float(diagonal.mean()), TINY)
        directions = (means - centre).T
        if shrinkage < 1:
            within *= 1 - shrinkage
            diagonal += ridge
            factor = cho_factor(within, overwrite_a=True, check_finite=False)
            weights = np.asarray(cho_solve(factor, directions, check_finite=False))
            # What the covariance itself makes of the weights, out of the system that they solve.
            varying = (weights * (directions - ridge * weights)).sum(axis=0) / (1 - shrinkage)
        else:
            weights = directions / ridge
            varying = (weights * dsymm(1.0, within, weights)).sum(axis=0)
        biases = -0.5 * (directions * weights).sum(axis=0) - centre @ weights
        logits = means @ weights + biases  # of each class's mean
        average = self._counts @ logits / total
        variance = (varying + self._counts @ logits**2 / total).mean() - average.mean() ** 2
        factor_of_scale = spread / max(float(np.sqrt(max(variance, 0.0))), TINY)
        weights = weights.T / scale * factor_of_scale
        return weights, biases * factor_of_scale - weights @ self._origin

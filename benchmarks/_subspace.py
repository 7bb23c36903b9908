"""Relative Mahalanobis distances in the leading principal directions of the training photographs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]

_FINEST, _CONSTANT = 127, 1e-6


@dataclass(frozen=True)
class Subspace:
    """Directions of standardised features; they do not grow with the number of photographs.

    Attributes:
        mean: Of the training photographs' features, float32 (d,).
        scale: Their standard deviations, float32 (d,).
        axes: The directions, rounded to 8 bits, float64 (d, k).
        learnt: The training photographs' coordinates, float64 (n, k).
        classes: Their classes, 0 … classes-1, (n,).
    """

    mean: Floats
    scale: Floats
    axes: Floats
    learnt: Floats
    classes: Labels

    @classmethod
    def of(cls, features: Floats, labels: Labels, directions: int) -> "Subspace":
        """Make it of training photographs' features (n, d), n below d, and labels (n,)."""
        mean, spread = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
        varies = spread > _CONSTANT * np.abs(features).mean(axis=0, dtype=np.float64)
        mean, scale = mean.astype(np.float32), np.where(varies, spread, 1.0).astype(np.float32)
        rows = (features - mean) / scale
        values, vectors = np.linalg.eigh((rows @ rows.T).astype(np.float64))
        kept = np.flatnonzero(values > _CONSTANT * values[-1])[::-1][:directions]
        axes = (rows.T @ (vectors[:, kept] / np.sqrt(values[kept])).astype(np.float32)).astype(np.float64)
        step = np.abs(axes).max(axis=0) / _FINEST
        axes = (axes / step).round() * step
        return cls(mean, scale, axes, rows.astype(np.float64) @ axes, np.unique(labels, return_inverse=True)[1])

    def coordinates(self, features: Floats) -> Floats:
        """Return where photographs lie, float64 (m, k), for features (m, d)."""
        return np.asarray(((features - self.mean) / self.scale).astype(np.float64) @ self.axes)

    def narrowed(self, queries: Floats, widths: Sequence[int], shrinkage: float) -> Iterator[tuple[int, Floats]]:
        """Yield for each number of directions how much nearer queries (m, d) are to a class than to all photographs.

        The squared distance to the mean of all, less that to the nearest class (Ren et al. 2021), both covariances
        shrunk towards multiples of the identity.
        """
        seen = self.coordinates(queries)
        for width in widths:
            yield width, _relative(self.learnt[:, :width], self.classes, seen[:, :width], shrinkage)


def _relative(learnt: Floats, classes: Labels, seen: Floats, shrinkage: float) -> Floats:
    middles = np.stack([learnt[classes == one].mean(axis=0) for one in range(int(classes.max()) + 1)])
    values, vectors = np.linalg.eigh(_shrunk(learnt - middles[classes], shrinkage))
    within = vectors / np.sqrt(values)
    apart = (seen @ within)[:, None] - middles @ within
    to_all = (seen**2 / np.diag(_shrunk(learnt, shrinkage))).sum(axis=1)
    return np.asarray(to_all - (apart**2).sum(axis=2).min(axis=1))


def _shrunk(residuals: Floats, shrinkage: float) -> Floats:
    covariance = residuals.T @ residuals / len(residuals)
    ridge = shrinkage * float(np.trace(covariance)) / len(covariance)
    return np.asarray((1 - shrinkage) * covariance + ridge * np.eye(len(covariance)))

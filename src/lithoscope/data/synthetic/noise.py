"""Smooth random functions of the picture plane and of space: the raw material of every texture."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float64]

_LATTICE: Final = 32


class Grid:
    """The pixels a scene is computed on: a square from -1 to 1, x to the right, y down, z towards the camera.

    Attributes:
        size: Pixels a side.
        step: Distance between neighbouring pixels.
        x: Horizontal coordinates, ``(size, size)``.
        y: Vertical coordinates, ``(size, size)``.
    """

    def __init__(self, size: int) -> None:
        centres = (np.arange(size, dtype=np.float64) + 0.5) * (2.0 / size) - 1.0
        self.size = size
        self.step = 2.0 / size
        self.x, self.y = np.meshgrid(centres, centres)

    def window(self, x: float, y: float, radius: float) -> tuple[slice, slice]:
        """Return the rows and columns that hold a disc; empty slices where it lies outside the frame."""
        bounds = []
        for centre in (y, x):
            low = int(np.floor((centre - radius + 1.0) / self.step)) - 1
            high = int(np.ceil((centre + radius + 1.0) / self.step)) + 1
            bounds.append(slice(min(max(low, 0), self.size), min(max(high, 0), self.size)))
        return bounds[0], bounds[1]

    def gradient(self, surface: Floats) -> tuple[Floats, Floats]:
        """Return the slope of a height map, in x and in y."""
        return np.gradient(surface, self.step, axis=1), np.gradient(surface, self.step, axis=0)


def _stretched(lattice: Floats, size: int, cells: float, phase: float) -> Floats:
    """Interpolate the rows of a lattice by the uniform cubic B-spline, to ``size`` rows.

    Sums of four products in a fixed order, not a matrix product: the result depends on no linear algebra library.
    """
    position = np.arange(size, dtype=np.float64) / size * cells + phase
    left = np.floor(position).astype(np.int64)
    t = (position - left)[:, None]
    basis = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3)
    total = np.zeros((size, lattice.shape[1]))
    for offset, weight in enumerate(basis):
        total += weight / 6.0 * lattice[left + offset]
    return total


def fractal(
    rng: np.random.Generator, size: int, cells: float | tuple[float, float], octaves: int = 4, gain: float = 0.5
) -> Floats:
    """Return fractal value noise: octaves of cubic-spline noise, each twice as fine and ``gain`` times as strong.

    Args:
        rng: Random stream.
        size: Pixels a side.
        cells: Lattice cells a side in the coarsest octave, or those down and across.
        octaves: How many octaves.
        gain: Strength of an octave relative to the one before.

    Returns:
        ``(size, size)``, mean 0 and standard deviation 1.
    """
    rows, columns = cells if isinstance(cells, tuple) else (cells, cells)
    total = np.zeros((size, size))
    for octave in range(octaves):
        down, across = rows * 2.0**octave, columns * 2.0**octave
        if min(down, across) > size:
            break
        phase_down, phase_across = rng.random(2)
        lattice = rng.standard_normal((int(np.ceil(down)) + 5, int(np.ceil(across)) + 5))
        half = _stretched(lattice, size, down, phase_down)
        total += gain**octave * _stretched(half.T, size, across, phase_across).T
    total -= total.mean()
    return total / max(float(total.std()), 1e-12)


class Field:
    """Smooth noise that can be asked anywhere, for textures that follow a crystal's own axes."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._values = rng.standard_normal((_LATTICE, _LATTICE))
        self._origin = rng.random(2) * _LATTICE

    def __call__(self, u: Floats, v: Floats) -> Floats:
        """Return the noise at ``(u, v)``, in lattice cells; any shape, standard deviation about 0.6."""
        coordinates = np.stack([u + self._origin[0], v + self._origin[1]])
        return np.asarray(
            ndimage.map_coordinates(self._values, coordinates, order=3, mode="grid-wrap", prefilter=False),
            dtype=np.float64,
        )


class Profile:
    """A random function of one number, for bands and striations."""

    def __init__(self, rng: np.random.Generator, weights: Sequence[float] = (1.0, 0.6, 0.35)) -> None:
        self._knots = [rng.random(64) for _ in weights]
        self._weights = weights

    def __call__(self, position: Floats) -> Floats:
        """Return values in 0…1; one unit of position is one knot of the coarsest octave."""
        total = np.zeros_like(position)
        for octave, (knots, weight) in enumerate(zip(self._knots, self._weights, strict=True)):
            scaled = position * 2.0**octave
            left = np.floor(scaled)
            t = scaled - left
            index = left.astype(np.int64)
            blend = t * t * (3.0 - 2.0 * t)
            total += weight * (knots[index % 64] * (1.0 - blend) + knots[(index + 1) % 64] * blend)
        return total / sum(self._weights)


def cells(rng: np.random.Generator, x: Floats, y: Floats, across: float) -> tuple[Floats, NDArray[np.int64]]:
    """Return a cell pattern (Worley 1996): the distance from the nearest cell border and each pixel's cell number.

    Args:
        rng: Random stream.
        x: Coordinates in -1…1; values a little outside are fine.
        y: As ``x``.
        across: Cells a side.

    Returns:
        Second-nearest minus nearest distance in cell widths (0 on a border), and a cell number in 0…1023.
    """
    margin, side = 4, int(np.ceil(across)) + 10
    jitter = rng.random((2, side, side))
    numbers = rng.integers(0, 1024, (side, side))
    u, v = (x + 1.0) * across / 2.0 + margin, (y + 1.0) * across / 2.0 + margin
    column, row = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    nearest, second = np.full(x.shape, np.inf), np.full(x.shape, np.inf)
    owner = np.zeros(x.shape, dtype=np.int64)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            r = np.clip(row + down, 0, side - 1)
            c = np.clip(column + right, 0, side - 1)
            distance = np.hypot(c + jitter[0, r, c] - u, r + jitter[1, r, c] - v)
            closer = distance < nearest
            second = np.where(closer, nearest, np.minimum(second, distance))
            nearest = np.where(closer, distance, nearest)
            owner = np.where(closer, numbers[r, c], owner)
    return second - nearest, owner


def smoothstep(low: float, high: float, value: Floats) -> Floats:
    """Return 0 below ``low``, 1 above ``high`` and a smooth rise between."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)

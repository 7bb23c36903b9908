"""Photographs as points around the middles of their classes, and a model that knows these: limits in small."""

import numpy as np
import numpy.typing as npt

from lithoscope.evaluation.answers.limits import HeldOut, Limits, fit_limits

CLASSES = ["Basalt", "Gabbro", "Granite", "Diorite", "Marble", "Slate"]
COARSE = dict(zip(CLASSES, ["igneous"] * 4 + ["metamorphic"] * 2, strict=True))
WIDTH = 16
_OTHERS = range(8, WIDTH)  # directions that no class has anything of


def middles() -> npt.NDArray[np.float64]:
    """Return the middles, (classes, WIDTH): each has a direction of its own and one of its coarse class."""
    kinds = np.eye(2, WIDTH, k=6)[[0, 0, 0, 0, 1, 1]]
    return 4 * np.eye(len(CLASSES), WIDTH) + 6 * kinds


def photographs(n: int, seed: int, spread: float = 1.0) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return features (n, WIDTH) and labels (n,)."""
    drawn = np.random.default_rng(seed)
    labels = drawn.integers(0, len(CLASSES), n)
    return middles()[labels] + spread * drawn.normal(size=(n, WIDTH)), labels


def others(n: int, seed: int) -> npt.NDArray[np.float64]:
    """Return features of what is none of the classes: they lie in other directions."""
    drawn = np.random.default_rng(seed)
    return 8 * np.eye(WIDTH)[drawn.integers(_OTHERS.start, _OTHERS.stop, n)] + drawn.normal(size=(n, WIDTH))


def probabilities(features: npt.NDArray[np.float64], spread: float = 2.5) -> npt.NDArray[np.float64]:
    logits = features @ middles().T / spread**2 - (middles() ** 2).sum(axis=1) / 2 / spread**2
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def fitted(n: int = 400, seed: int = 0, coarse: dict[str, str] | None = None, spread: float = 1.0) -> Limits | None:
    features, labels = photographs(n, seed, spread)
    held_out = HeldOut(probabilities(features), features, labels, "validation photographs")
    return fit_limits(held_out, photographs(300, seed + 1000, spread)[0], CLASSES, coarse or {})

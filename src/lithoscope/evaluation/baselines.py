"""Baselines: the majority class, and logistic regression on colour histograms, which sees no shapes."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.random_streams import integer_seed

HUES: Final = 12
SATURATIONS: Final = 4
VALUES: Final = 4

_BATCH: Final = 64
_INVERSE_PENALTIES: Final = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
_INNER_FOLDS: Final = 4


def _bins(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the bin of every pixel, ``(..., 3)`` to ``(...)``, in exact integer arithmetic."""
    red, green, blue = (pixels[..., channel].astype(np.int64) for channel in range(3))
    value = np.maximum(np.maximum(red, green), blue)
    chroma = value - np.minimum(np.minimum(red, green), blue)
    divisor = np.maximum(chroma, 1)
    # The hexagonal hue (Smith 1978), in units of 1/256 of its six sectors.
    sector = np.select(
        [value == red, value == green],
        [256 * (green - blue) // divisor, 512 + 256 * (blue - red) // divisor],
        1024 + 256 * (red - green) // divisor,
    )
    hue = np.where(chroma == 0, 0, (sector % 1536) * HUES // 1536)
    saturation = SATURATIONS * chroma // (value + 1)
    return np.asarray((hue * SATURATIONS + saturation) * VALUES + value * VALUES // 256, dtype=np.int64)


def colour_histogram(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the joint histogram of hue, saturation and value of each picture.

    Where a pixel lies makes no difference, so texture and shape leave no trace in it. Pictures are read in batches:
    a memory-mapped array is never loaded whole.

    Args:
        images: RGB, ``(n, height, width, 3)`` of uint8.

    Returns:
        Shares of the pixels, ``(n, 192)``; each row adds up to 1.

    Raises:
        LithoscopeError: The array has another shape or type, or pictures without pixels.
    """
    if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
        raise LithoscopeError(
            f"colour histograms need uint8 pictures of shape (n, height, width, 3), not {images.dtype} {images.shape}"
        )
    if images.shape[1] == 0 or images.shape[2] == 0:
        raise LithoscopeError(f"colour histograms need pictures with pixels, not of shape {images.shape}")
    width = HUES * SATURATIONS * VALUES
    shares = np.empty((len(images), width), dtype=np.float32)
    for start in range(0, len(images), _BATCH):
        for offset, picture in enumerate(np.asarray(images[start : start + _BATCH])):
            counts = np.bincount(_bins(picture).ravel(), minlength=width)
            shares[start + offset] = counts / counts.sum()
    return shares


def fit_colour_baseline(train_images: NDArray[np.uint8], train_labels: ArrayLike, seed: int) -> Pipeline:
    """Fit multinomial logistic regression to the square roots of colour histograms.

    The square root makes Euclidean distance that of Hellinger, which suits histograms. The penalty is chosen by
    cross-validation within the training pictures; no other picture is seen.

    Args:
        train_images: RGB, ``(n, height, width, 3)`` of uint8.
        train_labels: ``(n,)``, of class names or numbers.
        seed: Shuffles the folds of the inner cross-validation.

    Returns:
        A fitted pipeline that takes the rows of :func:`colour_histogram`; it has ``predict``, ``predict_proba`` and
        ``classes_``.

    Raises:
        LithoscopeError: Pictures and labels differ in number, or there are fewer than two classes.
    """
    labels = np.asarray(train_labels)
    if labels.shape != (len(train_images),):
        raise LithoscopeError(
            f"the colour baseline got {len(train_images)} pictures and labels of shape {labels.shape}: give one each"
        )
    names, counts = np.unique(labels, return_counts=True)
    if len(names) < 2:
        raise LithoscopeError(f"the colour baseline needs at least two classes in the training split, not {len(names)}")
    # scikit-learn carries no type hints.
    steps = (
        FunctionTransformer(np.sqrt),  # type: ignore[no-untyped-call]
        StandardScaler(),  # type: ignore[no-untyped-call]
        LogisticRegression(C=_INVERSE_PENALTIES[2], max_iter=2000),  # type: ignore[no-untyped-call]
    )
    pipeline: Pipeline = make_pipeline(*steps)  # type: ignore[no-untyped-call]
    features = colour_histogram(train_images).astype(np.float64)
    folds = min(_INNER_FOLDS, int(counts.min()))
    if folds < 2:  # a class with a single picture cannot be held out: keep the middling penalty
        pipeline.fit(features, labels)
        return pipeline
    shuffle = integer_seed(seed, "colour baseline") % 2**32
    splitter = StratifiedKFold(folds, shuffle=True, random_state=shuffle)  # type: ignore[no-untyped-call]
    penalties = {"logisticregression__C": list(_INVERSE_PENALTIES)}
    search = GridSearchCV(pipeline, penalties, scoring="neg_log_loss", cv=splitter)  # type: ignore[no-untyped-call]
    best: Pipeline = search.fit(features, labels).best_estimator_
    return best


def majority_class(labels: Sequence[str]) -> str:
    """Return the most frequent label; of several equally frequent ones, the first in alphabetical order.

    Raises:
        LithoscopeError: There are no labels.
    """
    if len(labels) == 0:
        raise LithoscopeError("there is no majority class: the training split has no photographs")
    names, counts = np.unique(np.asarray(labels, dtype=str), return_counts=True)
    return str(names[counts.argmax()])


def baseline_predictions(
    train_images: NDArray[np.uint8], train_labels: NDArray[np.int64], images: NDArray[np.uint8], seed: int
) -> dict[str, NDArray[np.int64]]:
    """Return what a network has to beat on a split: the answers of two models that see no texture and no shape.

    Args:
        train_images: uint8 ``(n, height, width, 3)``, RGB, without augmented copies.
        train_labels: Indices of the classes, int64 ``(n,)``.
        images: The split that is scored, uint8 ``(m, height, width, 3)``, RGB.
        seed: Shuffles the folds that choose the colour model's penalty.

    Returns:
        Indices of the classes, int64 ``(m,)``, of ``majority_class`` (always the most frequent class of the training)
        and ``colour_histogram`` (a linear model).
    """
    majority = int(np.bincount(train_labels).argmax())
    colour = fit_colour_baseline(train_images, train_labels, seed)
    return {
        "majority_class": np.full(len(images), majority, dtype=np.int64),
        "colour_histogram": np.asarray(colour.predict(colour_histogram(images)), dtype=np.int64),
    }

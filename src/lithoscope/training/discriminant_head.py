"""Shrinkage linear discriminant analysis as a linear head: its start, or what takes its place after the epochs.

With about a dozen photographs a class it is a better start for a head than random weights, which need so many steps
that a pretrained backbone forgets meanwhile. After them it weighs more of what the tuned backbone makes than the head
it was tuned under could.
"""

import numpy as np
import numpy.typing as npt
import torch
from rich.progress import track
from torch import nn

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.loading.dataloader import INFERENCE_BATCH, FeatureRows, InOrder, PackedPhotographs
from lithoscope.data.packed.arrays import ArraySplit
from lithoscope.models.classifier import Classifier
from lithoscope.models.frozen_features import for_features, rest_features
from lithoscope.training.discriminant_sums import CONSTANT, TINY, DiscriminantSums
from lithoscope.training.phase import Phase, Photographs, Rows

SPREAD = 2.5
"""Standard deviation that the logits of the training pictures are scaled to. The discriminant's own scale trusts the
estimated covariance, and is overconfident where there are fewer pictures than features."""


def shrinkage_discriminant(
    features: npt.NDArray[np.float64],
    labels: npt.NDArray[np.int64],
    classes: int,
    shrinkage: float,
    counted: npt.NDArray[np.float64] | None = None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Fit a linear discriminant whose classes count alike.

    The covariance within classes is shrunk towards a multiple of the identity. Source: Friedman, Regularized
    Discriminant Analysis, JASA 84 (1989), eq. 18 with λ = 1.

    Args:
        features: (n, p). What the head sees of each training picture.
        labels: (n,), 0 … classes-1, each of them at least once.
        classes: Number of classes.
        shrinkage: Share of the covariance that the identity takes, above 0 and at most 1.
        counted: (n,), above 0. How much each picture counts: one of weight 2 as much as if it stood there twice.

    Returns:
        Weights (classes, p) and biases (classes,) of logits whose standard deviation over the training pictures is
        :data:`SPREAD`.

    Raises:
        ValueError: A class has no picture.
    """
    shares = np.ones(len(labels)) if counted is None else counted / counted.mean()
    counts = np.bincount(labels, shares, minlength=classes)
    if counts.min() == 0:
        raise ValueError("every class needs a picture")
    means = np.zeros((classes, features.shape[1]))
    np.add.at(means, labels, features * shares[:, None])
    means /= counts[:, None]
    residuals = (features - means[labels]) * np.sqrt(shares)[:, None]
    n, p = residuals.shape
    variance = (residuals**2).sum() / n / p
    ridge, share = max(shrinkage * variance, TINY), (1 - shrinkage) / n
    centre = means.mean(axis=0)
    directions = (means - centre).T
    weights = _solve(residuals, share, ridge, directions)
    biases = -0.5 * (directions * weights).sum(axis=0) - centre @ weights
    logits = features @ weights + biases
    scale = SPREAD / max(float(_spread(logits.ravel(), None if counted is None else np.repeat(shares, classes))), TINY)
    return weights.T * scale, biases * scale


def standardised_discriminant(
    features: npt.NDArray[np.float64],
    labels: npt.NDArray[np.int64],
    classes: int,
    shrinkage: float,
    counted: npt.NDArray[np.float64] | None = None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Fit :func:`shrinkage_discriminant` to features in units of their own standard deviations.

    Averages and covariances, early and late blocks then weigh alike. Arguments, errors and what is returned are the
    same: the weights take features as they are.
    """
    spread = _spread(features, counted)
    scale = np.where(spread > CONSTANT * np.abs(features).mean(axis=0), spread, 1.0)
    weights, biases = shrinkage_discriminant(features / scale, labels, classes, shrinkage, counted)
    return weights / scale, biases


def _spread(values: npt.NDArray[np.float64], counted: npt.NDArray[np.float64] | None) -> npt.NDArray[np.float64]:
    """Return the standard deviation over the first axis."""
    if counted is None:
        return np.asarray(values.std(axis=0))
    return np.asarray(np.sqrt(np.average((values - np.average(values, 0, counted)) ** 2, 0, counted)))


def _solve(
    residuals: npt.NDArray[np.float64], share: float, ridge: float, directions: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Solve ``(share · R'R + ridge · I) W = D`` for residuals R (n, p), by whichever system is smaller: p or n wide.

    The latter by Woodbury's identity; with 6,512 features of 360 photographs it is some hundred times as fast.
    """
    n, p = residuals.shape
    if p <= n or share == 0:
        return np.asarray(np.linalg.solve(residuals.T @ residuals * share + ridge * np.eye(p), directions))
    inner = np.linalg.solve(residuals @ residuals.T + ridge / share * np.eye(n), residuals @ directions)
    return np.asarray((directions - residuals.T @ inner) / ridge)


def linear_layer(network: Classifier, split: ArraySplit) -> nn.Linear:
    """Return the layer of a head that a discriminant can be.

    Raises:
        LithoscopeError: The head is not linear, or a class has no training photograph.
    """
    last = list(network.head)[-1] if isinstance(network.head, nn.Sequential) else network.head
    if not isinstance(last, nn.Linear) or any(
        isinstance(part, (nn.ReLU, nn.modules.batchnorm._BatchNorm)) for part in network.head.modules()
    ):
        raise LithoscopeError("a discriminant as head: linear only; allowed with model.head: linear")
    if len(np.unique(split.labels)) < len(split.classes):
        raise LithoscopeError(
            "a discriminant as head: a class has no training photograph; allowed: train.head_fit = gradient with "
            "train.head_refit = false"
        )
    return last


def fit_discriminant_head(
    network: Classifier, phase: Phase, photographs: Photographs, rows: Rows, progress_bar: bool
) -> None:
    """Set a linear head to the standardised discriminant of the training photographs.

    The photographs count once as they are on disk and once more for each of ``head_passes`` epochs, varied as training
    will vary them in those. Where varied passes are computed once, these alone count, at most ``head_passes`` of them
    and at least one.

    Args:
        network: Changed in place; the backbone stays as it is, and the modes come back as they were.
        phase: How it is trained.
        photographs: On what.
        rows: What :func:`lithoscope.training.phase.phase_rows` made of the training photographs.
        progress_bar: Whether to draw one.

    Raises:
        LithoscopeError: As :func:`linear_layer`.
    """
    split, settings = photographs.training, phase.settings
    last = linear_layer(network, split)
    kept = rows if isinstance(rows, FeatureRows) else PackedPhotographs(split)
    varied = PackedPhotographs(split, photographs.augmentation)
    passes: list[tuple[FeatureRows | PackedPhotographs, int]] = [(kept, 0)]
    if phase.passes:
        passes += [(kept, number) for number in range(1, min(settings.head_passes, phase.passes))]
    else:
        passes += [(varied, epoch) for epoch in range(settings.head_passes)]
    batches = [(source, keys) for source, epoch in passes for keys in InOrder(len(split), INFERENCE_BATCH, epoch)]
    classes, width = len(split.classes), last.in_features
    # Whichever is less is held: the features, or sums over them (:mod:`lithoscope.training.discriminant_sums`).
    sums = DiscriminantSums(width, classes) if len(split) * len(passes) > width else None
    held: list[npt.NDArray[np.float32]] = []
    with for_features(network, settings.device, settings.precision):
        for source, keys in track(batches, "discriminant", transient=True, disable=not progress_bar):
            seen = source.__getitems__(keys).images.to(settings.device)
            whole = network.embed(seen) if source is not rows else rest_features(network, seen, phase.frozen)
            features = whole.float().cpu().numpy()
            if sums is None:
                held.append(features)
                continue
            numbers = [row for _, row in keys]
            sums.add(features, split.labels[numbers], None if split.weights is None else split.weights[numbers])
    if sums is not None:
        weights, biases = sums.fit(settings.shrinkage, SPREAD)
    else:
        weights, biases = standardised_discriminant(
            np.concatenate(held).astype(np.float64),
            np.tile(split.labels, len(passes)),
            classes,
            settings.shrinkage,
            None if split.weights is None else np.tile(split.weights, len(passes)),
        )
    with torch.no_grad():
        last.weight.copy_(torch.from_numpy(weights))
        last.bias.copy_(torch.from_numpy(biases))

"""Held-out photographs: what a model says of photographs that it did not learn from, for its limits and its doubts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from lithoscope.data.packed.arrays import Pixels
from lithoscope.evaluation.answers.limits import HeldOut
from lithoscope.evaluation.answers.novelty import kept_rows
from lithoscope.evaluation.embeddings.layers import frozen_backbone
from lithoscope.evaluation.folds import FOLDS, grouped_folds
from lithoscope.models.classifier import Classifier
from lithoscope.models.predictor import BATCH, Predictor
from lithoscope.models.temperature import tempered
from lithoscope.models.weights_file import PretrainedWeights

VALIDATION = "validation photographs"
AGREED = 0.9
"""Share of training photographs that the head refitted to all of them must name as the model does, before heads
refitted to folds stand for the model."""

Floats = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.int64]
Refit = Callable[[npt.NDArray[np.float64], Labels], tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]
"""Fits a linear head to features (n, d) and labels (n,): weights (classes, d) and biases (classes,)."""


@dataclass(frozen=True)
class JudgedPhotographs:
    """Photographs of one split.

    Attributes:
        features: What the head sees, of the plain view, float32 (n, d).
        labels: int64 (n,).
        groups: The group of duplicates each belongs to.
        logits: Of the model, float32 (n, classes), without a temperature.
    """

    features: npt.NDArray[np.float32]
    labels: Labels
    groups: Sequence[str]
    logits: npt.NDArray[np.float32]


def plain_features(predictor: Predictor, images: Pixels) -> npt.NDArray[np.float32]:
    """Return what the head sees of photographs as they are, float32 (n, d); members side by side.

    Args:
        predictor: The model.
        images: uint8 (n, side, side, 3); a memory map will do.
    """
    parts = []
    with torch.inference_mode():
        for start in range(0, len(images), BATCH):
            pixels = torch.from_numpy(np.array(images[start : start + BATCH]))
            parts.append(predictor.network.embed(pixels.permute(0, 3, 1, 2)).float().numpy())
    return np.concatenate(parts) if parts else np.empty((0, 0), np.float32)


def is_untouched(predictor: Predictor, weights: PretrainedWeights | None) -> bool:
    """Return whether training left the backbone as it was, so that its features have not learnt the labels."""
    if weights is None or not isinstance(predictor.network, Classifier):
        return False
    before = frozen_backbone(predictor.description.architecture, weights.state).backbone.state_dict()
    after = predictor.network.backbone.state_dict()
    return all(torch.equal(value, after[name]) for name, value in before.items())


def held_out(
    training: JudgedPhotographs, validation: JudgedPhotographs, temperature: float, refit: Refit | None, classes: int
) -> HeldOut:
    """Return what a model says of photographs it did not learn from: one of each group of duplicates.

    Its validation photographs; and where the backbone is untouched, the training photographs too, each answered by a
    head that was fitted without it and its duplicates (cross-conformal: five folds).

    Args:
        training: What the model learnt from.
        validation: What it was validated on; may hold none.
        temperature: The model's.
        refit: Fits a head as the model's was, or None where its backbone has learnt the labels.
        classes: How many there are.
    """
    parts: list[tuple[Floats, Floats, Labels, npt.NDArray[np.str_]]]
    parts = [(validation.logits, validation.features, validation.labels, np.asarray(validation.groups, dtype=str))]
    source = VALIDATION
    if refit is not None and stands_for_the_model(training, refit):
        logits = fold_logits(training, refit, classes)
        rows = np.isfinite(logits).all(axis=1)
        groups = np.asarray(training.groups, dtype=str)[rows]
        parts.append((logits[rows], training.features[rows], training.labels[rows], groups))
        source = f"training photographs in {FOLDS} folds" + (f" and {VALIDATION}" if len(parts[0][0]) else "")
    parts = [part for part in parts if len(part[0])]
    if not parts:
        empty = np.empty((0, classes), np.float32)
        return HeldOut(empty, training.features[:0], training.labels[:0], source)
    logits, features, labels, names = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    each, firsts = np.unique(names, return_index=True)
    learnt = np.asarray(training.groups, dtype=str)[kept_rows(len(training.groups))]
    own = each[:, None] == learnt if source != VALIDATION else None
    return HeldOut(tempered(logits[firsts], temperature), features[firsts], labels[firsts], source, own)


def stands_for_the_model(training: JudgedPhotographs, refit: Refit) -> bool:
    """Return whether a head that is refitted to all training photographs answers them nearly as the model does."""
    if len(np.unique(training.labels)) < 2:
        return False
    weights, biases = refit(training.features.astype(np.float64), training.labels)
    again = (training.features @ weights.T + biases).argmax(axis=1)
    return bool((again == training.logits.argmax(axis=1)).mean() >= AGREED)


def fold_logits(training: JudgedPhotographs, refit: Refit, classes: int) -> npt.NDArray[np.float64]:
    """Return what heads fitted without a photograph and its duplicates say of it, float64 (n, classes).

    Rows of classes with fewer than two groups are NaN: no head without them knows such a class.
    """
    labels = training.labels
    found = np.full((len(labels), classes), np.nan)
    for fit, held in grouped_folds(labels, training.groups, "held-out folds"):
        # With those of classes with one group, which every head learns and none is judged by.
        learnt = np.concatenate([fit, np.setdiff1d(np.arange(len(labels)), np.concatenate([fit, held]))])
        if len(np.unique(labels[learnt])) < len(np.unique(labels)):  # a class whose groups all fell into this fold
            continue
        weights, biases = refit(training.features[learnt].astype(np.float64), labels[learnt])
        found[held] = training.features[held].astype(np.float64) @ weights.T + biases
    return found

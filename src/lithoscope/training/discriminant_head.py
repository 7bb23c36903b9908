"""A linear head's weights in closed form, from what the backbone makes of the training photographs."""

import numpy as np
import torch
from rich.progress import track
from torch import nn

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.loading.dataloader import INFERENCE_BATCH, InOrder, PackedPhotographs
from lithoscope.models.classifier import Classifier
from lithoscope.models.frozen_features import for_features
from lithoscope.training.discriminant import standardised_discriminant
from lithoscope.training.module import TrainingSettings
from lithoscope.training.phase import Photographs


def start_from_discriminant(
    network: Classifier, settings: TrainingSettings, photographs: Photographs, progress_bar: bool
) -> None:
    """Set a linear head to the standardised discriminant of the training photographs.

    The photographs count once as they are on disk and once more for each of ``head_passes`` epochs, varied as training
    will vary them in those.

    Args:
        network: Changed in place; the backbone stays as it is, and the modes come back as they were.
        settings: How to train.
        photographs: On what.
        progress_bar: Whether to draw one.

    Raises:
        LithoscopeError: The head is not linear, or a class has no training photograph.
    """
    last = list(network.head)[-1] if isinstance(network.head, nn.Sequential) else network.head
    if not isinstance(last, nn.Linear) or any(
        isinstance(part, (nn.ReLU, nn.modules.batchnorm._BatchNorm)) for part in network.head.modules()
    ):
        raise LithoscopeError("train.head_fit = discriminant: a linear head only; allowed with model.head: linear")
    split = photographs.training
    if len(np.unique(split.labels)) < len(split.classes):
        raise LithoscopeError("train.head_fit = discriminant: a class has no training photograph; allowed: gradient")
    plain, varied = PackedPhotographs(split), PackedPhotographs(split, photographs.augmentation)
    passes = [(plain, 0), *((varied, epoch) for epoch in range(settings.head_passes))]
    batches = [(source, keys) for source, epoch in passes for keys in InOrder(len(split), INFERENCE_BATCH, epoch)]
    features = []
    with for_features(network, settings.device, settings.precision):
        for source, keys in track(batches, "discriminant", transient=True, disable=not progress_bar):
            features.append(network.embed(source.__getitems__(keys).images.to(settings.device)).float().cpu().numpy())
    weights, biases = standardised_discriminant(
        np.concatenate(features).astype(np.float64),
        np.tile(split.labels, len(passes)),
        len(split.classes),
        settings.shrinkage,
    )
    with torch.no_grad():
        last.weight.copy_(torch.from_numpy(weights))
        last.bias.copy_(torch.from_numpy(biases))

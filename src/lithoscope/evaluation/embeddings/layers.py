"""Deep features of several layers: means and standard deviations of feature maps (after Gatys et al. 2015).

People's dimensions are those of texture and colour as much as of things, and convolutional networks keep textures in
early layers and things in late ones, so the statistics of several layers are kept beside the next-to-last one's
features. Source of such statistics as a description of texture: Gatys, Ecker & Bethge (2015), Texture synthesis using
convolutional neural networks, NeurIPS.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from lithoscope.data.packed.arrays import Pixels
from lithoscope.models.classifier import Architecture, Classifier, build_classifier
from lithoscope.models.ensemble import symmetry
from lithoscope.models.frozen_features import for_features
from lithoscope.models.pooling import pool

SIDE = 224
"""Larger squares are scaled down to this: within the 360, 320 and 448 pixels brought nothing more."""
VIEWS = 8
"""Features are averaged over all symmetries of the square: within the 360, better than one or two."""
LAYERS = 7
"""So many blocks of a backbone, evenly spaced and the last among them, are described."""
BATCH = 32  # fixed: another batch size may change the last digits


@dataclass(frozen=True)
class Embedding:
    """What a network makes of photographs.

    Attributes:
        last: Of the next-to-last layer, float32 (n, features).
        layers: Means and standard deviations of several blocks' maps, float32 (n, columns).
        blocks: How many columns of ``layers`` each mean and each deviation takes.
    """

    last: npt.NDArray[np.float32]
    layers: npt.NDArray[np.float32]
    blocks: tuple[int, ...]


def frozen_backbone(architecture: Architecture, weights: dict[str, Tensor]) -> Classifier:
    """Build the backbone as it was before training, for squares of at most :data:`SIDE` pixels.

    Raises:
        LithoscopeError: The weights do not fit.
    """
    side = min(architecture.image_size, SIDE)
    with torch.random.fork_rng(devices=[]):  # the head is drawn, and not used
        plain = {"head": "linear", "dropout": 0.0, "stochastic_depth": 0.0}
        model = architecture.model.model_copy(update=plain)
        return build_classifier(Architecture(model, side, architecture.classes), weights).eval()


def described_blocks(count: int) -> list[int]:
    """Return the places of the blocks that are described, of ``count``, ascending."""
    return sorted({round((number + 1) * count / LAYERS) - 1 for number in range(LAYERS)} - {-1})


def describe(maps: Tensor) -> list[Tensor]:
    """Return mean and standard deviation over all places, float (n, channels) each.

    Args:
        maps: (n, channels, h, w), (n, h, w, channels) as Swin's blocks give them, tokens (n, places, channels), or
            vectors (n, channels), which are returned as they are.
    """
    if maps.ndim == 2:
        return [maps.float()]
    places: int | tuple[int, int] = 1
    if maps.ndim == 4:
        channels_last = maps.shape[1] == maps.shape[2] != maps.shape[3]
        places = (1, 2) if channels_last else (2, 3)
    spread, mean = torch.std_mean(maps.float(), dim=places, correction=0)
    return [mean, spread]


def embed(
    network: Classifier,
    images: Pixels,
    *,
    side: int,
    device: str,
    precision: str,
    views: int = VIEWS,
    advance: Callable[[int], object] = lambda _: None,
) -> Embedding:
    """Run photographs through a backbone, in several views that are averaged.

    Args:
        network: The backbone; moved to the device.
        images: uint8 (n, any side, the same, 3), RGB; a memory map will do.
        side: Larger squares are scaled down to it, pixels.
        device: Resolved.
        precision: ``fp32`` or ``bf16``.
        views: How many symmetries of the square.
        advance: Told how many photographs were done, batch by batch.
    """
    last, layers, widths = [], [], []
    with for_features(network, device, precision):
        for start in range(0, len(images), BATCH):
            pixels = torch.from_numpy(np.array(images[start : start + BATCH])).to(device)
            squares = _scaled(pixels.permute(0, 3, 1, 2), side)
            seen = [_run(network, symmetry(squares, number)) for number in range(views)]
            means = [torch.stack(parts).mean(dim=0) for parts in zip(*seen, strict=True)]
            last.append(means[0].cpu().numpy())
            layers.append(torch.cat(means[1:], dim=1).cpu().numpy())
            widths = [part.shape[1] for part in means[1:]]
            advance(len(pixels))
    return Embedding(np.concatenate(last), np.concatenate(layers), tuple(widths))


def _scaled(images: Tensor, side: int) -> Tensor:
    images = images.float()
    if images.shape[-1] <= side:
        return images
    return F.interpolate(images, size=(side, side), mode="bilinear", antialias=True, align_corners=False)


def _run(network: Classifier, images: Tensor) -> Sequence[Tensor]:
    """Return the next-to-last layer's features, then the description of each chosen block."""
    x = network.normalised(images).contiguous(memory_format=torch.channels_last)
    gathered, described = list[Tensor](), list[list[Tensor]]()
    for place, output in enumerate(network.outputs(x)):  # at once: a block may change what it is given in place
        if place in network.gathered or output.ndim == 2:
            gathered.append(output)
        described.append(describe(output))
    found = [part for place in described_blocks(len(described)) for part in described[place]]
    return [pool(network.pooling, gathered).float(), *found]

"""Image classifiers: a backbone of blocks, pooling, and a head.

A :class:`Classifier` takes photographs as they lie on disk (RGB, 0 … 255) and normalises them itself, so that
training, evaluation and serving cannot disagree about it.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lithoscope.config.network import ModelParameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.models.backbones import (
    backbone_blocks,
    block_widths,
    cnn_blocks,
    hands_on_maps,
    normalisation,
    pools_itself,
    torchvision_network,
)
from lithoscope.models.heads import build_head
from lithoscope.models.load_weights import is_own, load_own, load_torchvision
from lithoscope.models.pooling import feature_width, pool, texture_blocks
from lithoscope.models.timm_backbones import SelfPooling, is_timm, timm_backbone, timm_network


@dataclass(frozen=True)
class Architecture:
    """What is needed, besides the weights, to build a network again.

    Attributes:
        model: What network it is; its ``weights`` and ``views`` do not matter for building it.
        image_size: Side of the square input, pixels.
        classes: Number of classes.
    """

    model: ModelParameters
    image_size: int
    classes: int


class Classifier(nn.Module):
    """A backbone that makes feature maps, pooling, and a head.

    Input: RGB photographs (n, 3, image_size, image_size), uint8 or float, in 0 … 255. Output: logits (n, classes).
    """

    def __init__(
        self, backbone: nn.Sequential | SelfPooling, widths: Sequence[int], architecture: Architecture
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.backbone, self.pooling, self.widths = backbone, architecture.model.pooling, list(widths)
        self.gathered = texture_blocks(widths) if self.pooling == "texture" else [len(widths) - 1]
        features = feature_width(self.pooling, [widths[number] for number in self.gathered])
        self.head = build_head(architecture.model.head, features, architecture.classes, architecture.model.dropout)
        # Not in the state dict: they are constants of the architecture, written to model.json.
        self.mean: Tensor
        self.std: Tensor
        mean, std = (255 * torch.tensor(values).view(1, 3, 1, 1) for values in normalisation(architecture.model.name))
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)

    def averaging(self) -> "Classifier":
        """Return a classifier on the same backbone, not a copy of it, whose fresh head sees the last maps' averages."""
        model = self.architecture.model.model_copy(update={"pooling": "average"})
        return Classifier(self.backbone, self.widths, dataclasses.replace(self.architecture, model=model))

    def blocks(self) -> list[nn.Module]:
        """Return the backbone's blocks, input to output."""
        return self.backbone.blocks() if isinstance(self.backbone, SelfPooling) else list(self.backbone)

    def normalised(self, images: Tensor) -> Tensor:
        """Return what the first block takes, float (n, 3, h, w), for photographs in 0 … 255."""
        return (images.float() - self.mean) / self.std

    def run_blocks(self, x: Tensor, start: int, stop: int) -> Tensor:
        """Run ``blocks()[start:stop]`` in turn; where :meth:`divides` says so."""
        for block in self.blocks()[start:stop]:
            x = block(x)
        return x

    def outputs(self, x: Tensor) -> Iterator[Tensor]:
        """Yield what the backbone makes of normalised photographs on the way, input to output.

        Of each block, or of a backbone that pools by itself a few maps and last the vectors.
        """
        if isinstance(self.backbone, SelfPooling):
            yield from self.backbone.outputs(x)
            return
        for block in self.backbone:
            x = block(x)
            yield x

    def features(self, maps: Tensor, start: int) -> Tensor:
        """Return what the head sees, float (n, features), for what came out of the first ``start`` blocks.

        Where :meth:`divides` says so; from 0 on for normalised photographs, always.
        """
        if isinstance(self.backbone, SelfPooling):
            features: Tensor = self.backbone(maps)
            return features
        gathered = [maps] if start - 1 in self.gathered else []
        for number, block in enumerate(self.blocks()[start:], start):
            maps = block(maps)
            if number in self.gathered:
                gathered.append(maps)
        return pool(self.pooling, gathered)

    def divides(self, start: int) -> bool:
        """Return whether what the first ``start`` blocks give is all that the others and the pooling need."""
        return not isinstance(self.backbone, SelfPooling) and start <= self.gathered[0] + 1

    def embed(self, images: Tensor) -> Tensor:
        """Return what the head sees: the pooled features, float (n, features)."""
        return self.features(self.normalised(images), 0)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (n, classes) for photographs (n, 3, h, w) in 0 … 255."""
        logits: Tensor = self.head(self.embed(images))
        return logits


def build_classifier(architecture: Architecture, pretrained: Mapping[str, Tensor] | None = None) -> Classifier:
    """Build one network (one member, where there are several) with fresh weights, or with a pretrained backbone.

    Args:
        architecture: What to build.
        pretrained: State dict of a whole classifier of torchvision or timm, or of a :class:`Classifier` of the same
            model; the head is not used.

    Returns:
        The network, in training mode. Fresh weights come from torch's global random state: seed it before.

    Raises:
        LithoscopeError: The state dict does not fit (the message names the layers), or the image size, the pooling
            or the stochastic depth is not possible for this model.
    """
    model = architecture.model
    name, depth = model.name, model.stochastic_depth
    if pools_itself(name) and model.pooling != "average":
        raise LithoscopeError(
            f"model.pooling = {model.pooling}: model.name = {name} pools by itself, in its class token or "
            "otherwise; allowed: average"
        )
    if model.pooling == "texture" and not hands_on_maps(name):
        raise LithoscopeError(
            f"model.pooling = texture: the blocks of model.name = {name} don't hand on maps of channels; allowed: "
            "average, maximum, both"
        )
    own = pretrained is not None and is_own(pretrained)
    if name == "cnn":
        if pretrained is not None and not own:
            raise LithoscopeError("model.weights: not those of our CNN; allowed with model.name cnn: null, or its own")
        if depth:
            raise LithoscopeError(f"model.stochastic_depth = {depth}: the CNN has no residual blocks; allowed: 0")
        backbone: nn.Sequential | SelfPooling = nn.Sequential(*cnn_blocks())
    elif is_timm(name):
        backbone = timm_backbone(timm_network(name, architecture.image_size, depth, None if own else pretrained), name)
    else:
        network = torchvision_network(name, architecture.image_size, depth)
        if pretrained is not None and not own:
            load_torchvision(network, pretrained, name)
        backbone = nn.Sequential(*backbone_blocks(network))
    if pretrained is not None and own:
        load_own(backbone, pretrained, name)
    run = list(backbone) if isinstance(backbone, nn.Sequential) else [backbone]
    return Classifier(backbone, block_widths(run, name, architecture.image_size), architecture)


def parameter_count(network: nn.Module) -> int:
    """Return the number of trained values."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def decay_groups(modules: Sequence[nn.Module], weight_decay: float) -> list[dict[str, Any]]:
    """Split parameters into those that weight decay shrinks, and norms and biases (one axis), which it spares."""
    parameters = [parameter for module in modules for parameter in module.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]

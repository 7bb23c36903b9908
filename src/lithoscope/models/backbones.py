"""Backbones: our own CNN, and torchvision's classifiers without their heads, as blocks in a row.

A backbone takes normalised photographs (n, 3, side, side), float32, and its last block gives feature maps
(n, channels, h, w), or vectors (n, channels) in the family that pools by itself (ViT).
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import get_model  # type: ignore[attr-defined]

from lithoscope.core.errors import LithoscopeError
from lithoscope.models.stochastic_depth import set_stochastic_depth
from lithoscope.models.timm_backbones import is_row, is_timm, timm_normalisation

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of red, green and blue in 0 … 1, as nearly all of torchvision's weights expect them."""
HALVES = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
"""Those of the two families whose weights were converted from TensorFlow (``transform_input`` in torchvision)."""

# The parts of each family that come before its pooling, in the order of torchvision's ``forward``.
_PARTS = {
    "ConvNeXt": "features classifier.0",  # the norm comes after pooling there, before it here, as in Swin
    "DenseNet": "features",
    "GoogLeNet": "conv1 maxpool1 conv2 conv3 maxpool2 inception3a inception3b maxpool3 inception4a inception4b "
    "inception4c inception4d inception4e maxpool4 inception5a inception5b",
    "Inception3": "Conv2d_1a_3x3 Conv2d_2a_3x3 Conv2d_2b_3x3 maxpool1 Conv2d_3b_1x1 Conv2d_4a_3x3 maxpool2 Mixed_5b "
    "Mixed_5c Mixed_5d Mixed_6a Mixed_6b Mixed_6c Mixed_6d Mixed_6e Mixed_7a Mixed_7b Mixed_7c",
    "MNASNet": "layers",
    "MaxVit": "stem blocks",
    "RegNet": "stem trunk_output",
    "ResNet": "conv1 bn1 relu maxpool layer1 layer2 layer3 layer4",
    "ShuffleNetV2": "conv1 maxpool stage2 stage3 stage4 conv5",
    "SwinTransformer": "features norm permute",
}


def pools_itself(name: str) -> bool:
    """Return whether a model's backbone gives vectors, not maps: ViT, whose class token gathers what it sees."""
    return not is_row(name) if is_timm(name) else name.startswith("vit_")


def hands_on_maps(name: str) -> bool:
    """Return whether every block gives maps (n, channels, h, w): not in ViT (tokens) and Swin (channels last)."""
    return is_row(name) if is_timm(name) else not name.startswith(("vit_", "swin_"))


def normalisation(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of red, green and blue (0 … 1) that a model's weights expect."""
    if is_timm(name):
        return timm_normalisation(name)
    return HALVES if name in ("googlenet", "inception_v3") else IMAGENET


def _convolutions(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


def cnn_blocks() -> list[nn.Module]:
    """Build the custom CNN: a strided stem and four stages of two 3×3 convolutions each, halving the side between.

    From (n, 3, h, w) to (n, 192, h/32, w/32). Small enough to train from scratch in minutes on two cores.
    """
    widths = [24, 48, 96, 144, 192]
    blocks: list[nn.Module] = [
        nn.Sequential(
            nn.Conv2d(3, widths[0], 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        )
    ]
    for before, after in itertools.pairwise(widths):
        blocks.append(nn.Sequential(_convolutions(before, after), _convolutions(after, after), nn.MaxPool2d(2)))
    return blocks


def torchvision_network(name: str, image_size: int, stochastic_depth: float) -> nn.Module:
    """Build a whole torchvision classifier with fresh weights from torch's global random state.

    Raises:
        LithoscopeError: The image size does not fit, or the family has no residual blocks to skip.
    """
    options: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        options = {"aux_logits": False, "init_weights": True}
    elif pools_itself(name):
        options = {"image_size": image_size}
    elif name.startswith("maxvit_"):
        options = {"input_size": (image_size, image_size)}
    try:
        network: nn.Module = get_model(name, weights=None, **options)
    except (ValueError, AssertionError) as error:
        detail = str(error).splitlines()[0]
        raise LithoscopeError(
            f"image_size = {image_size}: not accepted by model.name = {name} ({detail}); 224 is"
        ) from None
    set_stochastic_depth(network, stochastic_depth, name)
    return network


def backbone_blocks(network: nn.Module) -> list[nn.Module]:
    """Cut a torchvision classifier into the blocks before its pooling, input to output.

    A block is the smallest part that a feature map passes on its way: a residual block, an encoder layer, an
    inception or dense block, a convolution with its norm and activation. Parts without weights go with the block
    before them.
    """
    kind = type(network).__name__
    if kind == "VisionTransformer":
        return _vision_transformer_blocks(network)
    units: list[nn.Module] = []
    for name in _PARTS.get(kind, "features").split():
        part = network.get_submodule(name)
        for module in part.children() if name in ("features", "layers") else [part]:
            units += _units(module)
    if kind == "DenseNet":
        units.append(nn.ReLU(inplace=True))
    return list(_grouped(units))


def _units(module: nn.Module) -> Iterator[nn.Module]:
    """Take stages apart: rows of modules each of which has parts of its own."""
    children = list(module.children())
    if isinstance(module, nn.Sequential | nn.ModuleList) and all(list(child.children()) for child in children):
        for child in children:
            yield from _units(child)
    else:
        yield module


def _grouped(units: list[nn.Module]) -> Iterator[nn.Module]:
    group: list[nn.Module] = []
    for unit in units:
        starts = any(True for _ in unit.parameters()) and not isinstance(unit, nn.BatchNorm2d)
        if starts and any(True for part in group for _ in part.parameters()):
            yield group[0] if len(group) == 1 else nn.Sequential(*group)
            group = []
        group.append(unit)
    yield group[0] if len(group) == 1 else nn.Sequential(*group)


class _Tokens(nn.Module):
    """ViT's first block: patches, class token, places. From (n, 3, side, side) to (n, tokens, channels)."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.projection: nn.Module = network.conv_proj
        self.class_token: nn.Parameter = network.class_token
        self.places: nn.Parameter = network.encoder.pos_embedding
        self.dropout: nn.Module = network.encoder.dropout

    def forward(self, images: Tensor) -> Tensor:
        patches = self.projection(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(len(patches), -1, -1), patches], dim=1)
        placed: Tensor = self.dropout(tokens + self.places)
        return placed


class _ClassToken(nn.Module):
    """ViT's last block: the norm of the class token. From (n, tokens, channels) to (n, channels)."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, tokens: Tensor) -> Tensor:
        normed: Tensor = self.norm(tokens[:, 0])
        return normed


def _vision_transformer_blocks(network: Any) -> list[nn.Module]:
    return [_Tokens(network), *network.encoder.layers, _ClassToken(network.encoder.ln)]


def block_widths(blocks: Iterable[nn.Module], name: str, image_size: int) -> list[int]:
    """Return how many channels each block gives, by running them once on an empty picture.

    Raises:
        LithoscopeError: Pictures of this size do not pass through them.
    """
    blocks, widths = list(blocks), []
    modules = nn.ModuleList(blocks).eval()
    try:
        with torch.no_grad():
            maps = torch.zeros(1, 3, image_size, image_size)
            for block in blocks:
                maps = block(maps)
                widths.append(maps.shape[1])
    except (RuntimeError, AssertionError) as error:
        detail = str(error).splitlines()[0]
        raise LithoscopeError(
            f"image_size = {image_size}: not accepted by model.name = {name} ({detail}); a larger one, such as 224, is"
        ) from None
    modules.train()
    return widths

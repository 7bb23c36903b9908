"""Networks: our own CNN, and torchvision's classifiers as backbones under a head of ours.

A :class:`Classifier` takes photographs as they lie on disk (RGB, 0 … 255) and normalises them itself, so that
training, evaluation and serving cannot disagree about it.
"""

import hashlib
import itertools
import pickle  # only for the name of the error that torch raises
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import lithoscope.torchvision_ops  # noqa: F401  (before torchvision)

# isort: split
import safetensors
import safetensors.torch
from torchvision.models import get_model, get_model_weights  # type: ignore[attr-defined]

from lithoscope.errors import LithoscopeError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Architecture:
    """What is needed, besides the weights, to build a network again.

    Attributes:
        name: ``cnn`` or the name of a torchvision classifier.
        image_size: Side of the square input, pixels.
        classes: Number of classes.
        dropout: Probability before the last layer.
        pooling: ``average``, ``maximum`` or ``both``, of the feature maps.
        head: ``linear``, ``batchnorm`` or ``mlp``.
        stochastic_depth: Probability with which training skips the deepest residual block.
        members: How many such networks are averaged; see :mod:`lithoscope.ensembles`.
    """

    name: str
    image_size: int
    classes: int
    dropout: float
    pooling: str = "average"
    head: str = "linear"
    stochastic_depth: float = 0.0
    members: int = 1


class Classifier(nn.Module):
    """A backbone that makes feature maps, pooling, and a linear head.

    Input: RGB photographs (n, 3, image_size, image_size), uint8 or float, in 0 … 255. Output: logits (n, classes).
    """

    def __init__(self, backbone: nn.Module, channels: int, architecture: Architecture) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Sequential(nn.Dropout(architecture.dropout), nn.Linear(channels, architecture.classes))
        # Not in the state dict: they are constants of the architecture, written to model.json.
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", 255 * torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def blocks(self) -> list[nn.Module]:
        """Return the backbone's blocks, input to output."""
        parts = getattr(self.backbone, "stages", self.backbone)
        return list(parts) if isinstance(parts, nn.Sequential) else [self.backbone]

    def normalised(self, images: Tensor) -> Tensor:
        """Return what the first block takes, float (n, 3, h, w), for photographs in 0 … 255."""
        return (images.float() - self.mean) / self.std

    def run_blocks(self, x: Tensor, start: int, stop: int) -> Tensor:
        """Run ``blocks()[start:stop]`` in turn."""
        for block in self.blocks()[start:stop]:
            x = block(x)
        return x

    def pooled(self, maps: Tensor) -> Tensor:
        """Return what the head sees, float (n, features)."""
        return maps.mean(dim=(2, 3)) if maps.ndim == 4 else maps

    def embed(self, images: Tensor) -> Tensor:
        """Return what the head sees: the pooled features, float (n, channels)."""
        return self.pooled(self.run_blocks(self.normalised(images), 0, len(self.blocks())))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (n, classes) for photographs (n, 3, h, w) in 0 … 255."""
        logits: Tensor = self.head(self.embed(images))
        return logits


def _convolutions(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


class ConvolutionalBackbone(nn.Module):
    """The custom CNN: a strided stem and four stages of two 3×3 convolutions each, halving the side between stages.

    Input (n, 3, h, w), output (n, 192, h/32, w/32). Small enough to train from scratch in minutes on two cores.
    """

    channels = 192

    def __init__(self) -> None:
        super().__init__()
        widths = [24, 48, 96, 144, self.channels]
        stages: list[nn.Module] = [
            nn.Conv2d(3, widths[0], 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        ]
        for before, after in itertools.pairwise(widths):
            stages += [_convolutions(before, after), _convolutions(after, after), nn.MaxPool2d(2)]
        self.stages = nn.Sequential(*stages)

    def forward(self, images: Tensor) -> Tensor:
        """Return feature maps."""
        features: Tensor = self.stages(images)
        return features


class _PooledBackbone(nn.Module):
    """A torchvision classifier without its last layer, for families that pool by themselves (ViT, GoogLeNet, …)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        vectors: Tensor = self.network(images)
        return vectors


def _without_last_linear(network: nn.Module) -> nn.Module:
    name = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)][-1]
    parent, _, attribute = name.rpartition(".")
    setattr(network.get_submodule(parent), attribute, nn.Identity())
    return _PooledBackbone(network)


def _feature_maps(network: nn.Module) -> nn.Module:
    """Cut a torchvision classifier down to the part that makes feature maps, where its family has such a part."""
    kind = type(network).__name__
    if kind == "ResNet":
        parts = ["conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"]
        return nn.Sequential(*[network.get_submodule(part) for part in parts])
    if kind == "SwinTransformer":
        return nn.Sequential(*[network.get_submodule(part) for part in ("features", "norm", "permute")])
    if kind == "DenseNet":
        return nn.Sequential(network.get_submodule("features"), nn.ReLU(inplace=True))
    if isinstance(getattr(network, "features", None), nn.Sequential):  # MobileNet, EfficientNet, ConvNeXt, VGG, …
        return network.get_submodule("features")
    return _without_last_linear(network)


def _torchvision_network(architecture: Architecture) -> nn.Module:
    options: dict[str, Any] = {}
    if architecture.name in ("googlenet", "inception_v3"):
        options = {"aux_logits": False, "init_weights": True}
    if architecture.name.startswith("vit_"):
        options = {"image_size": architecture.image_size}
    try:
        return get_model(architecture.name, weights=None, **options)
    except ValueError as error:
        raise LithoscopeError(f"model.name = {architecture.name}: {error}; change image_size or the model") from None


def build_classifier(architecture: Architecture, pretrained: Mapping[str, Tensor] | None = None) -> Classifier:
    """Build a network with fresh weights, or with a pretrained backbone.

    Args:
        architecture: What to build.
        pretrained: State dict of the whole torchvision classifier; its last layer is not used.

    Returns:
        The network, in training mode. Fresh weights come from torch's global random state: seed it before.

    Raises:
        LithoscopeError: The state dict does not fit (the message names the layers), or the image size does not.
    """
    if architecture.name == "cnn":
        if pretrained is not None:
            raise LithoscopeError("model.weights: the CNN has no pretrained weights; allowed with model.name cnn: null")
        return Classifier(ConvolutionalBackbone(), ConvolutionalBackbone.channels, architecture)
    network = _torchvision_network(architecture)
    if pretrained is not None:
        _load_backbone(network, pretrained, architecture.name)
    backbone = _feature_maps(network)
    backbone.eval()
    try:
        with torch.no_grad():
            shape = backbone(torch.zeros(1, 3, architecture.image_size, architecture.image_size)).shape
    except (RuntimeError, AssertionError) as error:
        detail = str(error).splitlines()[0]
        raise LithoscopeError(
            f"image_size = {architecture.image_size}: not accepted by model.name = {architecture.name} ({detail}); "
            "a larger image_size, such as 224, is"
        ) from None
    backbone.train()
    return Classifier(backbone, shape[1], architecture)


def _load_backbone(network: nn.Module, pretrained: Mapping[str, Tensor], name: str) -> None:
    """Load everything but the last layer, whose size depends on the classes."""
    expected = network.state_dict()
    last = [key for key in expected if key.endswith(".weight")][-1].removesuffix(".weight")
    wanted = {key: value for key, value in expected.items() if not key.startswith(last + ".")}
    problems = [f"{key} is missing" for key in wanted if key not in pretrained]
    problems += [
        f"{key} is {tuple(pretrained[key].shape)}, not {tuple(value.shape)}"
        for key, value in wanted.items()
        if key in pretrained and pretrained[key].shape != value.shape
    ]
    # GoogLeNet and Inception come with auxiliary classifiers, which serve their original training alone.
    own = [key for key in pretrained if not key.lower().startswith("aux")]
    problems += [f"{key} is unknown to it" for key in own if key not in expected]
    if problems:
        shown = "; ".join(problems[:5]) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else "")
        raise LithoscopeError(f"model.weights: these weights do not fit model.name = {name}: {shown}")
    network.load_state_dict({**expected, **{key: pretrained[key] for key in wanted}})


@dataclass(frozen=True)
class PretrainedWeights:
    """A state dict and where it came from."""

    state: dict[str, Tensor]
    source: str
    sha256: str


def load_pretrained(name: str, weights: str | None) -> PretrainedWeights | None:
    """Fetch what ``model.weights`` asks for.

    Args:
        name: ``model.name``.
        weights: ``None`` for fresh weights, ``imagenet`` for torchvision's own (downloaded once, checked by its
            hash), else a file: safetensors, or a state dict that ``torch.save`` wrote.

    Raises:
        LithoscopeError: There are none for this model, the file cannot be read, or the network cannot be reached.
    """
    if weights is None:
        return None
    if weights == "imagenet":
        return _imagenet(name)
    path = Path(weights).expanduser()
    if not path.is_file():
        raise LithoscopeError(
            f"model.weights = {weights}: no such file; allowed: null, imagenet, or a file's full path"
        )
    try:
        state = safetensors.torch.load_file(path) if path.suffix == ".safetensors" else _load_safely(path)
    except (safetensors.SafetensorError, RuntimeError, EOFError, OSError) as error:
        raise LithoscopeError(f"model.weights = {weights}: not readable: {error}") from None
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return PretrainedWeights(state, path.name, digest)


def _load_safely(path: Path) -> dict[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception:  # a file that is no torch file at all can raise anything
        raise LithoscopeError(
            f"model.weights = {path}: holds more than plain tensors, or is no torch file, and is not loaded since it "
            "could run code; save a state dict: torch.save(model.state_dict(), file)"
        ) from None
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        raise LithoscopeError(f"model.weights = {path}: must hold a state dict, tensors by name")
    return state


def _require_digest(file: Path) -> None:
    """Compare a file of torch's cache with the start of its SHA-256, which is the last part of its name."""
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if not digest.startswith(file.stem.rpartition("-")[2]):
        raise LithoscopeError(f"model.weights = imagenet: {file} is damaged: remove it, and it is downloaded anew")


def _imagenet(name: str) -> PretrainedWeights:
    if name == "cnn":
        raise LithoscopeError("model.weights = imagenet: the CNN has none; allowed with model.name cnn: null")
    choice = get_model_weights(name).DEFAULT  # type: ignore[attr-defined]  # an alias that each enum defines
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(choice.url).name
    try:
        if cached.is_file():
            _require_digest(cached)  # torch checks the hash of what it downloads, not of what lies in its cache
        state = choice.get_state_dict(progress=True, check_hash=True, weights_only=True)
    except pickle.UnpicklingError:
        raise LithoscopeError(f"model.weights = imagenet: {cached} holds more than plain tensors: remove it") from None
    except (OSError, RuntimeError) as error:  # URLError is an OSError; a wrong hash is a RuntimeError
        raise LithoscopeError(
            f"model.weights = imagenet: {choice.url} could not be fetched ({error}); check the network, or download "
            "the file elsewhere and give its full path as model.weights"
        ) from None
    with cached.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return PretrainedWeights(dict(state), f"torchvision {choice}", digest)


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

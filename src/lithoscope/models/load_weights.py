"""Weight loading: a whole torchvision classifier's state, or that of a model trained here, into a backbone."""

import re
from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torchvision.models import get_model  # type: ignore[attr-defined]
from torchvision.models.vision_transformer import VisionTransformer, interpolate_embeddings

from lithoscope.config.network import WELL_KNOWN_MODELS
from lithoscope.core.errors import LithoscopeError
from lithoscope.core.torchvision_compat import classifier_names

_COUNTER = ".num_batches_tracked"
_NAMED = 5  # layers named in an error


def load_torchvision(network: nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    """Load all but the last layer, whose size depends on the classes, into a whole torchvision classifier.

    ViT's places are resampled where they were learnt at another image size (torchvision's own way, bicubic).

    Raises:
        LithoscopeError: The state dict does not fit; the message names the layers, or the model that it fits.
    """
    expected = network.state_dict()
    given = _current_names(state)
    original = given
    if isinstance(network, VisionTransformer):
        given = _resampled_places(network, given)
    wanted = _without_last(expected)
    problems = _misfits(wanted, given) + [f"{key} is unknown to it" for key in given if key not in expected]
    if problems:
        owner = _model_that_fits(original) if len(problems) > _NAMED else None  # fewer are all named
        if owner is not None:
            raise LithoscopeError(
                f"model.weights: these are weights of {owner}, not of model.name = {name}; set model.name to {owner}, "
                "or give other weights"
            )
        raise _unfit(name, problems)
    _copy(given, wanted)


def _current_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename layers that older versions of torchvision, which many of its files come from, called otherwise.

    The auxiliary classifiers of GoogLeNet and Inception are left away: they serve their original training alone.
    """
    names = {key: key for key in state if not key.lower().startswith("aux")}
    for old, new in (
        (r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2."),
        (r"(\.mlp)\.linear_1\.", r"\1.0."),
        (r"(\.mlp)\.linear_2\.", r"\1.3."),
    ):
        names = {key: re.sub(old, new, name) for key, name in names.items()}
    return {name: state[key] for key, name in names.items()}


def _copy(given: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Copy values into a network's own tensors; a batch counter, which older files lack, may stay as it is."""
    with torch.no_grad():
        for key, value in expected.items():
            if key in given:
                value.copy_(given[key])


def _resampled_places(network: VisionTransformer, state: dict[str, Tensor]) -> dict[str, Tensor]:
    places, patches = state.get("encoder.pos_embedding"), state.get("conv_proj.weight")
    alike = patches is not None and patches.shape == network.state_dict()["conv_proj.weight"].shape
    if places is None or not alike or places.shape[1:] == (network.seq_length, network.hidden_dim):
        return state
    try:
        return interpolate_embeddings(network.image_size, network.patch_size, OrderedDict(state))
    except ValueError:
        return state  # then it is named among the layers that do not fit


def is_own(state: Mapping[str, Tensor]) -> bool:
    """Return whether a state dict is that of a model that was trained and saved here."""
    return any(key.startswith(("backbone.", "members.0.backbone.")) for key in state) and any(
        key.startswith(("head.", "members.0.head.")) for key in state
    )


def load_own(backbone: nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    """Load the backbone of a model that was trained and saved here; its head is left.

    Raises:
        LithoscopeError: It is another model's (the message names the layers), or several networks'.
    """
    if any(key.startswith("members.") for key in state):
        raise LithoscopeError(
            "model.weights: a model of several members, of which none can be chosen; train one with model.members = 1"
        )
    expected = backbone.state_dict()
    given = {key.removeprefix("backbone."): value for key, value in state.items() if key.startswith("backbone.")}
    problems = _misfits(expected, given) + [f"backbone.{key} is unknown to it" for key in given if key not in expected]
    if problems:
        raise _unfit(name, problems)
    _copy(given, expected)


def _without_last(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    last = [key for key in state if key.endswith(".weight")][-1].removesuffix(".weight")
    return {key: value for key, value in state.items() if not key.startswith(last + ".")}


def _misfits(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> list[str]:
    return [f"{key} is missing" for key in wanted if key not in given and not key.endswith(_COUNTER)] + [
        f"{key} is {tuple(given[key].shape)}, not {tuple(value.shape)}"
        for key, value in wanted.items()
        if key in given and given[key].shape != value.shape
    ]


def _unfit(name: str, problems: list[str]) -> LithoscopeError:
    more = f"; and {len(problems) - _NAMED} more" if len(problems) > _NAMED else ""
    return LithoscopeError(
        f"model.weights: these weights do not fit model.name = {name}: {'; '.join(problems[:_NAMED])}{more}"
    )


def _model_that_fits(state: Mapping[str, Tensor]) -> str | None:
    """Find the well-known model whose layers these are, among skeletons that hold no values."""
    for name in set(WELL_KNOWN_MODELS) & set(classifier_names()):
        with torch.device("meta"):
            expected = get_model(name, weights=None).state_dict()
        if set(state) <= set(expected) and not _misfits(_without_last(expected), state):
            return name
    return None

"""Saved models: weights as safetensors, everything else as a small JSON file. Neither can carry code."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from lithoscope.config.network import ModelParameters
from lithoscope.config.schema import validate_block
from lithoscope.core.errors import LithoscopeError
from lithoscope.core.files import commit_file, file_digest, partial_path
from lithoscope.data.images.reading import DEFAULTS, ReadingSettings
from lithoscope.models.backbones import normalisation
from lithoscope.models.classifier import Architecture, Classifier
from lithoscope.models.ensemble import Ensemble, build_network

WEIGHTS, DESCRIPTION = "model.safetensors", "model.json"
FORMAT = 2
_SHAPE = ("name", "image_size", "classes", "dropout", "pooling", "head", "stochastic_depth", "members")
"""What ``model.json`` says of the architecture."""


@dataclass(frozen=True)
class ModelDescription:
    """What ``model.json`` says.

    Attributes:
        architecture: How to build the network.
        classes: Labels in the order of the logits.
        crop_border: Whether a uniform border is cut away before a photograph is padded to a square.
        dataset: Name of the set it was trained on.
        synthetic: Whether that set is drawn, not photographed.
        pretrained: Source and SHA-256 of the weights the backbone started from, or None.
        temperature: What logits are divided by before the softmax; see :mod:`lithoscope.models.temperature`.
        calibrated_on: Of how many validation photographs it was fitted; 0 where it is 1 or was given.
        reading: How files became pixels.
    """

    architecture: Architecture
    classes: list[str]
    crop_border: bool
    dataset: str
    synthetic: bool
    pretrained: dict[str, str] | None
    temperature: float = 1.0
    calibrated_on: int = 0
    reading: ReadingSettings = DEFAULTS

    @property
    def views(self) -> int:
        """How many symmetries of a photograph are averaged; see :func:`lithoscope.models.ensemble.symmetry`."""
        return self.architecture.model.views

    def text(self) -> dict[str, Any]:
        """Return what ``model.json`` says."""
        architecture = self.architecture
        shape = {**architecture.model.model_dump(), **vars(architecture)}
        mean, std = normalisation(architecture.model.name)
        return {
            "format": FORMAT,
            "architecture": {key: shape[key] for key in _SHAPE},
            "classes": self.classes,
            "crop_border": self.crop_border,
            "dataset": self.dataset,
            "synthetic": self.synthetic,
            "pretrained": self.pretrained,
            "views": self.views,
            "temperature": self.temperature,
            "calibrated_on": self.calibrated_on,
            "reading": vars(self.reading),
            "normalisation": {"range": [0, 255], "mean": list(mean), "std": list(std)},
        }


def save_model(folder: Path, description: ModelDescription, state: Mapping[str, Tensor]) -> None:
    """Write a model. The same model gives the same bytes.

    Args:
        folder: Made where it is not there.
        description: What the weights belong to.
        state: Of the network, or with several members what :func:`lithoscope.models.ensemble.join_states` gives.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # No metadata: with several keys safetensors writes them in an order that changes from process to process.
    tensors = {name: state[name].detach().cpu().contiguous() for name in sorted(state)}
    partial = partial_path(folder / WEIGHTS)  # never in place: where DVC links its files, that would change its cache
    safetensors.torch.save_file(tensors, partial)
    commit_file(partial, folder / WEIGHTS)
    partial = partial_path(folder / DESCRIPTION)
    partial.write_text(json.dumps(description.text(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    commit_file(partial, folder / DESCRIPTION)


def _described(text: dict[str, Any]) -> ModelDescription:
    shape = {key: text["architecture"][key] for key in _SHAPE}
    size, classes = shape.pop("image_size"), shape.pop("classes")
    model = validate_block(ModelParameters, {**shape, "weights": None, "views": text["views"]}, DESCRIPTION)
    return ModelDescription(
        architecture=Architecture(model, size, classes),
        classes=text["classes"],
        crop_border=text["crop_border"],
        dataset=text["dataset"],
        synthetic=text["synthetic"],
        pretrained=text["pretrained"],
        temperature=_temperature(text.get("temperature", 1.0)),  # earlier models have none
        calibrated_on=text.get("calibrated_on", 0),
        reading=ReadingSettings(**text.get("reading", {})),
    )


def _temperature(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise TypeError(f"temperature = {value!r}: allowed: a number > 0")
    return float(value)


def load_description(folder: Path) -> ModelDescription:
    """Read what ``model.json`` says, without building the network.

    Raises:
        LithoscopeError: There is no model, it is damaged, or another version wrote it.
    """
    path = folder / DESCRIPTION
    damaged = "run `dvc repro` to make it anew"
    try:
        text: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _no_model(folder, DESCRIPTION) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise LithoscopeError(f"{folder}: damaged model ({error}); {damaged}") from None
    if not isinstance(text, dict):
        raise LithoscopeError(f"{path}: damaged; {damaged}")
    if text.get("format") != FORMAT:
        raise LithoscopeError(
            f"{path}: format {text.get('format')}, but this version reads {FORMAT}; run `dvc repro` to train it anew"
        )
    try:
        return _described(text)
    except (KeyError, TypeError, LithoscopeError) as error:
        detail = str(error).replace("\n", "; ")
        raise LithoscopeError(f"{path}: damaged ({detail}); {damaged}") from None


def _no_model(folder: Path, missing: str) -> LithoscopeError:
    return LithoscopeError(f"{folder}: no trained model there ({missing} is missing); run `dvc repro` first")


def load_model(folder: Path) -> tuple[Classifier | Ensemble, ModelDescription]:
    """Read a model written by :func:`save_model`; the network comes back in evaluation mode.

    The network is one view's: :class:`lithoscope.models.ensemble.Views` adds those that the description asks for.

    Raises:
        LithoscopeError: There is no model, it is damaged, or another version wrote it.
    """
    description = load_description(folder)
    try:
        state = safetensors.torch.load_file(folder / WEIGHTS)
    except FileNotFoundError:
        raise _no_model(folder, WEIGHTS) from None
    except safetensors.SafetensorError as error:
        raise LithoscopeError(f"{folder}: damaged model ({error}); run `dvc repro` to make it anew") from None
    try:
        return with_weights(description.architecture, state), description
    except RuntimeError as error:
        raise LithoscopeError(
            f"{folder}: weights do not fit model.json: {str(error).splitlines()[-1].strip()}"
        ) from None


def with_weights(architecture: Architecture, state: Mapping[str, Tensor]) -> Classifier | Ensemble:
    """Return the network of a state as :func:`save_model` takes it, in evaluation mode.

    Raises:
        RuntimeError: The weights are those of another architecture.
    """
    with torch.random.fork_rng(devices=[]):  # building draws weights that are then overwritten
        network = build_network(architecture)
    network.load_state_dict(state)
    return network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def weights_digest(folder: Path) -> str:
    """Return the SHA-256 of the weights file, as hexadecimal digits."""
    return file_digest(folder / WEIGHTS)

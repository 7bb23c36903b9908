"""Small trained models, packed photographs for them, and their exports."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from lithoscope.data.images.reading import DEFAULTS, ReadingSettings
from lithoscope.data.packed.arrays import write_classes, write_split
from lithoscope.models.classifier import Architecture
from lithoscope.models.ensemble import join_states
from lithoscope.models.predictor import Predictor
from lithoscope.models.saved_model import ModelDescription, save_model
from lithoscope.serving.export import export_model

from helpers.lively_networks import lively
from helpers.made_up_settings import plain_architecture


def saved(
    folder: Path, architecture: Architecture, classes: list[str], *, temperature: float = 1.7, crop_border: bool = False
) -> Path:
    """Save a model whose answers depend on what it sees, with members from seeds of their own."""
    description = ModelDescription(architecture, classes, crop_border, "folder", False, None, temperature)
    alone = replace(architecture, model=architecture.model.model_copy(update={"members": 1}))
    states = [lively(alone, seed).state_dict() for seed in range(architecture.model.members)]
    save_model(folder, description, join_states(states))
    return folder


def packed(folder: Path, size: int, classes: list[str], *, each: int = 4, model: Path | None = None) -> Path:
    """Pack noisy squares as training and test photographs; where a model is given, its own answers are their labels."""
    squares = np.random.default_rng(1).integers(0, 256, (each * len(classes), size, size, 3), dtype=np.uint8)
    labels = [classes[number % len(classes)] for number in range(len(squares))]
    if model is not None:
        labels = [classes[place] for place in Predictor.load(model).probabilities(squares).argmax(axis=1)]
    write_classes(folder, classes)
    for split in ("train", "test"):
        write_split(folder, split, [f"{split} {n}" for n in range(len(squares))], labels, squares, side=size)
    return folder


def exported(
    folder: Path,
    classes: list[str],
    size: int = 32,
    reading: ReadingSettings = DEFAULTS,
    crop: bool = False,
    pooling: str = "average",
) -> Path:
    """Save a small CNN below a folder and return where its export lies; pools of 32 px have no place to be covered."""
    architecture = plain_architecture("cnn", size, len(classes), 0.5, pooling=pooling)
    model = saved(folder / "model", architecture, classes, crop_border=crop)
    if reading != DEFAULTS:
        predictor = Predictor.load(model)
        save_model(model, replace(predictor.description, reading=reading), predictor.network.state_dict())
    export_model(model, folder / "export", "fp32", packed(folder / "arrays", size, classes))
    return folder / "export"

"""Trainings of the default recipe on the built-in specimens made small, each kept as its predictions."""

import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lithoscope.config.params import Parameters
from lithoscope.config.yaml import read_yaml
from lithoscope.core.errors import LithoscopeError
from lithoscope.core.locked_folder import content_key
from lithoscope.core.random_streams import generator
from lithoscope.core.threads import in_order
from lithoscope.data.images.decode import read_photograph
from lithoscope.data.images.square import to_square
from lithoscope.data.loading.dataloader import OnlineAugmentation
from lithoscope.data.packed.arrays import SPLITS, ArraySplit, open_split, write_classes, write_split
from lithoscope.data.splits.split import split_photographs
from lithoscope.evaluation.metrics import prediction_table
from lithoscope.models.classifier import Architecture, build_classifier
from lithoscope.models.device import resolve_precision
from lithoscope.models.predictor import Predictor
from lithoscope.models.saved_model import ModelDescription
from lithoscope.training import distributed
from lithoscope.training.calibrate import save_calibrated
from lithoscope.training.ensemble import train_members
from lithoscope.training.module import TrainingSettings

ROOT = Path(__file__).resolve().parent.parent
SPECIMENS = ROOT / "data" / "specimens"


def pack(folder: Path, params: Parameters) -> None:
    """Pack the specimens at ``params.image_size``, split as the pipeline splits them, without varied copies."""
    table = pd.read_csv(SPECIMENS / "catalogue.csv")
    contents = [hashlib.sha256((SPECIMENS / path).read_bytes()).hexdigest() for path in table["path"]]
    photographs = table[["path", "label"]].assign(
        id=table["path"], official_split=table["split"].where(table["split"] == "test", ""), sha256=contents
    )
    splits = split_photographs(photographs, range(len(photographs)), params.split)
    half = folder.with_name(folder.name + ".partial")
    shutil.rmtree(half, ignore_errors=True)
    write_classes(half, sorted(splits["label"].unique()))
    for split in SPLITS:
        rows = splits[splits["split"] == split]
        pictures = in_order(
            lambda path: to_square(read_photograph(SPECIMENS / path), params.image_size, params.augment.crop_border),
            rows["path"],
            params.threads,
        )
        write_split(half, split, rows["id"].tolist(), rows["label"].tolist(), pictures, side=params.image_size)
    half.replace(folder)


def key_of(params: Parameters, settings: Mapping[str, Any]) -> str:
    """Return what the predictions of a plan are kept under: code, specimens and parameters of the training."""
    stages = read_yaml(ROOT / "dvc.yaml")["stages"]
    code = [ROOT / path for path in stages["train"]["deps"] if path.startswith("src/")]
    data = (ROOT / "data.dvc").read_text(encoding="utf-8")
    text = json.dumps([params.flat(), dict(settings), data], sort_keys=True)
    return content_key(*code, Path(__file__), text=text)[:16]


def predict(arrays: Path, params: Parameters, seed: int, *, shuffled: bool = False) -> str:
    """Train with a seed and return the test's ``predictions.csv``.

    Args:
        arrays: Where the specimens were packed.
        params: What to train with.
        seed: Of weights, order and augmentation.
        shuffled: Whether the training photographs' labels are dealt out anew first.

    Raises:
        LithoscopeError: The loss became NaN or infinite.
    """
    test = open_split(arrays, "test")
    with tempfile.TemporaryDirectory() as folder:
        train_model(arrays, params, seed, Path(folder), shuffled=shuffled)
        predictor = Predictor.load(Path(folder) / "model")
    table = prediction_table(test.ids, "test", test.labels, predictor.probabilities(test.images), test.classes)
    return str(table.to_csv(index=False, lineterminator="\n", float_format="%.6f"))


def train_model(arrays: Path, params: Parameters, seed: int, folder: Path, *, shuffled: bool = False) -> None:
    """Train as :func:`predict` does, and leave the model in ``folder/model``, checkpoints beside it."""
    train, validation, _ = (open_split(arrays, split) for split in SPLITS)
    if shuffled:
        train = _shuffled(train, seed)
    settings = TrainingSettings.from_parameters(params, "cpu", resolve_precision(params.precision, "cpu"))
    settings = settings.changed(seed=seed)
    architecture = Architecture(params.model.model_copy(update={"views": 1}), params.image_size, len(train.classes))
    online = OnlineAugmentation(params.augment, seed)
    result = train_members(
        partial(build_classifier, architecture),
        settings,
        train,
        validation,
        online,
        members=1,
        threads=params.threads,
        checkpoints=folder,
        on_epoch=lambda *_: None,
        progress_bar=False,
    )
    if distributed.is_main_process():
        description = ModelDescription(architecture, train.classes, True, "specimens", True, None)
        save_calibrated(folder / "model", description, result.state(), validation)


def _shuffled(split: ArraySplit, seed: int) -> ArraySplit:
    order = generator(seed, "shuffled labels").permutation(len(split))
    return dataclasses.replace(split, labels=np.asarray(split.labels[order]))


def keep_predictions(path: Path, arrays: Path, params: Parameters, seed: int, *, shuffled: bool) -> None:
    """Train and keep the predictions, whole or not at all; a training that breaks off is kept as an empty file."""
    try:
        text = predict(arrays, params, seed, shuffled=shuffled)
    except LithoscopeError:
        text = ""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(f".{os.getpid()}.partial")
    half.write_text(text, encoding="utf-8")
    half.replace(path)

"""Our own training, through the functions that the stage ``train`` calls."""

import dataclasses
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from _networks import parameters

from lithoscope.config.params import Parameters
from lithoscope.core.nested import flatten
from lithoscope.data.loading.dataloader import OnlineAugmentation
from lithoscope.data.packed.arrays import ArraySplit, open_split
from lithoscope.models.classifier import Architecture, build_classifier
from lithoscope.models.device import resolve_device, resolve_precision
from lithoscope.models.predictor import Predictor
from lithoscope.models.pretrained import load_pretrained
from lithoscope.models.saved_model import ModelDescription
from lithoscope.training.adapt import choose_adaptation
from lithoscope.training.ensemble import EnsembleResult, train_members
from lithoscope.training.history import EpochFigures
from lithoscope.training.module import TrainingSettings
from peers.jobs import Clock, Job, answer, read_job

WHOLE: dict[str, Any] = {
    "adapt": "tune",
    "head_fit": "gradient",
    "head_refit": False,
    "norms": "batch",
    "frozen": 0.0,
    "cached_views": 0,
    "ema": 0.0,
}
"""The whole network from a random head on, every epoch varied anew: what the peers do."""
WAYS: dict[str, dict[str, Any]] = {
    "discriminant": {"train": {"adapt": "head"}},
    "default": {},
    "whole": {"model": {"pooling": "average"}, "train": WHOLE},
}
"""What is changed in ``params.yaml``, by the name of the way."""


Stamp = tuple[float, float, EpochFigures]
"""Seconds of the wall and of the processor since the start, and the figures of the epoch that ended then."""


def asked(job: Job) -> Parameters:
    """Return ``params.yaml`` with what a job and its way change; precision is left to detection."""
    params = parameters()
    ours = {"efficientnet_lite0": ("timm/tf_efficientnet_lite0", "imagenet"), "mobilenet_v2": (job.model, job.weights)}
    name, weights = ours[job.model]
    way = WAYS[job.way]
    return params.model_copy(
        update={
            **{key: value for key, value in way.items() if key in ("epochs", "lr")},
            "batch_size": job.batch,
            "image_size": job.side,
            "threads": job.threads,
            "precision": "auto",
            "device": job.device,
            "model": params.model.model_copy(update={"name": name, "weights": weights, **way.get("model", {})}),
            "train": params.train.model_copy(update=way.get("train", {})),
        }
    )


def run(
    params: Parameters, split: ArraySplit, validation: ArraySplit, epochs: int | None = None
) -> tuple[EnsembleResult, ModelDescription, list[Stamp], str]:
    """Train as the stage does.

    Returns:
        The result, what its model is, the end of each epoch and of a head's fitting after them, and the precision.
    """
    device = resolve_device(params.device)
    precision = resolve_precision(params.precision, device)
    clock = Clock()
    adaptation = choose_adaptation(params.train.adapt, params.model, split)
    settings = adaptation.apply(TrainingSettings.from_parameters(params, device, precision))
    if epochs is not None:
        settings = settings.changed(epochs=epochs)
    pretrained = load_pretrained(params.model.name, params.model.weights)
    architecture = Architecture(params.model, params.image_size, len(split.classes))
    stamped: dict[int, Stamp] = {}

    def on_epoch(_: int, history: list[EpochFigures]) -> None:
        stamped.setdefault(len(history), (*clock.seconds(), history[-1]))

    with tempfile.TemporaryDirectory() as folder:
        result = train_members(
            partial(build_classifier, architecture, pretrained.state if pretrained else None),
            settings,
            split,
            validation,
            OnlineAugmentation(params.augment, params.seed),
            members=1,
            threads=params.threads,
            checkpoints=Path(folder),
            on_epoch=on_epoch,
            progress_bar=False,
        )
    description = ModelDescription(architecture, split.classes, params.augment.crop_border, "photographs", False, None)
    stamps = [stamped[epoch] for epoch in sorted(stamped)]
    (member,) = result.members
    if member.refit:  # the model after the head was fitted anew
        last = dataclasses.replace(member.history[-1], val_loss=member.refit["loss"])
        stamps.append((*clock.seconds(), dataclasses.replace(last, val_accuracy=member.refit["accuracy"])))
    return result, description, stamps, precision


def rows_of(split: ArraySplit, rows: npt.NDArray[np.int64]) -> ArraySplit:
    """Return some rows of a split."""
    ids = [split.ids[row] for row in rows]
    return dataclasses.replace(
        split, images=split.images[rows], ids=ids, labels=split.labels[rows], copies=split.copies[rows]
    )


def speed(job: Job) -> dict[str, Any]:
    """Return images/s over an epoch of as many steps as are timed, its checkpoint included, after one such."""
    split, validation = (open_split(Path(job.data) / "arrays", name) for name in ("train", "val"))
    images = job.steps * job.batch
    if len(split) < images:
        raise SystemExit(f"{job.steps} steps of {job.batch} are more than the {len(split)} photographs of the training")
    drawn = rows_of(split, np.random.default_rng(0).permutation(len(split))[:images])
    _, _, stamps, precision = run(asked(job), drawn, rows_of(validation, np.arange(0)), 2)
    wall, used = stamps[-1][0] - stamps[0][0], stamps[-1][1] - stamps[0][1]
    return {"images/s": images / wall, "images/processor s": images / used, "precision": precision}


def accuracy(job: Job) -> dict[str, Any]:
    """Return seconds and validation accuracy of each epoch, and the answers to the test."""
    split, validation, test = (open_split(Path(job.data) / "arrays", name) for name in ("train", "val", "test"))
    params = asked(job)
    result, description, stamps, precision = run(params, split, validation)
    probabilities = Predictor.of_state(description, result.state()).probabilities(test.images)
    return {
        "epochs": len(result.history()),
        "seconds": [wall for wall, _, _ in stamps],
        "processor": [used for _, used, _ in stamps],
        "accuracies": [figures.val_accuracy for _, _, figures in stamps],
        "precision": precision,
        "ids": test.ids,
        "probabilities": np.round(probabilities.astype(float), 6).tolist(),
        "settings": {key: str(value) for key, value in flatten(WAYS[job.way]).items()},
    }


if __name__ == "__main__":
    given = read_job()
    answer(speed(given) if given.what == "speed" else accuracy(given))

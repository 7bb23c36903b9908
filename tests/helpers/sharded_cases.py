"""Trainings that are run by one process and by several, to be compared; ``torchrun`` runs this module.

``FOLDER`` trains every case, ``FOLDER CASE`` one alone, in which the last process is killed after its first epoch the
first time: started again, they have to go on.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lithoscope.data.loading.dataloader import OnlineAugmentation
from lithoscope.data.packed.arrays import ArraySplit
from lithoscope.models.classifier import Architecture, build_classifier
from lithoscope.models.device import make_repeatable
from lithoscope.training import distributed
from lithoscope.training.callbacks import OnEpoch
from lithoscope.training.fit import train
from lithoscope.training.history import EpochFigures, TrainingResult

from helpers.made_up_settings import augmentation, plain_architecture, training_settings

SIZE = 32
# A low rate: a ReLU that the last digits turn on or off changes a gradient by a hundredth, and steps carry that on.
SETTINGS = training_settings(lr=1e-5, optimizer="sgd")
CNN = plain_architecture("cnn", SIZE, 3, 0.4)
CASES: dict[str, tuple[Architecture, dict[str, Any]]] = {
    "no batch norm": (plain_architecture("squeezenet1_1", SIZE, 3, 0.4), {}),
    "batch norm, dropout, average of weights": (CNN, {"ema": 0.8}),
    "norms and dropout in the head": (plain_architecture("cnn", SIZE, 3, 0.4, head="batchnorm"), {}),
    "AdamW": (CNN, {"optimizer": "adamw"}),
    "mixed pictures": (CNN, {"mixup": 0.4, "cutmix": 1.0}),
    "weighted classes": (CNN, {"class_balance": "weights", "label_smoothing": 0.1}),
    "balanced draws": (CNN, {"class_balance": "sampling"}),
    "accumulated and clipped": (CNN, {"accumulate": 3, "clip": 0.5}),
    "skipped blocks": (
        plain_architecture("resnet18", SIZE, 3, 0.0, stochastic_depth=0.5),
        {"epochs": 1, "batch_size": 29},
    ),
    "head first, frozen blocks": (CNN, {"head_epochs": 1, "frozen": 0.5}),
}


def striped(rows: int, seed: int) -> ArraySplit:
    """Noise with stripes whose width tells the class; the classes are of different sizes."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(rows) % 7 % 3).astype(np.int64)
    stripes = [np.where(np.arange(SIZE) // width % 2 == 0, 60, 190) for width in (2, 4, 8)]
    pictures = np.stack([np.broadcast_to(stripes[label], (SIZE, SIZE)) for label in labels])[..., None]
    noisy = np.clip(pictures + rng.normal(0, 25, (rows, SIZE, SIZE, 3)), 0, 255).astype(np.uint8)
    return ArraySplit(noisy, [f"p{i}" for i in range(rows)], labels, np.zeros(rows, np.int64), ["a", "b", "c"])


def start(case: str) -> dict[str, torch.Tensor]:
    """Return the weights that a case starts from."""
    make_repeatable(0, threads=1)
    return build_classifier(CASES[case][0]).state_dict()


def fit(case: str, checkpoints: Path, on_epoch: OnEpoch = lambda *_: None) -> TrainingResult:
    """Train one case; batches of 29 pictures are of 8, 7, 7 and 7, so that processes get parts of different sizes."""
    architecture, changes = CASES[case]
    make_repeatable(0, threads=1)
    varied = augmentation(rotation=10, zoom=0.1, brightness=0.1, online=1.0)
    return train(
        build_classifier(architecture),
        SETTINGS.changed(**changes),
        striped(29, 1),
        striped(13, 2),
        OnlineAugmentation(varied, 0),
        checkpoints=checkpoints / case,
        on_epoch=on_epoch,
        progress_bar=False,
    )


def main() -> None:
    """Train the cases and keep the results in a folder."""
    folder, only = Path(sys.argv[1]), sys.argv[2:]
    distributed.start("cpu", 1)
    for case in only or CASES:
        result = fit(case, folder / "checkpoints", _killed_once(folder) if only else lambda *_: None)
        if distributed.is_main_process():
            result.save(folder / f"{case}.pt")
        torch.save(result.state, folder / f"{case}.{distributed.rank()}.pt")


def _killed_once(folder: Path) -> OnEpoch:
    """Return what notes every epoch in a file of the process, and kills the last process after the very first one."""

    def on_epoch(figures: EpochFigures, _: list[EpochFigures]) -> None:
        epochs = folder / f"epochs.{distributed.rank()}"
        first = not epochs.exists()
        with epochs.open("a", encoding="utf-8") as file:
            file.write(f"{figures.epoch}\n")
        if first and distributed.rank() == distributed.world_size() - 1:
            os.kill(os.getpid(), signal.SIGKILL)

    return on_epoch


if __name__ == "__main__":
    main()

"""Callbacks: history, early stopping, plateau schedule, exponential moving average. All of it survives a kill."""

import math
from collections.abc import Callable
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, WeightAveraging
from torch import Tensor

from lithoscope.core.errors import LithoscopeError
from lithoscope.training.history import EpochFigures
from lithoscope.training.optim import build_plateau

OnEpoch = Callable[[EpochFigures, list[EpochFigures]], None]
"""Called after each epoch with its figures and with those of all epochs so far."""


class History(Callback):
    """Keeps every epoch's figures, through a resume too, and hands each on as soon as it is there.

    Args:
        phase: Name of the phase.
        before: The epochs of the phases before this one.
        on_epoch: Called with each epoch.
    """

    def __init__(self, phase: str, before: list[EpochFigures], on_epoch: OnEpoch) -> None:
        self.phase, self.epochs, self._before, self._on_epoch = phase, list(before), len(before), on_epoch

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Record the epoch that ended."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        figures = EpochFigures(
            epoch=self._before + trainer.current_epoch + 1,
            lr=float(trainer.optimizers[0].param_groups[0]["lr"]),
            train_loss=metrics["train_loss"],
            train_accuracy=metrics["train_accuracy"],
            val_loss=metrics.get("val_loss"),
            val_accuracy=metrics.get("val_accuracy"),
            phase=self.phase,
        )
        self.epochs.append(figures)
        self._on_epoch(figures, self.epochs)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps, as plain values."""
        return {"epochs": [vars(figures) for figures in self.epochs]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up where a checkpoint stopped."""
        self.epochs = [EpochFigures(**figures) for figures in state_dict["epochs"]]


class NotANumber(Callback):
    """Ends a training whose loss is no number any more, with a line that says what helps.

    Args:
        rate: Name of the parameter that holds the learning rate.
    """

    def __init__(self, rate: str) -> None:
        self.rate = rate

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Check the epoch's losses."""
        losses = [
            float(value) for name, value in trainer.callback_metrics.items() if name in ("train_loss", "val_loss")
        ]
        if not all(map(math.isfinite, losses)):
            raise LithoscopeError(
                f"training: the loss of epoch {trainer.current_epoch + 1} is not a number: the learning rate is too "
                f"high for this model; try a tenth of {self.rate}"
            )


class Patience(EarlyStopping):
    """Stops a training whose validation loss has not fallen for some epochs; a resume does not start it anew."""

    def __init__(self, epochs: int) -> None:
        super().__init__("val_loss", patience=epochs, check_on_train_epoch_end=True)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop at once where the run that is resumed had stopped, but was killed before its end."""
        if self.wait_count >= self.patience:
            trainer.should_stop = True


class Plateau(Callback):
    """Lowers the learning rates where the validation loss stalls.

    Lightning itself would do so after the epoch's checkpoint is written, and a resumed run would know nothing of it.
    """

    def __init__(self) -> None:
        self._scheduler: torch.optim.lr_scheduler.ReduceLROnPlateau | None = None
        self._kept: dict[str, Any] = {}

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take hold of the optimiser."""
        self._scheduler = build_plateau(trainer.optimizers[0])
        if self._kept:
            self._scheduler.load_state_dict(self._kept)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Judge the epoch that ended."""
        assert self._scheduler is not None
        self._scheduler.step(float(trainer.callback_metrics["val_loss"]))

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps, as plain values."""
        return self._scheduler.state_dict() if self._scheduler is not None else self._kept

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up where a checkpoint stopped."""
        self._kept = state_dict


class MovingAverage(WeightAveraging):
    """Keeps an exponential moving average of weights and buffers; it is what is validated and saved.

    Source: Polyak & Juditsky 1992; Tarvainen & Valpola, Mean Teachers, 2017. In the first steps the share kept is
    (1 + t) / (10 + t) at most, or the first weights would outweigh all others for long.

    Args:
        kept: Share of the average that a step keeps, such as 0.99.
    """

    def __init__(self, kept: float) -> None:
        def update(averages: list[Tensor], values: list[Tensor], updates: Tensor) -> None:
            share = min(kept, (1 + int(updates)) / (10 + int(updates)))
            for average, value in zip(averages, values, strict=True):
                if average.is_floating_point():
                    average.lerp_(value, 1 - share)
                else:  # how many batches a batch norm has seen
                    average.copy_(value)

        super().__init__(use_buffers=True, multi_avg_fn=update)

    def should_update(self, step_idx: int | None = None, epoch_idx: int | None = None) -> bool:
        """Update after every step of the optimiser."""
        return step_idx is not None

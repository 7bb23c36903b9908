"""Training history: the figures of each epoch, and the result of a whole training."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lithoscope.config.params import Keep
from lithoscope.training.checkpoints import save


@dataclass(frozen=True)
class EpochFigures:
    """What one epoch gave; the columns of ``plots/history.csv``. Losses are mean cross-entropy in nats.

    Attributes:
        epoch: From 1, counted on through the phases.
        lr: The head's learning rate at the end of the epoch, the highest of all layers.
        train_loss: What was minimised: with label smoothing, mixing and class weights, where those are on.
        train_accuracy: Share of right answers; of a mixed picture the larger part counts.
        val_loss: Plain cross-entropy of the validation photographs, or None where there are none.
        val_accuracy: Share of right answers on them, or None.
        phase: ``head`` while the head alone is trained on features computed once, then ``all``.
    """

    epoch: int
    lr: float
    train_loss: float
    train_accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    phase: str = "all"

    def line(self, epochs: int) -> str:
        """Return the figures as a line for the terminal."""
        text = f"epoch {self.epoch:>3}/{epochs}  loss {self.train_loss:.3f}  accuracy {self.train_accuracy:.3f}"
        if self.val_loss is None:
            return text
        return f"{text}  validation loss {self.val_loss:.3f}  accuracy {self.val_accuracy:.3f}"

    def measured(self) -> dict[str, float]:
        """Return the figures that are numbers and there, by name, without the epoch."""
        return {name: value for name, value in vars(self).items() if isinstance(value, float)}


def history_table(history: Sequence[EpochFigures]) -> str:
    """Return ``plots/history.csv``: one line an epoch; without validation its columns are empty."""
    table = pd.DataFrame([dataclasses.asdict(figures) for figures in history])
    return str(table.to_csv(index=False, lineterminator="\n", float_format="%.6g"))


def mean_history(histories: Sequence[Sequence[EpochFigures]]) -> list[EpochFigures]:
    """Return the mean over several networks, epoch by epoch; over those that ran it, where some stopped early."""
    merged = []
    for place in range(max(map(len, histories), default=0)):
        epochs = [history[place] for history in histories if place < len(history)]
        figures = [epoch.measured() for epoch in epochs]
        means: dict[str, Any] = {name: float(np.mean([one[name] for one in figures])) for name in figures[0]}
        merged.append(dataclasses.replace(epochs[0], **means))
    return merged


def best_of(history: Sequence[EpochFigures], keep: Keep) -> EpochFigures:
    """Return the epoch that is kept, the earliest of equals; without validation photographs the last one.

    Args:
        history: At least one epoch.
        keep: ``loss``, the lowest validation loss, ``accuracy``, the highest validation accuracy, or ``last``.
    """
    if history[-1].val_loss is None or keep == "last":
        return history[-1]
    if keep == "accuracy":
        return max(history, key=lambda figures: figures.val_accuracy or 0.0)
    return min(history, key=lambda figures: figures.val_loss or 0.0)


@dataclass(frozen=True)
class TrainingResult:
    """What a training gave.

    Attributes:
        state: The best epoch's weights, and the head that was fitted to it where there was one.
        best_epoch: Which one that was, from 1.
        history: Every epoch's figures.
        refit: Validation ``loss`` (nats) and ``accuracy`` with the head that was fitted after the epochs, or None.
    """

    state: dict[str, Tensor]
    best_epoch: int
    history: list[EpochFigures]
    refit: dict[str, float] | None = None

    def summary(self) -> dict[str, Any]:
        """Return what ``metrics/train.json`` says: the best epoch, how many ran, and the best epoch's figures.

        ``refit`` holds those with the head that was fitted afterwards, where validation photographs judged it.
        """
        best = self.history[self.best_epoch - 1]
        validation = None
        if best.val_loss is not None and best.val_accuracy is not None:
            validation = {"loss": round(best.val_loss, 6), "accuracy": round(best.val_accuracy, 6)}
        refit = {name: round(value, 6) for name, value in self.refit.items()} if self.refit else None
        return {
            "best_epoch": self.best_epoch,
            "epochs": len(self.history),
            "train": {"loss": round(best.train_loss, 6), "accuracy": round(best.train_accuracy, 6)},
            "validation": validation,
            **({"refit": refit} if refit else {}),
        }

    def save(self, path: Path) -> None:
        """Write the result so that it is there whole or not at all."""
        history = [vars(figures) for figures in self.history]
        found = {"state": self.state, "best_epoch": self.best_epoch, "history": history, "refit": self.refit}
        save(found, path)

    @classmethod
    def load(cls, path: Path) -> "TrainingResult":
        """Read what :meth:`save` wrote."""
        saved = torch.load(path, map_location="cpu", weights_only=True)
        history = [EpochFigures(**figures) for figures in saved["history"]]
        return cls(saved["state"], saved["best_epoch"], history, saved["refit"])

"""Training: a Lightning module, its schedule, and a trainer built in plain code.

What a run computes follows from its arguments alone. Weights, order, dropout and augmentation each have a random
stream keyed by (seed, purpose, epoch, batch), so a run that was killed and resumed from its last checkpoint ends
with the same weights as one that was not.
"""

import dataclasses
import logging
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

import lithoscope.torchvision_ops  # noqa: F401  (before Lightning)

# isort: split
import lightning as L
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from torch.nn import functional as F

from lithoscope.batches import Batch
from lithoscope.errors import LithoscopeError
from lithoscope.models import decay_groups
from lithoscope.randomness import integer_seed


@dataclass(frozen=True)
class TrainingSettings:
    """How to train; the names are those of ``params.yaml``."""

    lr: float
    epochs: int
    batch_size: int
    seed: int
    precision: str
    device: str
    optimizer: str
    weight_decay: float
    schedule: str
    warmup: int
    patience: int
    label_smoothing: float
    head_epochs: int = 0
    head_lr: float = 1e-3
    frozen: float = 0.0
    layer_decay: float = 1.0
    ema: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    class_balance: str = "none"
    accumulate: int = 1
    clip: float = 0.0


@dataclass(frozen=True)
class EpochFigures:
    """What one epoch gave; the columns of ``plots/history.csv``. Losses are mean cross-entropy in nats."""

    epoch: int
    lr: float
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float

    def line(self, epochs: int) -> str:
        """Return the figures as a line for the terminal."""
        return (
            f"epoch {self.epoch:>3}/{epochs}  loss {self.train_loss:.3f}  accuracy {self.train_accuracy:.3f}  "
            f"validation loss {self.val_loss:.3f}  accuracy {self.val_accuracy:.3f}"
        )


def history_table(history: list[EpochFigures]) -> str:
    """Return ``plots/history.csv``: one line an epoch."""
    table = pd.DataFrame([dataclasses.asdict(figures) for figures in history])
    return str(table.to_csv(index=False, lineterminator="\n", float_format="%.6g"))


@dataclass(frozen=True)
class TrainingResult:
    """The best epoch's weights, which epoch that was (from 1), and every epoch's figures."""

    state: dict[str, Tensor]
    best_epoch: int
    history: list[EpochFigures]

    def summary(self) -> dict[str, Any]:
        """Return what ``metrics/train.json`` says: the best epoch, how many ran, and the best epoch's figures."""
        best = self.history[self.best_epoch - 1]
        return {
            "best_epoch": self.best_epoch,
            "epochs": len(self.history),
            "train": {"loss": round(best.train_loss, 6), "accuracy": round(best.train_accuracy, 6)},
            "validation": {"loss": round(best.val_loss, 6), "accuracy": round(best.val_accuracy, 6)},
        }


def learning_rate_factor(step: int, *, steps: int, warmup_steps: int, schedule: str) -> float:
    """Return the share of ``lr`` at a step: linear warm-up, then constant or half a cosine down to 0.

    Source of the cosine: Loshchilov & Hutter, SGDR, ICLR 2017, without restarts.
    """
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    if schedule == "constant":
        return 1.0
    progress = (step - warmup_steps) / max(1, steps - warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


class ClassificationModule(L.LightningModule):
    """Cross-entropy training of a classifier that takes photographs in 0 … 255."""

    def __init__(self, network: nn.Module, settings: TrainingSettings, steps_per_epoch: int) -> None:
        super().__init__()
        self.network, self.settings, self.steps_per_epoch = network, settings, steps_per_epoch

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Key the draws of this step (dropout) by where it stands, not by what came before."""
        torch.manual_seed(integer_seed(self.settings.seed, "step", self.current_epoch, batch_idx, self.global_rank))

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Move a batch to where the network is."""
        return Batch(batch.images.to(device, non_blocking=True), batch.labels.to(device, non_blocking=True))

    def _shared_step(self, batch: Batch, part: str, label_smoothing: float) -> Tensor:
        logits = self.network(batch.images)
        loss = F.cross_entropy(logits.float(), batch.labels, label_smoothing=label_smoothing)
        accuracy = (logits.argmax(dim=1) == batch.labels).float().mean()
        for name, value in (("loss", loss), ("accuracy", accuracy)):
            self.log(
                f"{part}_{name}", value, on_step=False, on_epoch=True, batch_size=len(batch.labels), sync_dist=True
            )
        return loss

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of one batch."""
        return self._shared_step(batch, "train", self.settings.label_smoothing)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log loss and accuracy of one batch, without label smoothing."""
        self._shared_step(batch, "val", 0.0)

    def configure_optimizers(self) -> Any:
        """Build the optimiser and the schedule, stepped after every batch."""
        settings = self.settings
        groups = decay_groups([self.network], settings.weight_decay)
        optimizer: torch.optim.Optimizer
        if settings.optimizer == "sgd":
            optimizer = torch.optim.SGD(groups, lr=settings.lr, momentum=0.9, nesterov=True)
        elif settings.optimizer == "adam":
            optimizer = torch.optim.Adam(groups, lr=settings.lr)
        else:
            optimizer = torch.optim.AdamW(groups, lr=settings.lr)
        scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer,
            lambda step: learning_rate_factor(
                step,
                steps=settings.epochs * self.steps_per_epoch,
                warmup_steps=min(settings.warmup, settings.epochs - 1) * self.steps_per_epoch,
                schedule=settings.schedule,
            ),
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


class History(Callback):
    """Keeps every epoch's figures, through a resume too, and hands each on as soon as it is there."""

    def __init__(self, on_epoch: Callable[[EpochFigures, list[EpochFigures]], None]) -> None:
        self.epochs: list[EpochFigures] = []
        self._on_epoch = on_epoch

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Record the epoch that ended."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        lr = float(trainer.optimizers[0].param_groups[0]["lr"])
        names = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
        figures = EpochFigures(trainer.current_epoch + 1, lr, *(metrics[name] for name in names))
        self.epochs.append(figures)
        self._on_epoch(figures, self.epochs)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps, as plain values."""
        return {"epochs": [vars(figures) for figures in self.epochs]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up where a checkpoint stopped."""
        self.epochs = [EpochFigures(**figures) for figures in state_dict["epochs"]]


class NotANumber(Callback):
    """Ends a training whose loss is no number any more, with a line that says what helps."""

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Check the epoch's training loss."""
        losses = [float(trainer.callback_metrics[name]) for name in ("train_loss", "val_loss")]
        if not all(map(math.isfinite, losses)):
            raise LithoscopeError(
                f"training: the loss of epoch {trainer.current_epoch + 1} is not a number: the learning rate is too "
                "high for this model; try a tenth of lr"
            )


def train(
    network: nn.Module, settings: TrainingSettings, train_batches: Any, val_batches: Any, *,
    checkpoints: Path, on_epoch: Callable[[EpochFigures, list[EpochFigures]], None], progress_bar: bool,
) -> TrainingResult:  # fmt: skip
    """Train a network and return its best epoch by validation loss.

    Args:
        network: A classifier, changed in place.
        settings: How to train; ``precision`` and ``device`` resolved.
        train_batches: From :func:`lithoscope.batches.training_batches`.
        val_batches: From :func:`lithoscope.batches.inference_batches`.
        checkpoints: Folder for this very training's checkpoints; a ``last.ckpt`` in it is resumed.
        on_epoch: Called after each epoch with its figures and all figures so far.
        progress_bar: Whether to draw Lightning's progress bar.

    Raises:
        LithoscopeError: The loss became NaN or infinite.
    """
    module = ClassificationModule(network.to(memory_format=torch.channels_last), settings, len(train_batches))  # type: ignore[call-overload]
    history = History(on_epoch)
    best = ModelCheckpoint(
        checkpoints, filename="best", monitor="val_loss", mode="min", save_top_k=1, save_last=True,
        save_on_train_epoch_end=True, enable_version_counter=False,
    )  # fmt: skip
    callbacks: list[Callback] = [NotANumber(), history, best]
    if settings.patience:
        callbacks.append(EarlyStopping("val_loss", patience=settings.patience, check_on_train_epoch_end=True))
    last = checkpoints / "last.ckpt"
    # "GPU available: False", advertisements, "max_epochs reached": no news to whoever started the training.
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with warnings.catch_warnings():
        # Lightning 2.6 asks torch 2.13 in a way that a later torch will drop; nothing a user can act on.
        warnings.filterwarnings("ignore", message=".*isinstance\\(treespec, LeafSpec\\).*")
        # Batches are cut from a memory-mapped array; worker processes would only copy them once more.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        # A resumed run finds the checkpoints it resumes from.
        warnings.filterwarnings("ignore", message=".*exists and is not empty.*")
        trainer = L.Trainer(
            accelerator={"cuda": "gpu"}.get(settings.device, settings.device), devices=1,
            precision="bf16-mixed" if settings.precision == "bf16" else "32-true",
            max_epochs=settings.epochs, callbacks=callbacks, logger=False, deterministic=True,
            enable_progress_bar=progress_bar, enable_model_summary=False, num_sanity_val_steps=0,
            use_distributed_sampler=False, log_every_n_steps=1,
        )  # fmt: skip
        try:
            trainer.fit(
                module, train_batches, val_batches, ckpt_path=str(last) if last.is_file() else None, weights_only=True
            )
        except SystemExit:  # what Lightning makes of Ctrl-C
            raise KeyboardInterrupt from None
    saved = torch.load(checkpoints / "best.ckpt", map_location="cpu", weights_only=True)
    prefix = "network."
    state = {key.removeprefix(prefix): value for key, value in saved["state_dict"].items() if key.startswith(prefix)}
    best_epoch = min(history.epochs, key=lambda figures: (figures.val_loss, figures.epoch)).epoch
    return TrainingResult(state, best_epoch, history.epochs)

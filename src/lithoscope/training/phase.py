"""Training phase: some blocks frozen, one optimiser, one schedule, checkpoints of its own."""

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.loading.class_balance import class_weights
from lithoscope.data.loading.dataloader import FeatureRows, OnlineAugmentation, inference_batches, training_batches
from lithoscope.data.packed.arrays import ArraySplit
from lithoscope.models.classifier import Classifier
from lithoscope.models.frozen_features import compute_features, freeze
from lithoscope.training import distributed
from lithoscope.training.callbacks import History, MovingAverage, NotANumber, OnEpoch, Patience, Plateau
from lithoscope.training.checkpoints import BEST, LAST, DurableCheckpointIO, Saver, to_resume
from lithoscope.training.history import EpochFigures, TrainingResult, best_of
from lithoscope.training.mixup import build_mixing
from lithoscope.training.module import ClassificationModule, TrainingSettings


@dataclass(frozen=True)
class Phase:
    """One phase.

    Attributes:
        name: ``head`` or ``all``, the column ``phase`` of the history.
        settings: How to train; ``head_epochs``, ``head_lr`` and ``frozen`` have been acted on already.
        frozen: How many blocks stay as they are.
        rate: The parameter that holds the learning rate, for errors.
        computed: Whether what the frozen blocks make of photographs is computed once.
        passes: Of how many varied passes over the training photographs it is computed, which the epochs see in turn;
            0 = of the photographs as they are.
    """

    name: str
    settings: TrainingSettings
    frozen: int
    rate: str
    computed: bool
    passes: int = 0


@dataclass(frozen=True)
class Photographs:
    """What is trained on: rows, how they are varied in each epoch, and what validates, if anything does."""

    training: ArraySplit
    validation: ArraySplit | None
    augmentation: OnlineAugmentation | None

    def choose(self, settings: TrainingSettings) -> bool:
        """Return whether validation photographs choose the epoch that is kept; otherwise it is the last one."""
        return self.validation is not None and settings.keep != "last"


Rows = ArraySplit | FeatureRows
"""What batches are made of: photographs, or what frozen blocks made of them."""


def phase_rows(
    network: Classifier, phase: Phase, photographs: Photographs, features: Path, progress_bar: bool
) -> tuple[Rows, Rows | None]:
    """Return what a phase trains and validates on: what is computed once is computed, or found where it is kept.

    Arguments are those of :func:`train_phase`.
    """
    training, validation, settings = photographs.training, photographs.validation, phase.settings
    if not phase.computed:
        return training, validation

    def computed(split: ArraySplit, name: str, varied: OnlineAugmentation | None, passes: int) -> FeatureRows:
        kept = []
        for number in range(passes):
            with distributed.main_process_first():
                made = compute_features(
                    network,
                    phase.frozen,
                    inference_batches(split, augmentation=varied, epoch=number),
                    features / f"{name}{number + 1 if varied else ''}.npy",
                    device=settings.device,
                    precision=settings.precision,
                    progress_bar=progress_bar,
                    halved=varied is not None,
                )
                kept.append(made)
        return FeatureRows(kept, split.labels)

    varied = photographs.augmentation if phase.passes else None
    return (
        computed(training, "training", varied, max(phase.passes, 1)),
        computed(validation, "validation", None, 1) if validation is not None else None,
    )


def train_phase(
    network: Classifier,
    phase: Phase,
    photographs: Photographs,
    before: list[EpochFigures],
    *,
    checkpoints: Path,
    features: Path,
    on_epoch: OnEpoch,
    progress_bar: bool,
) -> TrainingResult:
    """Train a network in one phase.

    Args:
        network: Changed in place.
        phase: How.
        photographs: On what.
        before: The epochs of the phases before this one.
        checkpoints: The phase's folder; what :func:`lithoscope.training.checkpoints.to_resume` finds there is resumed.
        features: Folder for what is computed once.
        on_epoch: Called after each epoch.
        progress_bar: Whether to draw progress bars.

    Returns:
        The phase's best epoch and its weights, and the figures of all epochs, ``before`` included.

    Raises:
        LithoscopeError: The loss became NaN or infinite.
    """
    settings, labels, counted = phase.settings, photographs.training.labels, photographs.training.weights
    freeze(network, phase.frozen)
    training, validation = phase_rows(network, phase, photographs, features, progress_bar)
    classes = len(photographs.training.classes)
    mixing = build_mixing(settings.mixup, settings.cutmix, classes)
    _require_enough(len(labels), settings.batch_size, len(validation.labels) if validation is not None else None)
    # What is mixed is a whole batch: each process packs all of it, and then takes its part.
    rank, several = (0, 1) if mixing else (distributed.rank(), distributed.world_size())
    batches = training_batches(
        training,
        settings.batch_size,
        settings.seed,
        photographs.augmentation,
        rank,
        several,
        balanced=settings.class_balance == "sampling",
        weights=counted,
    )
    module = ClassificationModule(
        network,
        settings,
        len(batches),
        frozen=phase.frozen,
        computed=phase.computed,
        weights=class_weights(labels, classes, counted) if settings.class_balance == "weights" else None,
        mixing=mixing,
    ).train()
    history = History(phase.name, before, on_epoch)
    callbacks: list[Callback] = [NotANumber(phase.rate), history]
    if settings.ema:
        callbacks.append(MovingAverage(settings.ema))
    if settings.schedule == "plateau":
        callbacks.append(Plateau())
    if settings.patience and validation is not None:
        callbacks.append(Patience(settings.patience))
    _fit(module, batches, validation, callbacks, checkpoints, progress_bar, chosen=photographs.choose(settings))
    weights = _weights(checkpoints / (BEST if photographs.choose(settings) else LAST), module)
    return TrainingResult(weights, best_of(history.epochs[len(before) :], settings.keep).epoch, history.epochs)


def _fit(
    module: ClassificationModule,
    batches: object,
    validation: Rows | None,
    callbacks: list[Callback],
    checkpoints: Path,
    progress_bar: bool,
    *,
    chosen: bool,
) -> None:
    """Run Lightning's trainer; ``chosen``: whether validation photographs choose an epoch."""
    settings = module.settings
    found = to_resume(checkpoints, validated=chosen) if distributed.is_main_process() else None
    resumed = distributed.broadcast(found)
    rank, several = distributed.rank(), distributed.world_size()
    # Two, because one that keeps the best and the last writes the last only where it is the best as well.
    savers = [Saver(checkpoints, LAST, None)]
    if chosen:
        # First, so that `last` knows which was best.
        savers.insert(0, Saver(checkpoints, BEST, f"val_{settings.keep}"))
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
        # split.validation = 0 asks for none.
        warnings.filterwarnings("ignore", message=".*have no `val_dataloader`.*")
        # Frozen blocks are in evaluation mode on purpose.
        warnings.filterwarnings("ignore", message=".*module\\(s\\) in eval mode.*")
        trainer = L.Trainer(
            accelerator={"cuda": "gpu"}.get(settings.device, settings.device),
            devices=distributed.local_world_size(),
            num_nodes=several // distributed.local_world_size(),
            plugins=[DurableCheckpointIO()],
            # Buffers are those of batch norms, which are the same everywhere.
            strategy=DDPStrategy(forward_sync_buffers=False) if several > 1 else "auto",
            precision="bf16-mixed" if settings.precision == "bf16" else "32-true",
            max_epochs=settings.epochs,
            callbacks=[*callbacks, *savers],
            logger=False,
            deterministic=True,
            accumulate_grad_batches=settings.accumulate,
            gradient_clip_val=settings.clip or None,
            enable_progress_bar=progress_bar,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            log_every_n_steps=1,
        )
        try:
            trainer.fit(
                module,
                batches,
                inference_batches(validation, rank, several) if validation is not None else None,
                ckpt_path=resumed,
                weights_only=True,
            )
        except SystemExit:  # what Lightning makes of Ctrl-C
            raise KeyboardInterrupt from None


def _require_enough(rows: int, batch_size: int, validation: int | None) -> None:
    """Refuse more processes than a batch, or the validation photographs, can be divided among."""
    several = distributed.world_size()
    smallest = rows // -(-rows // batch_size)
    if several > 1 and (smallest < 2 * several or (validation is not None and validation < several)):
        raise LithoscopeError(
            f"torchrun: {several} processes share batches of {smallest} photographs"
            + (f" and {validation} for validation" if validation is not None else "")
            + "; each needs two of every batch and one for validation: start fewer, or raise batch_size"
        )


def _weights(path: Path, module: ClassificationModule) -> dict[str, Tensor]:
    """Return the network's weights at a checkpoint."""
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    module.on_load_checkpoint(checkpoint)
    prefix = "network."
    return {
        key.removeprefix(prefix): value.detach().cpu().clone()
        for key, value in checkpoint["state_dict"].items()
        if key.startswith(prefix)
    }

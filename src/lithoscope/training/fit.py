"""Training of one network, in one phase or in two.

What a run computes follows from its arguments alone. Weights, order, dropout and augmentation each have a random
stream keyed by (seed, purpose, epoch, batch), so a run that was killed and resumed from its last checkpoint ends
with the same weights as one that was not.
"""

import dataclasses
import shutil
from pathlib import Path

import torch
from torch.nn import functional

from lithoscope.core.random_streams import integer_seed
from lithoscope.data.loading.dataloader import OnlineAugmentation, inference_batches
from lithoscope.data.packed.arrays import ArraySplit
from lithoscope.models.classifier import Classifier
from lithoscope.models.frozen_features import for_features, frozen_blocks, stands_alone
from lithoscope.training import distributed
from lithoscope.training.callbacks import OnEpoch
from lithoscope.training.checkpoints import is_usable, to_resume
from lithoscope.training.discriminant_head import fit_discriminant_head, linear_layer
from lithoscope.training.history import TrainingResult, best_of
from lithoscope.training.module import TrainingSettings
from lithoscope.training.phase import Phase, Photographs, phase_rows, train_phase

FINISHED = "finished.pt"


def train(
    network: Classifier,
    settings: TrainingSettings,
    split: ArraySplit,
    validation: ArraySplit,
    augmentation: OnlineAugmentation | None,
    *,
    checkpoints: Path,
    on_epoch: OnEpoch,
    progress_bar: bool,
) -> TrainingResult:
    """Train a network and return its best epoch, by ``keep``; without validation photographs the last one.

    With ``head_fit: discriminant`` the head starts from a closed form (:mod:`lithoscope.training.discriminant_head`).
    Otherwise, with ``head_epochs``, the head alone is trained first, on features that are computed once and so without
    online augmentation and mixing. From its best epoch on, everything is trained that ``frozen`` does not exclude. The
    best epoch may lie in either phase; ``patience`` ends the second one alone.

    With ``head_refit`` the epochs' head sees averages alone, and after them a discriminant takes its place, on what
    ``model.pooling`` makes of the best epoch's maps.

    Args:
        network: A classifier, changed in place.
        settings: How to train; ``precision`` and ``device`` resolved.
        split: Training photographs and their copies.
        validation: Validation photographs; may hold none.
        augmentation: How training photographs are varied in each epoch.
        checkpoints: Folder for this very training; one that was killed there is resumed, a finished one returned.
        on_epoch: Called after each epoch with its figures and all figures so far.
        progress_bar: Whether to draw progress bars.

    Raises:
        LithoscopeError: The loss became NaN or infinite.
    """
    if _is_finished(checkpoints / FINISHED):
        finished = TrainingResult.load(checkpoints / FINISHED)
        distributed.barrier()  # before the first one goes on, and may remove the file
        return finished
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    final = network
    if settings.head_refit:
        linear_layer(final, split)  # so that what is not possible ends the training now, not after its last epoch
        network = final.averaging()
    photographs = Photographs(split, validation if len(validation) else None, augmentation)
    phase = _main_phase(network, settings, augmentation)
    features = _features(checkpoints, phase.frozen)
    head = None
    if settings.head_fit == "discriminant":
        kept = to_resume(checkpoints, validated=photographs.choose(settings)) if distributed.is_main_process() else None
        if distributed.broadcast(kept) is None:  # a checkpoint holds a head already
            rows, _ = phase_rows(network, phase, photographs, features, progress_bar)
            fit_discriminant_head(network, phase, photographs, rows, progress_bar)
    elif settings.head_epochs:
        head = _train_head(network, settings, photographs, checkpoints, on_epoch, progress_bar)
        network.load_state_dict(head.state)
    result = train_phase(
        network,
        phase,
        photographs,
        head.history if head else [],
        checkpoints=checkpoints,
        features=features,
        on_epoch=on_epoch,
        progress_bar=progress_bar,
    )
    if head and best_of(result.history, settings.keep).epoch == head.best_epoch:
        result = dataclasses.replace(head, history=result.history)
    if settings.head_refit:
        result = _refit_head(final, result, phase, photographs, progress_bar)
    if distributed.is_main_process():
        result.save(checkpoints / FINISHED)
        for folder in checkpoints.glob("features-*"):
            shutil.rmtree(folder)
    distributed.barrier()  # until none of them reads a checkpoint any more
    return result


def _main_phase(network: Classifier, settings: TrainingSettings, augmentation: OnlineAugmentation | None) -> Phase:
    """Decide what is frozen, and what is therefore computed once: once for each of ``cached_views`` where varied.

    Photographs that are mixed with one another are new in every step, so nothing of them is. Where nothing is tuned,
    the one epoch sees photographs as they are.
    """
    frozen = frozen_blocks(settings.frozen, len(network.blocks()))
    mixed = bool(settings.mixup or settings.cutmix)
    varied = augmentation is not None and augmentation.changes and settings.adapt != "head"
    passes = min(settings.cached_views, settings.epochs) if varied else 0
    possible = frozen > 0 and not mixed and stands_alone(network, frozen)
    computed = possible and (passes > 0 or not varied)
    return Phase("all", settings, frozen, rate="lr", computed=computed, passes=passes if computed else 0)


def _refit_head(
    network: Classifier, result: TrainingResult, phase: Phase, photographs: Photographs, progress_bar: bool
) -> TrainingResult:
    """Put a discriminant on the backbone that the epochs made; ``network`` has the pooling that is asked for.

    It is fitted to the photographs as they are: that is how the model will be asked, and it has seen varied ones.
    """
    tuned = {name: value for name, value in result.state.items() if not name.startswith("head.")}
    network.load_state_dict(tuned, strict=False)
    plain = dataclasses.replace(phase, computed=False, passes=0, settings=phase.settings.changed(head_passes=0))
    fit_discriminant_head(network, plain, photographs, photographs.training, progress_bar)
    state = {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
    return dataclasses.replace(result, state=state, refit=_measure(network, phase.settings, photographs.validation))


def _measure(network: Classifier, settings: TrainingSettings, validation: ArraySplit | None) -> dict[str, float] | None:
    """Return the loss (nats) and the accuracy on validation photographs, where there are any."""
    if validation is None:
        return None
    with for_features(network, settings.device, settings.precision):
        logits = [network(batch.images.to(settings.device)).float().cpu() for batch in inference_batches(validation)]
    answers, labels = torch.cat(logits), torch.from_numpy(validation.labels)
    accuracy = (answers.argmax(dim=1) == labels).float().mean()
    return {"loss": float(functional.cross_entropy(answers, labels)), "accuracy": float(accuracy)}


def _is_finished(finished: Path) -> bool:
    return distributed.broadcast(is_usable(finished) if distributed.is_main_process() else False)


def _features(checkpoints: Path, frozen: int) -> Path:
    return checkpoints / f"features-{frozen}"


def _train_head(
    network: Classifier,
    settings: TrainingSettings,
    photographs: Photographs,
    checkpoints: Path,
    on_epoch: OnEpoch,
    progress_bar: bool,
) -> TrainingResult:
    folder, blocks = checkpoints / "head", len(network.blocks())
    if _is_finished(folder / FINISHED):
        return TrainingResult.load(folder / FINISHED)
    # Draws of its own, so that the phase of everything has those it would have alone.
    own = settings.changed(
        lr=settings.head_lr,
        epochs=settings.head_epochs,
        patience=0,
        mixup=0.0,
        cutmix=0.0,
        seed=integer_seed(settings.seed, "head phase"),
    )
    result = train_phase(
        network,
        Phase("head", own, blocks, rate="train.head_lr", computed=True),
        photographs,
        [],
        checkpoints=folder,
        features=_features(checkpoints, blocks),
        on_epoch=on_epoch,
        progress_bar=progress_bar,
    )
    if distributed.is_main_process():
        result.save(folder / FINISHED)
    return result

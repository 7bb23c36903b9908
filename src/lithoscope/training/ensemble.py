"""Training of deep ensembles: networks of one architecture, each from a seed of its own, averaged as one model.

Networks that err alike gain little from each other. With ``train.head_fit: mixed`` the first one is therefore a
discriminant on the backbone as it comes, beside others that are tuned from random heads.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from lithoscope.core.random_streams import integer_seed
from lithoscope.data.loading.dataloader import OnlineAugmentation
from lithoscope.data.packed.arrays import ArraySplit
from lithoscope.models.classifier import Classifier
from lithoscope.models.device import make_repeatable
from lithoscope.models.ensemble import join_states
from lithoscope.training.adapt import discriminant_alone
from lithoscope.training.fit import train
from lithoscope.training.history import EpochFigures, TrainingResult, mean_history
from lithoscope.training.module import TrainingSettings

OnMember = Callable[[int, list[EpochFigures]], None]
"""Called with the number of a member, from 0, and its figures of all epochs so far."""


@dataclass(frozen=True)
class EnsembleResult:
    """What the members gave, in their order; at least one.

    Attributes:
        members: Their results.
        untuned: How many of them, from the first on, no gradient has changed; never all.
    """

    members: list[TrainingResult]
    untuned: int = 0

    def state(self) -> dict[str, Tensor]:
        """Return the weights of the model that is saved."""
        return join_states([member.state for member in self.members])

    def history(self) -> list[EpochFigures]:
        """Return the members' mean, epoch by epoch."""
        return mean_history([member.history for member in self.members])

    def summary(self) -> dict[str, Any]:
        """Return what ``metrics/train.json`` says.

        Of one network see :meth:`TrainingResult.summary`. Of several: the mean of the tuned ones' best epochs,
        rounded, the epochs of the one that ran longest, the means of the figures that all have, and each one's summary
        under ``members``, with ``tuned`` where some were and some were not.
        """
        each = [member.summary() for member in self.members]
        if len(each) == 1:
            return each[0]

        def mean(part: str) -> dict[str, float] | None:
            if each[0][part] is None:
                return None
            return {name: round(float(np.mean([one[part][name] for one in each])), 6) for name in each[0][part]}

        if self.untuned:
            each = [{**one, "tuned": number >= self.untuned} for number, one in enumerate(each)]
        return {
            "best_epoch": round(float(np.mean([one["best_epoch"] for one in each[self.untuned :]]))),
            "epochs": max(one["epochs"] for one in each),
            "train": mean("train"),
            "validation": mean("validation"),
            **({"refit": mean("refit")} if all("refit" in one for one in each) else {}),
            "members": each,
        }


def member_seed(seed: int, member: int) -> int:
    """Return the seed of a member, from 0; the first one's is the experiment's own."""
    return integer_seed(seed, "member", member) if member else seed


def member_settings(settings: TrainingSettings, member: int) -> TrainingSettings:
    """Return how a member, from 0, is trained."""
    own = settings.changed(seed=member_seed(settings.seed, member))
    if settings.head_fit != "mixed":
        return own
    if member > 0:
        return own.changed(head_fit="gradient")
    return discriminant_alone(own)


def train_members(
    build: Callable[[], Classifier],
    settings: TrainingSettings,
    split: ArraySplit,
    validation: ArraySplit,
    augmentation: OnlineAugmentation | None,
    *,
    members: int,
    threads: int,
    checkpoints: Path,
    on_epoch: OnMember,
    progress_bar: bool,
) -> EnsembleResult:
    """Train one network after the other; see :func:`lithoscope.training.fit.train`.

    Args:
        build: Makes a network with fresh weights out of torch's global random state.
        settings: How to train; ``seed`` is the first member's, and what a member changes says :func:`member_settings`.
        split: Training photographs.
        validation: Validation photographs; may hold none.
        augmentation: How training photographs are varied in each epoch; its seed is replaced by the member's.
        members: How many networks.
        threads: Processor threads.
        checkpoints: Folder for this very training. Members that finished before a kill are not trained again.
        on_epoch: Called after each epoch, and once more when a member has finished.
        progress_bar: Whether to draw progress bars.

    Raises:
        LithoscopeError: The loss became NaN or infinite.
    """
    results = []
    for member in range(members):
        own = member_settings(settings, member)
        make_repeatable(own.seed, threads)

        def report(_: EpochFigures, history: list[EpochFigures], member: int = member) -> None:
            on_epoch(member, history)

        result = train(
            build(),
            own,
            split,
            validation,
            augmentation and dataclasses.replace(augmentation, seed=own.seed),
            checkpoints=checkpoints / f"member{member + 1}" if members > 1 else checkpoints,
            on_epoch=report,
            progress_bar=progress_bar,
        )
        on_epoch(member, result.history)
        results.append(result)
    return EnsembleResult(results, untuned=1 if settings.head_fit == "mixed" else 0)

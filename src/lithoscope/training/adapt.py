"""Adaptation to how many photographs there are: a head in closed form for few, tuning for many.

A dozen photographs a class are too few to tune a network with: it forgets what it knew. Its features as they came,
under a discriminant that needs no epochs, go further; with more photographs tuning does.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from lithoscope.config.network import ModelParameters
from lithoscope.config.params import Adapt
from lithoscope.data.packed.arrays import ArraySplit
from lithoscope.training.module import TrainingSettings

FEWEST_TO_TUNE = 20
"""Training photographs a class, in the median over the classes, from which on ``auto`` tunes."""


GRADIENT: dict[str, Any] = {"head_fit": "gradient", "head_refit": False}
SCRATCH: dict[str, Any] = {**GRADIENT, "frozen": 0.0, "norms": "batch"}


@dataclass(frozen=True)
class Adaptation:
    """How a network is adapted to the photographs, and why.

    Attributes:
        way: ``head``: a discriminant on its features as they came; ``tune``: as the other parameters say.
        photographs: Training photographs a class, in the median over the classes; copies do not count.
        reason: Why, in words.
        chosen: Whether ``train.adapt`` left it to the rule.
        instead: Values of the block ``train`` that take the place of those given.
    """

    way: Literal["head", "tune"]
    photographs: float
    reason: str
    chosen: bool
    instead: dict[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """Return what the log says."""
        return f"adapt: {self.way}, since {self.reason}" + "; train.adapt decides otherwise" * self.chosen

    def summary(self) -> dict[str, Any]:
        """Return what ``metrics/train.json`` says."""
        said = {"way": self.way, "photographs_a_class": self.photographs, "reason": self.reason}
        return {**said, "instead": self.instead} if self.instead else said

    def apply(self, settings: TrainingSettings) -> TrainingSettings:
        """Return the settings to train with, ``adapt`` decided."""
        decided = settings.changed(adapt=self.way, **self.instead)
        if self.way == "tune":
            return decided
        return discriminant_alone(decided).changed(label_smoothing=0.0, class_balance="none")


def choose_adaptation(asked: Adapt, model: ModelParameters, split: ArraySplit) -> Adaptation:
    """Decide how to adapt a network.

    Left to the rule, a network from scratch trains as a whole, since there is nothing in it to keep, and a head that
    has no closed form starts from random weights. ``tune`` means what the other parameters say, to the letter.

    Args:
        asked: ``train.adapt``.
        model: The network; one from scratch has no features to build on, and only a linear head has a closed form.
        split: The training photographs.
    """
    counts = np.bincount(split.labels[split.copies == 0], minlength=len(split.classes))
    photographs = float(np.median(counts))
    few = f"{photographs:g} training photographs a class are "
    if asked != "auto":
        return Adaptation(asked, photographs, f"train.adapt = {asked}", chosen=False)
    if model.weights is None:
        return Adaptation(
            "tune", photographs, "the network starts from scratch, so all of it trains", chosen=True, instead=SCRATCH
        )
    if model.head != "linear":
        reason = f"model.head = {model.head} has no closed form"
        return Adaptation("tune", photographs, reason, chosen=True, instead=GRADIENT)
    if counts.min() == 0:
        return Adaptation("tune", photographs, "a class has no training photograph", chosen=True, instead=GRADIENT)
    if photographs < FEWEST_TO_TUNE:
        return Adaptation("head", photographs, f"{few}fewer than {FEWEST_TO_TUNE}", chosen=True)
    return Adaptation("tune", photographs, f"{few}{FEWEST_TO_TUNE} or more", chosen=True)


def discriminant_alone(settings: TrainingSettings) -> TrainingSettings:
    """Return the settings of a discriminant on the backbone as it comes.

    Its one epoch changes nothing, since its learning rate is 0; it gives the history the figures of what the closed
    form found.
    """
    return settings.changed(
        head_fit="discriminant",
        head_refit=False,
        head_epochs=0,
        frozen=1.0,
        cached_views=0,
        norms="kept",
        epochs=1,
        lr=0.0,
        warmup=0,
        ema=0.0,
        mixup=0.0,
        cutmix=0.0,
    )

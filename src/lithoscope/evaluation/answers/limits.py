"""Limits of a model: what its answers are held against, fitted on held-out photographs and kept beside the model."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.files import read_json
from lithoscope.evaluation.answers.conformal import fewest, lower_quantile, needed_probability, prediction_sets
from lithoscope.evaluation.answers.novelty import Reference, decidedness, familiarity, shares_among

Floats = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.int64]

FORMAT = 2
TEXT, ARRAYS = "limits.json", "limits.npz"
REJECTED = 0.05
"""Share of photographs of known classes that may be called none of them."""
MISSED = 0.1
"""Share of photographs whose true class may be missing from its set, and of coarser names that may be wrong."""
SHORT = 3
"""So many names are a short set; a longer one gives way to a coarser name that is sure enough."""


@dataclass(frozen=True)
class HeldOut:
    """Photographs that the model did not learn from, and what it says of them.

    Attributes:
        probabilities: Calibrated, (n, classes).
        features: What the head sees, (n, d).
        labels: True classes, int64 (n,).
        source: In words, such as "validation photographs".
        own: Which of the training photographs that a reference keeps show the same as each, bool (n, kept); None where
            none does.
    """

    probabilities: Floats
    features: Floats
    labels: Labels
    source: str
    own: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Limits:
    """What answers are held against.

    Attributes:
        classes: Names of the classes, in the order of the probabilities.
        coarse: The coarse class of each, ``""`` for none.
        source: Which photographs were held out.
        held_out: How many.
        reference: The training photographs' features.
        similar: Similarities of the held-out photographs, ascending, (m,).
        decided: Their decidedness, ascending, (m,).
        familiar: The familiarity at or below which a photograph shows none of the classes.
        needed: The probability from which on a class belongs to the set.
        coarse_needed: That from which on a coarse class is sure enough, or None where none can be said.
    """

    classes: list[str]
    coarse: list[str]
    source: str
    held_out: int
    reference: Reference
    similar: npt.NDArray[np.float64]
    decided: npt.NDArray[np.float64]
    familiar: float
    needed: float
    coarse_needed: float | None

    def familiarity(self, probabilities: Floats, features: Floats) -> npt.NDArray[np.float64]:
        """Return how familiar photographs are, 0 … 1: which share of held-out ones is no more so in one respect."""
        scores = (self.reference.similarity(features), decidedness(probabilities))
        return familiarity(scores, (self.similar, self.decided))

    def kinds(self) -> list[str]:
        """Return the coarse classes, sorted."""
        return sorted(set(self.coarse) - {""})

    def coarse_probabilities(self, probabilities: Floats) -> npt.NDArray[np.float64]:
        """Return the probability of each of :meth:`kinds`, float64 (n, kinds): its classes' sum."""
        return coarse_probabilities(probabilities, self.coarse)

    def save(self, folder: Path) -> None:
        """Write ``limits.json`` and ``limits.npz``; the same limits give the same bytes."""
        folder.mkdir(parents=True, exist_ok=True)
        text = {
            "format": FORMAT,
            "classes": self.classes,
            "coarse": self.coarse,
            "source": self.source,
            "held_out": self.held_out,
            "familiar": self.familiar,
            "needed": self.needed,
            "coarse_needed": self.coarse_needed,
        }
        (folder / TEXT).write_text(json.dumps(text, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        np.savez(folder / ARRAYS, similar=self.similar, decided=self.decided, **vars(self.reference))

    @classmethod
    def load(cls, folder: Path) -> "Limits":
        """Read what :meth:`save` wrote.

        Raises:
            LithoscopeError: It is damaged, or another version wrote it.
        """
        remedy = "run `dvc repro evaluate` to make it anew"
        text = read_json(folder / TEXT, remedy)
        if text.pop("format", None) != FORMAT:
            raise LithoscopeError(f"{folder / TEXT}: written by another version: {remedy}")
        try:
            with np.load(folder / ARRAYS, allow_pickle=False) as kept:
                reference = Reference(**{field.name: kept[field.name] for field in fields(Reference)})
                return cls(**text, reference=reference, similar=kept["similar"], decided=kept["decided"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LithoscopeError(f"{folder}: damaged limits ({error}); {remedy}") from None


def fit_limits(held_out: HeldOut, training: Floats, classes: Sequence[str], coarse: Mapping[str, str]) -> Limits | None:
    """Fit the limits of a model.

    Held-out photographs may be training photographs that were answered without themselves. Each is then held against
    those that show something else, since a new photograph will not find itself among them.

    Args:
        held_out: One photograph of each group of duplicates, none of which the model that answered it learnt from.
        training: Features of those it learnt from, (n, d).
        classes: Names of the classes.
        coarse: The coarse class of each class; empty where the set has none.

    Returns:
        The limits; None with fewer held-out photographs than a rejection rate of :data:`REJECTED` needs, 19.
    """
    count = len(held_out.labels)
    if count < max(fewest(REJECTED), fewest(MISSED)):
        return None
    reference = Reference.of(training)
    similar, decided = reference.similarity(held_out.features, held_out.own), decidedness(held_out.probabilities)
    known = np.sort(similar), np.sort(decided)
    among_others = np.min([shares_among(similar), shares_among(decided)], axis=0)
    familiar = lower_quantile(among_others, REJECTED)
    needed = needed_probability(held_out.probabilities, held_out.labels, MISSED)
    of_each = [coarse.get(name, "") for name in classes]
    coarse_needed = _coarse_needed(held_out, needed, of_each)
    return Limits(list(classes), of_each, held_out.source, count, reference, *known, familiar, needed, coarse_needed)


def coarse_probabilities(probabilities: Floats, coarse: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return the probability of each coarse class, float64 (n, coarse classes), these sorted."""
    kinds = sorted(set(coarse) - {""})
    belongs = np.array([[one == kind for kind in kinds] for one in coarse], dtype=np.float64).reshape(
        len(coarse), len(kinds)
    )
    return np.asarray(probabilities.astype(np.float64) @ belongs)


def _coarse_needed(held_out: HeldOut, needed: float, coarse: Sequence[str]) -> float | None:
    """Return the lowest probability from which on coarse names are right often enough, where no short set is left.

    Only the photographs that come to that step count: a rate over all would be better than theirs. The same finite
    correction as in a conformal quantile: one more wrong one is added to those that were.
    """
    if not any(coarse):
        return None
    long = prediction_sets(held_out.probabilities, needed).sum(axis=1) > SHORT
    kinds = sorted(set(coarse) - {""})
    summed = coarse_probabilities(held_out.probabilities[long], coarse)
    truth = [coarse[label] for label in held_out.labels[long]]
    right = np.array([kinds[place] == one for place, one in zip(summed.argmax(axis=1), truth, strict=True)], dtype=bool)
    surest = summed.max(axis=1, initial=0.0)
    order = np.argsort(-surest, kind="stable")
    wrong = (np.cumsum(~right[order]) + 1) / (np.arange(len(order)) + 2)
    enough = np.flatnonzero(wrong <= MISSED)
    return float(surest[order[enough[-1]]]) if len(enough) else None

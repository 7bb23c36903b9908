"""Answers in words: for each photograph a name, a short set of names, a coarser name, or none of these, and why.

NumPy alone: predictions for users need no torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lithoscope.evaluation.answers.limits import MISSED, REJECTED, TEXT, Limits
from lithoscope.evaluation.answers.rule import Decision, decisions
from lithoscope.serving.field_tests import Properties, most_informative, reweight

Floats = npt.NDArray[np.floating[Any]]

NONE = "none of these"
COLUMNS = ("answer", "named", "sure", "familiarity", "why", "next_test", "next_test_bits")
"""The columns of an answer, in their order."""


@dataclass(frozen=True)
class FieldTests:
    """Field tests that go with photographs.

    Attributes:
        properties: What each class allows.
        found: The outcome of each test that was made, by its name.
    """

    properties: Properties
    found: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """The answer to one photograph or specimen.

    Attributes:
        kind: ``name``, ``set``, ``coarser`` or ``none``.
        shown: The answer itself, such as ``biotite``, ``biotite or muscovite``, ``igneous``, ``none of these``.
        sure: The probability that the answer states, of the classes it names together; None with ``none``.
        familiarity: 0 … 1: which share of held-out photographs is no more familiar; None where a model has no limits.
        why: Why this kind of answer, in a few words.
        next_test: The field test that is expected to settle most, or ``""``.
        next_test_bits: How much that is, in bits; None where no test is named.
    """

    kind: str
    shown: str
    sure: float | None
    familiarity: float | None
    why: str
    next_test: str = ""
    next_test_bits: float | None = None

    def columns(self) -> dict[str, str | float | None]:
        """Return the answer as :data:`COLUMNS` of a table."""
        values = (
            *(self.kind, self.shown, self.sure, self.familiarity),
            *(self.why, self.next_test, self.next_test_bits),
        )
        return dict(zip(COLUMNS, values, strict=True))


def load_limits(folder: Path) -> Limits | None:
    """Read the limits of a model, or None where it has none.

    Raises:
        LithoscopeError: They are damaged, or another version wrote them.
    """
    return Limits.load(folder) if (folder / TEXT).is_file() else None


def decide(probabilities: Floats, features: Floats, limits: Limits, tests: FieldTests | None = None) -> list[Answer]:
    """Answer photographs.

    Args:
        probabilities: Calibrated, (n, classes).
        features: What the head sees, (n, d).
        limits: Of the model.
        tests: Field tests, whose outcomes re-weight the probabilities.

    Raises:
        LithoscopeError: A test or an outcome is not known.
    """
    familiar = limits.familiarity(probabilities, features)
    if tests is not None and tests.found:
        probabilities = reweight(probabilities, limits.classes, tests.found, tests.properties)
    answers = [in_words(one) for one in decisions(probabilities, familiar, limits)]
    if tests is None:
        return answers
    advice = most_informative(probabilities, limits.classes, tests.properties, list(tests.found))
    return [
        Answer(one.kind, one.shown, one.sure, one.familiarity, one.why, test if bits else "", bits or None)
        if one.kind in ("set", "coarser")
        else one
        for one, (test, bits) in zip(answers, advice, strict=True)
    ]


def answered(
    probabilities: Floats, features: Floats, classes: Sequence[str], limits: Limits | None, tests: FieldTests | None
) -> tuple[Floats, list[Answer | None]]:
    """Return what is said of photographs: by their most probable classes and, where a model has limits, in words.

    Args:
        probabilities: Calibrated, float32 (n, classes).
        features: What the head sees, (n, d).
        classes: In the order of the probabilities.
        limits: Of the model, if it has any.
        tests: Field tests that go with all of them.

    Returns:
        The probabilities after the tests, float32 (n, classes), and an answer each; None without limits.

    Raises:
        LithoscopeError: A test or an outcome is not known.
    """
    answers: list[Answer | None] = [None] * len(probabilities)
    if limits is not None:
        answers = list(decide(probabilities, features, limits, tests))
    if tests is not None and tests.found:
        probabilities = reweight(probabilities, classes, tests.found, tests.properties).astype(np.float32)
    return probabilities, answers


def in_words(decision: Decision) -> Answer:
    """Say a decision in words."""
    shown = _shown(decision)
    why = {
        "name": "no other name is probable enough",
        "set": f"the true name is among these in about {1 - MISSED:.0%} of cases".replace("%", " %"),
        "coarser": f"no short set of names is sure enough; {decision.coarse} is",
        "none": f"less familiar than {1 - REJECTED:.0%} of photographs of the known classes".replace("%", " %"),
    }[decision.kind]
    sure = None if decision.kind == "none" else round(decision.sure, 6)
    return Answer(decision.kind, shown, sure, round(decision.familiarity, 6), why)


def _shown(decision: Decision) -> str:
    if decision.kind == "none":
        return NONE
    return decision.coarse if decision.kind == "coarser" else _listed(decision.classes)


def _listed(names: Sequence[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

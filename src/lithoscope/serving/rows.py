"""One photograph's row in the answers of ``lithoscope predict``."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Value = str | float | None


@dataclass(frozen=True)
class AnswerRow:
    """What is said of one photograph.

    Attributes:
        path: What names it for people: its file, one of its pages, its place in an archive.
        label: Most probable class; None where the file could not be read.
        confidence: Its probability.
        probabilities: Of all classes, float32 (classes,); None where the file could not be read.
        problem: Why the file could not be read.
        shown: What a person is told, where that is not the label: ``"none of these"``.
        extra: More columns; every row of a run has the same.
        square: The photograph as the network saw it, uint8 (size, size, 3); None where the file could not be read,
            or the engine keeps it.
        content: SHA-256 of the file, for a run that goes on; None where nobody asked for it.
    """

    path: str
    label: str | None
    confidence: float | None
    probabilities: npt.NDArray[np.float32] | None
    problem: str | None = None
    shown: str | None = None
    extra: dict[str, Value] = field(default_factory=dict)
    square: npt.NDArray[np.uint8] | None = None
    content: str | None = None

    @property
    def stated(self) -> float | None:
        """The probability of what a person is told: of a set, of its classes together; None with "none of these"."""
        sure = self.extra.get("sure") if self.shown is not None else self.confidence
        return float(sure) if isinstance(sure, int | float) else None

    def top(self, classes: Sequence[str], count: int) -> list[tuple[str, float]]:
        """Return the most probable classes with their probabilities; none of an unreadable file."""
        if self.probabilities is None:
            return []
        order = np.argsort(-self.probabilities, kind="stable")[:count]
        return [(classes[place], float(self.probabilities[place])) for place in order]

    def further(self, classes: Sequence[str], count: int) -> list[tuple[str, float]]:
        """Return what of :meth:`top` an answer does not say by itself: the first class only where it is not the answer.

        Nothing where ``count`` is 1: the answer alone is wanted.
        """
        said = 1 if count == 1 or self.shown in (None, self.label) else 0
        return self.top(classes, count)[said:]

    def cells(self, classes: Sequence[str], top: int, model: str) -> dict[str, Value]:
        """Return the row of a table: the columns that ``docs/predicting.md`` lists, in their order.

        Args:
            classes: Labels in the order of the probabilities.
            top: How many classes have columns of their own.
            model: What names the model that was asked.
        """
        found = self.top(classes, top)
        further: dict[str, Value] = {}
        for place in range(2, top + 1):
            name, probability = found[place - 1] if found else (None, None)
            further |= {f"label_{place}": name, f"confidence_{place}": probability}
        values = [None] * len(classes) if self.probabilities is None else [float(value) for value in self.probabilities]
        return {
            "path": self.path,
            "label": self.label,
            "confidence": self.confidence,
            **further,
            **self.extra,
            "problem": self.problem,
            **{f"p_{name}": value for name, value in zip(classes, values, strict=True)},
            "model": model,
        }

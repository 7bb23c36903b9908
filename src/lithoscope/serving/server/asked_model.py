"""What the server needs of a model."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from lithoscope.data.images.reading import ReadingSettings
from lithoscope.serving.occlusion import Look

Floats = npt.NDArray[np.float32]


class AnsweringModel(Protocol):
    """What the server needs of a model; :class:`lithoscope.serving.server.answering.ExportedModel` is one."""

    @property
    def framing(self) -> tuple[int, bool, ReadingSettings]:
        """Side of the squares, whether a border is cut away, how files become pixels."""

    def about(self) -> Mapping[str, Any]:
        """Classes, figures with their intervals, hashes."""

    def run(self, squares: npt.NDArray[np.uint8]) -> list[tuple[Floats, Floats]]:
        """Return probabilities (classes,) and features (d,) of each of the squares (n, size, size, 3)."""

    def look(self, square: npt.NDArray[np.uint8]) -> Look:
        """Find what the model looked at in a square (size, size, 3)."""

    def answers(
        self, outputs: Sequence[tuple[Floats, Floats]], fields: Mapping[str, str], *, one_specimen: bool
    ) -> list[dict[str, Any]]:
        """Return the answer to each photograph, or one to all as photographs of one specimen.

        Raises:
            LithoscopeError: A field test or its outcome is not known.
        """

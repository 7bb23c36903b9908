"""The training photographs nearest to one that was asked about, where the server's owner lets them be shown."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.packed.shards import Pixels, open_shards
from lithoscope.evaluation.answers.novelty import MOST, Reference
from lithoscope.serving.answers import load_limits
from lithoscope.serving.onnx_description import LIMITS
from lithoscope.serving.onnx_model import OnnxModel
from lithoscope.serving.server.looking import picture_address

Floats = npt.NDArray[np.floating[Any]]

SHOWN = 4
LEARNT = 2000
"""As ``lithoscope.evaluation.answered.MOST``, whose module needs torch: so many are embedded at most."""
_SIDE, _QUALITY = 112, 80
_SAME = 0.8  # cosine from which on features count as those of one photograph; 8-bit convolutions move them a little
_REMEDY = "`dvc repro` makes them; or leave --show-training out"


class TrainingPhotographs:
    """Photographs that a model learnt from, in the space of its exported features.

    Args:
        squares: uint8 (rows, side, side, 3); a memory map will do.
        rows: Which of them these photographs are, int64 (n,).
        labels: The class of each photograph.
        ids: What each is called.
        reference: Their features, in the same order.
    """

    def __init__(
        self,
        squares: Pixels,
        rows: npt.NDArray[np.int64],
        labels: Sequence[str],
        ids: Sequence[str],
        reference: Reference,
    ) -> None:
        self._squares, self._rows, self._labels, self._ids = squares, rows, labels, ids
        self._reference = reference

    @classmethod
    def load(cls, model: OnnxModel, arrays: Path) -> "TrainingPhotographs":
        """Read the photographs that an export's limits were fitted with.

        Args:
            model: The export, whose limits hold their features.
            arrays: The folder of packed photographs, such as ``build/arrays``.

        Raises:
            LithoscopeError: The model has no limits, or these are not the photographs that it learnt from.
        """
        limits = load_limits(model.folder / LIMITS)
        if limits is None:
            raise LithoscopeError(f"{model.folder}: no limits, which hold their features; {_REMEDY}")
        squares, table = _packed(arrays)
        kept = kept_rows(len(table))
        side = model.description.image_size
        if len(kept) == len(limits.reference.lengths) and squares.shape[1:] == (side, side, 3):
            labels, ids = ([table[row][column] for row in kept] for column in ("label", "id"))
            found = cls(squares, kept, labels, ids, limits.reference)
            if found._is_of(model):
                return found
        raise LithoscopeError(f"{arrays}: not the photographs that {model.folder} learnt from; {_REMEDY}")

    def nearest(self, features: Floats) -> list[dict[str, Any]]:
        """Return the nearest photographs, nearest first.

        Args:
            features: Of a photograph, or the mean of a specimen's, float (d,).

        Returns:
            Of each, :data:`SHOWN` at most: ``photograph``, ``label``, ``similarity`` (cosine of the standardised
            features, -1 … 1) and ``picture``, a ``data:`` address.
        """
        similar = self._similarities(features)
        return [
            {
                "photograph": self._ids[place],
                "label": self._labels[place],
                "similarity": round(float(similar[place]), 3),
                "picture": self._thumbnail(place),
            }
            for place in np.argsort(-similar, kind="stable")[:SHOWN].tolist()
        ]

    def _similarities(self, features: Floats) -> Floats:
        return np.asarray(np.minimum(self._reference.similarities(features[None])[0], 1.0))

    def _thumbnail(self, place: int) -> str:
        picture = Image.fromarray(self._squares[self._rows[place]])
        picture.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
        return picture_address(np.asarray(picture), _QUALITY)

    def _is_of(self, model: OnnxModel) -> bool:
        """Return whether the model sees in some of these photographs what its limits say it saw."""
        places = sorted({0, len(self._rows) // 2, len(self._rows) - 1})
        features = model.run(self._squares[self._rows[places]]).features
        return all(self._similarities(row)[place] >= _SAME for row, place in zip(features, places, strict=True))


def kept_rows(count: int) -> npt.NDArray[np.int64]:
    """Return which of ``count`` training photographs a model's limits hold: all, or evenly drawn ones."""
    learnt = _drawn(count, LEARNT)
    return learnt[_drawn(len(learnt), MOST)]


def _drawn(count: int, most: int) -> npt.NDArray[np.int64]:
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)


def _packed(arrays: Path) -> tuple[Pixels, list[dict[str, str]]]:
    """Return the packed training photographs, and of each, without augmented copies, its line of the table."""
    try:
        squares = open_shards(arrays, "train")
        with (arrays / "train.csv").open(encoding="utf-8", newline="") as stream:
            table = [line for line in csv.DictReader(stream) if line["copy"] == "0"]
    except FileNotFoundError as error:
        raise LithoscopeError(f"{error.filename}: no such file, so no training photographs; {_REMEDY}") from None
    except (ValueError, KeyError) as error:
        raise LithoscopeError(f"{arrays}: no packed photographs ({error}); {_REMEDY}") from None
    return squares, table

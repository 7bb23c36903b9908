"""Packed arrays: a split decoded once, in files that are memory-mapped when read.

The pictures, uint8 (rows, side, side, 3), RGB, lie in ``<split>.npy`` or in shards
(:mod:`lithoscope.data.packed.shards`); ``<split>.csv`` says in its columns row, id, label, copy what each row shows
(copy 0 is the photograph itself), and in weight how much it counts in training, where they differ; ``classes.json``
lists the labels in the order of their indices. Before the split is known, all photographs lie framed in such files, in
the order of the index. Files are written and copied a few rows at a time, so memory stays flat.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.packed.shards import Pixels as Pixels  # other modules know it from here
from lithoscope.data.packed.shards import open_shards, write_shards

SPLITS = ("train", "val", "test")
SPLIT_FILES = {"training": "train", "validation": "val", "test": "test"}
"""The word that people and parameters use → the name in tables and files."""
SQUARES = "squares"
"""Name of the files with all framed photographs."""
BATCH = 64
"""Pictures that are augmented at once."""

Vary = Callable[[Pixels, Sequence[str], int], Pixels]
"""Takes pictures (n, side, side, 3), their ids and the number of the copy; returns the copies, same shape."""


@dataclass(frozen=True)
class ArraySplit:
    """A packed split.

    Attributes:
        images: uint8 (n, side, side, 3), RGB, memory-mapped and read-only; in shards, what is read like it
            (:class:`lithoscope.data.packed.shards.Shards`).
        ids: What photograph each row shows.
        labels: int64 (n,). Index of each row's class in ``classes``.
        copies: int64 (n,). 0 for a photograph itself, else the number of the augmented copy.
        classes: The names of the classes.
        weights: float64 (n,), above 0. How much each row counts in training; None = all the same.
    """

    images: Pixels
    ids: list[str]
    labels: npt.NDArray[np.int64]
    copies: npt.NDArray[np.int64]
    classes: list[str]
    weights: npt.NDArray[np.float64] | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.ids)


def _unchanged(pictures: Pixels, ids: Sequence[str], copy: int) -> Pixels:  # noqa: ARG001  (a Vary)
    return pictures


def write_classes(folder: Path, classes: Sequence[str]) -> None:
    """Write the names of the classes; a label's index is its place here."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "classes.json").write_text(json.dumps(list(classes), ensure_ascii=False, indent=2) + "\n", "utf-8")


def write_split(
    folder: Path,
    split: str,
    ids: Sequence[str],
    labels: Sequence[str],
    pictures: Iterable[Pixels],
    *,
    side: int,
    weights: npt.NDArray[np.float64] | None = None,
    copies: int = 0,
    vary: Vary = _unchanged,
    advance: Callable[[], object] = lambda: None,
) -> None:
    """Stream pictures into a packed split; nothing of it is there before all of it is.

    Args:
        folder: Where the arrays lie.
        split: "train", "val" or "test".
        ids: The photographs' ids.
        labels: The photographs' labels.
        pictures: One uint8 (side, side, 3) for each id, in their order; read once.
        side: Side of the pictures, pixels.
        weights: How much each photograph counts in training; None = all the same.
        copies: How many augmented copies of each photograph follow all the originals.
        vary: Makes the copies.
        advance: Called after each picture that was written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    count = len(ids)
    shape = (count * (1 + copies), side, side, 3)
    with write_shards(folder, split, shape) as packed:
        for row, picture in enumerate(pictures):
            packed.write(row, picture[None])
            advance()
        for copy in range(1, copies + 1):
            for start in range(0, count, BATCH):
                rows = range(start, min(start + BATCH, count))
                packed.write(copy * count + start, vary(packed.read(rows), ids[rows.start : rows.stop], copy))
                for _ in rows:
                    advance()
    table = pd.DataFrame(
        {
            "row": range(shape[0]),
            "id": [*ids] * (1 + copies),
            "label": [*labels] * (1 + copies),
            "copy": np.repeat(np.arange(1 + copies), count),
        }
    )
    if weights is not None:
        table["weight"] = np.tile(weights, 1 + copies)
    table.to_csv(folder / f"{split}.csv", index=False, lineterminator="\n", encoding="utf-8")


@contextmanager
def write_squares(folder: Path, count: int, side: int) -> Iterator[Callable[[int, Pixels], None]]:
    """Give a function that writes framed photographs into a folder, by row and in any order; threads may call it.

    Args:
        folder: Its files are not there before the context ends.
        count: How many photographs.
        side: Side of the squares, pixels.
    """
    with write_shards(folder, SQUARES, (count, side, side, 3)) as packed:
        yield lambda row, square: packed.write(row, square[None])


def read_squares(folder: Path, rows: Iterable[int], side: int) -> Iterator[Pixels]:
    """Yield some rows that :func:`write_squares` wrote, each uint8 (side, side, 3).

    Raises:
        LithoscopeError: The files are missing or hold other squares.
    """
    try:
        squares = open_shards(folder, SQUARES)
        if squares.shape[1:] != (side, side, 3) or squares.dtype != np.uint8:
            raise ValueError(f"they are {squares.dtype} {squares.shape}")
    except FileNotFoundError:
        raise LithoscopeError(f"{folder}: no such squares; `dvc repro split` makes them") from None
    except (ValueError, EOFError) as error:
        raise LithoscopeError(f"{folder}: not squares of {side} px ({error}); run `dvc repro -f split`") from None
    for row in rows:
        yield squares[row]


def open_split(folder: Path, split: str) -> ArraySplit:
    """Open a packed split without reading its pixels.

    Raises:
        LithoscopeError: A file of it is missing, or the files do not belong together.
    """
    try:
        images = open_shards(folder, split)
        table = pd.read_csv(folder / f"{split}.csv", keep_default_na=False, dtype={"id": str, "label": str})
        classes = json.loads((folder / "classes.json").read_text("utf-8"))
        places = {name: place for place, name in enumerate(classes)}
        labels = np.array([places[label] for label in table["label"]], dtype=np.int64)
        copies = table["copy"].to_numpy(dtype=np.int64)
        weights = table["weight"].to_numpy(dtype=np.float64) if "weight" in table else None
    except FileNotFoundError as error:
        raise LithoscopeError(f"{error.filename}: no such file; `dvc repro augment` makes it") from None
    except (ValueError, KeyError, EOFError) as error:
        raise LithoscopeError(f"{folder / split}: not a packed split ({error}); run `dvc repro -f augment`") from None
    if images.dtype != np.uint8 or images.ndim != 4 or len(images) != len(table):
        raise LithoscopeError(
            f"{folder / split}.npy holds {images.dtype} {images.shape}, {split}.csv {len(table)} rows: they do not "
            "belong together; run `dvc repro -f augment`"
        )
    return ArraySplit(images, table["id"].tolist(), labels, copies, classes, weights)

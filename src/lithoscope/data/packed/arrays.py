"""Packed arrays: a split decoded once, in one ``.npy`` file that is memory-mapped when read.

``<split>.npy`` holds uint8 (rows, side, side, 3), RGB; ``<split>.csv`` says in its columns row, id, label, copy what
each row shows (copy 0 is the photograph itself), and in weight how much it counts in training, where they differ;
``classes.json`` lists the labels in the order of their indices. Before the split is known, all photographs lie framed
in one such file, in the order of the index. Files are written and copied a few rows at a time, so memory stays flat.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pandas as pd

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.files import partial_path, reserve

SPLITS = ("train", "val", "test")
SPLIT_FILES = {"training": "train", "validation": "val", "test": "test"}
"""The word that people and parameters use → the name in tables and files."""
BATCH = 64
"""Pictures that are augmented at once."""

Pixels = npt.NDArray[np.uint8]
Vary = Callable[[Pixels, Sequence[str], int], Pixels]
"""Takes pictures (n, side, side, 3), their ids and the number of the copy; returns the copies, same shape."""


@dataclass(frozen=True)
class ArraySplit:
    """A packed split.

    Attributes:
        images: uint8 (n, side, side, 3), RGB, memory-mapped and read-only.
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
    with _new_file(folder / f"{split}.npy", shape) as packed:
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
def write_squares(file: Path, count: int, side: int) -> Iterator[Callable[[int, Pixels], None]]:
    """Give a function that writes framed photographs into a file, by row and in any order; threads may call it.

    Args:
        file: Not there before the context ends.
        count: How many photographs.
        side: Side of the squares, pixels.
    """
    with _new_file(file, (count, side, side, 3)) as packed:
        yield lambda row, square: packed.write(row, square[None])


def read_squares(file: Path, rows: Iterable[int], side: int) -> Iterator[Pixels]:
    """Yield some rows that :func:`write_squares` wrote, each uint8 (side, side, 3).

    Raises:
        LithoscopeError: The file is missing or holds other squares.
    """
    try:
        with file.open("rb") as stream:
            np.lib.format.read_magic(stream)
            shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
            if shape[1:] != (side, side, 3) or dtype != np.uint8:
                raise ValueError(f"it holds {dtype} {shape}")
            packed = _Rows(stream, (shape[0], side, side, 3))
            for row in rows:
                yield packed.read(range(row, row + 1))[0]
    except FileNotFoundError:
        raise LithoscopeError(f"{file}: no such file; `dvc repro split` makes it") from None
    except ValueError as error:
        raise LithoscopeError(f"{file}: not squares of {side} px ({error}); run `dvc repro -f split`") from None


class _Rows:
    """Reads and writes rows of the array whose numbers begin where a stream stands."""

    def __init__(self, stream: BinaryIO, shape: tuple[int, ...]) -> None:
        self._stream, self._start, self._shape, self._lock = stream, stream.tell(), shape, Lock()
        self._row = int(np.prod(shape[1:]))

    def write(self, row: int, pixels: Pixels) -> None:
        if pixels.shape[1:] != self._shape[1:] or pixels.dtype != np.uint8:
            raise ValueError(f"expected uint8 rows of shape {self._shape[1:]}, got {pixels.dtype} {pixels.shape[1:]}")
        with self._lock:
            self._stream.seek(self._start + row * self._row)
            self._stream.write(np.ascontiguousarray(pixels).data)

    def read(self, rows: range) -> Pixels:
        with self._lock:
            self._stream.seek(self._start + rows.start * self._row)
            content = bytearray(self._stream.read(len(rows) * self._row))
        return np.frombuffer(content, dtype=np.uint8).reshape(len(rows), *self._shape[1:])


@contextmanager
def _new_file(file: Path, shape: tuple[int, ...]) -> Iterator[_Rows]:
    """Make a ``.npy`` file of uint8, all of whose place on the disk is taken; it is not there before it is whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_path(file)
    with partial.open("w+b") as stream:
        np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
        stream.truncate(stream.tell() + int(np.prod(shape)))
        stream.flush()
        reserve(partial)
        yield _Rows(stream, shape)
    partial.replace(file)


def open_split(folder: Path, split: str) -> ArraySplit:
    """Open a packed split without reading its pixels.

    Raises:
        LithoscopeError: A file of it is missing, or the files do not belong together.
    """
    try:
        images = np.load(folder / f"{split}.npy", mmap_mode="r", allow_pickle=False)
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

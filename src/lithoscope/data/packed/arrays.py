"""Packed arrays: a split decoded once, in one ``.npy`` file that is memory-mapped when read.

``<split>.npy`` holds uint8 (rows, side, side, 3), RGB; ``<split>.csv`` says in its columns row, id, label, copy what
each row shows (copy 0 is the photograph itself), and in weight how much it counts in training, where they differ;
``classes.json`` lists the labels in the order of their indices.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.files import reserve

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
    final, count = folder / f"{split}.npy", len(ids)
    partial = final.with_suffix(".npy.partial")
    shape = (count * (1 + copies), side, side, 3)
    if count:
        packed = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
        reserve(partial)
        for row, picture in enumerate(pictures):
            packed[row] = picture
            advance()
        for copy in range(1, copies + 1):
            for start in range(0, count, BATCH):
                rows = slice(start, min(start + BATCH, count))
                varied = packed[copy * count + rows.start : copy * count + rows.stop]
                varied[:] = vary(np.array(packed[rows]), ids[rows], copy)
                for _ in ids[rows]:
                    advance()
        packed.flush()
        del packed
    else:
        with partial.open("wb") as stream:
            np.save(stream, np.empty(shape, dtype=np.uint8))
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
    partial.replace(final)


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

"""Manifest of the packed arrays: one row a photograph, small enough for Git.

The gate finds a test photograph in training from this table alone, on a clone without a single photograph.
"""

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from lithoscope.core.files import file_digest
from lithoscope.core.threads import cores, in_order
from lithoscope.data.packed.arrays import SPLITS, ArraySplit, open_split

DIGITS = 16
"""Hexadecimal digits kept of a SHA-256: in 3 of 10⁸ sets of a million photographs, two share them by chance."""


def packed_photographs(
    arrays: Path, photographs: pd.DataFrame, digest_of: Callable[[str], str] | None = None
) -> pd.DataFrame:
    """List the photographs that were packed, by reading the arrays back.

    Args:
        arrays: The folder of packed arrays, as the training will read it.
        photographs: What was to be packed: columns ``id``, ``path``, ``group`` (see
            :func:`lithoscope.data.splits.split.split_photographs`).
        digest_of: Gives the SHA-256, hexadecimal, of the file of an id, which may stand for one of several pages. None:
            the files are read.

    Returns:
        Columns ``id, split, label, group, file, pixels``: ``group`` is the smallest id of the photographs that show
        the same thing, empty where there is no other; ``file`` and ``pixels`` are the first 16 digits of the SHA-256
        of the file and of the square as it was packed.
    """
    sizes = photographs.groupby("group")["id"].transform("size")
    groups = dict(zip(photographs["id"], photographs["group"].where(sizes > 1, ""), strict=True))
    paths = dict(zip(photographs["id"], photographs["path"], strict=True))
    rows = []
    for split in SPLITS:
        packed = open_split(arrays, split)
        first = {name: row for row, name in reversed(list(enumerate(packed.ids)))}
        ordered = sorted(first.items(), key=lambda item: item[1])
        squares = in_order(partial(_pixels_digest, packed), (row for _, row in ordered), cores())
        for (name, row), pixels in zip(ordered, squares, strict=True):
            rows.append(
                {
                    "id": name,
                    "split": split,
                    "label": packed.classes[packed.labels[row]],
                    "group": groups[name],
                    "file": (digest_of(name) if digest_of else file_digest(Path(paths[name])))[:DIGITS],
                    "pixels": pixels[:DIGITS],
                }
            )
    return pd.DataFrame(rows, columns=["id", "split", "label", "group", "file", "pixels"])


def _pixels_digest(packed: ArraySplit, row: int) -> str:
    return hashlib.sha256(np.ascontiguousarray(packed.images[row]).tobytes()).hexdigest()

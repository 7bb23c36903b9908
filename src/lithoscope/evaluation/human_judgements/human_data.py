"""Human similarity spaces (multidimensional scaling), read from the tables that came with a set.

The tables of OSF node d6b9y: Nosofsky, Sanders, Meagher & Douglas (2018), Behavior Research Methods 50, 530–556 (the
360), Sanders & Nosofsky (2020), Computational Brain & Behavior 3, 229–251 (the 120, the network's predictions, the
supplementary dimensions, the naming). Row k belongs to the k-th file name in ``sorted()`` order.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
import pandas as pd

from lithoscope.core.errors import LithoscopeError
from lithoscope.evaluation.human_judgements.trials import Namings, read_namings

Floats = npt.NDArray[np.float64]

DIMENSIONS = ("lightness", "grain size", "roughness", "shininess", "organization", "chromaticity", "shape", "hue")
"""What the columns of the scaling solutions were named after (Nosofsky et al. 2018, Table 2 and their rotation)."""
SUPPLEMENTARY = ("porphyritic texture", "pegmatitic texture", "conchoidal fractures", "holes", "layers")
"""What the five columns after those were rated for, on scales of their own."""

_REMEDY = "compare it with the one at https://osf.io/d6b9y, then run `dvc repro -f download`"
_TOKEN = re.compile(r"_0*(\d+)(?:_\d+)?(?:\.[^.]*)?$")


class NotComparable(Exception):  # noqa: N818  (no error: a set without human data is a set like others)
    """There is nothing to compare with; the message is a line that says why."""


@dataclass(frozen=True)
class HumanSpace:
    """Where people's judgements place photographs.

    Attributes:
        ids: The photographs, in the order of the rows.
        labels: Their classes.
        tokens: The number of each photograph within its class, int64 (n,).
        coordinates: float64 (n, 8), in the order of :data:`DIMENSIONS`; arbitrary units.
        supplementary: float64 (n, 5), in the order of :data:`SUPPLEMENTARY`, or None.
    """

    ids: list[str]
    labels: list[str]
    tokens: npt.NDArray[np.int64]
    coordinates: Floats
    supplementary: Floats | None


@dataclass(frozen=True)
class HumanData:
    """All that people, and the network of the authors, said of a set.

    Attributes:
        train: Of the photographs to train on. Its space and the test's are two solutions: align before comparing.
        test: Of the test photographs.
        authors: What the authors' network predicts for the test photographs, float64 (n, 8), in the space of the
            training photographs; or None.
        namings: How people named the test photographs, or None.
    """

    train: HumanSpace
    test: HumanSpace
    authors: Floats | None
    namings: Namings | None


def read_people(build: Path) -> HumanData:
    """Read the tables that the download left in ``raw/human``.

    Args:
        build: Where the pipeline's tables lie: ``dataset.json``, ``index.csv``, ``set_aside.csv``, ``raw/``.

    Raises:
        NotComparable: The set has no human data, or the copy of it lacks the tables or some photographs.
        LithoscopeError: A table is damaged; the line names it.
    """
    description = json.loads((build / "dataset.json").read_text("utf-8"))
    if not description["human_data"]:
        raise NotComparable(f"{description['name']} has no human data: nothing to compare with")
    folder = build / "raw" / "human"
    missing = [name for name in ("mds_360.txt", "mds_120.txt") if not (folder / name).is_file()]
    if missing:
        raise NotComparable(
            f"this copy of {description['name']} lacks {' and '.join(missing)}: nothing to compare with"
        )
    listed = _listed(build)
    train = _space(folder, "mds_360", listed["train"])
    test = _space(folder, "mds_120", listed["test"])
    authors, naming = folder / "cnn_120.txt", folder / "human_categorization_120.csv"
    return HumanData(
        train,
        test,
        _table(authors, len(DIMENSIONS), len(test.ids)) if authors.is_file() else None,
        read_namings(naming, _REMEDY) if naming.is_file() else None,
    )


def _listed(build: Path) -> dict[str, list[tuple[str, str, str]]]:
    """Return (file name, id, label) of each split's photographs, sorted, unreadable ones included: they have a row."""
    index = pd.read_csv(build / "index.csv", keep_default_na=False, dtype=str)
    aside = pd.read_csv(build / "set_aside.csv", keep_default_na=False, dtype=str)
    found: dict[str, list[tuple[str, str, str]]] = {}
    for split in ("train", "test"):
        rows = index[index["official_split"] == split]
        folders = {PurePosixPath(name).parent for name in rows["id"]}
        pairs = list(zip(rows["id"], rows["label"], strict=True))
        pairs += [
            (name, label)
            for name, label in zip(aside["id"], aside["label"], strict=True)
            if label and PurePosixPath(name).parent in folders
        ]
        found[split] = sorted((PurePosixPath(name).name, name, label) for name, label in pairs)
    return found


def _space(folder: Path, stem: str, photographs: list[tuple[str, str, str]]) -> HumanSpace:
    path, wider = folder / f"{stem}.txt", folder / f"{stem}_supplemental_dims.txt"
    coordinates = _table(path, len(DIMENSIONS))
    if len(photographs) < len(coordinates):
        raise NotComparable(
            f"this copy holds {len(photographs)} of the {len(coordinates)} photographs that {path.name} has a row for: "
            "which row is whose cannot be told"
        )
    if len(photographs) > len(coordinates):
        raise LithoscopeError(
            f"{path}: {len(coordinates)} rows, but {len(photographs)} photographs are there: expected one each; "
            f"{_REMEDY}"
        )
    supplementary = None
    if wider.is_file():
        both = _table(wider, len(DIMENSIONS) + len(SUPPLEMENTARY), len(photographs))
        if not np.allclose(both[:, : len(DIMENSIONS)], coordinates, atol=0.01):
            raise LithoscopeError(
                f"{wider}: its first {len(DIMENSIONS)} columns are not those of {path.name}; {_REMEDY}"
            )
        supplementary = both[:, len(DIMENSIONS) :]
    tokens = [match[1] if (match := _TOKEN.search(name)) else "0" for name, _, _ in photographs]
    return HumanSpace(
        [identity for _, identity, _ in photographs],
        [label for _, _, label in photographs],
        np.array(tokens, dtype=np.int64),
        coordinates,
        supplementary,
    )


def _table(path: Path, columns: int, rows: int | None = None) -> Floats:
    """Read numbers between blanks or tabs; the shape is checked."""
    try:
        values = np.loadtxt(path, dtype=np.float64, ndmin=2)
    except (ValueError, UnicodeDecodeError) as error:
        raise LithoscopeError(f"{path}: no table of numbers ({str(error).splitlines()[0]}); {_REMEDY}") from None
    if values.shape[1] != columns or len(values) < 2 or (rows is not None and len(values) != rows):
        expected = f"{rows or 'one row a photograph,'} × {columns}"
        raise LithoscopeError(f"{path}: {values.shape[0]} × {values.shape[1]} numbers, expected {expected}; {_REMEDY}")
    if not np.isfinite(values).all():
        raise LithoscopeError(
            f"{path}: row {int(np.argwhere(~np.isfinite(values))[0, 0]) + 1} is not finite; {_REMEDY}"
        )
    return values

"""Label tables: which photograph shows what, from a table beside the photographs or elsewhere."""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lithoscope.config.params import table_columns
from lithoscope.core.errors import LithoscopeError
from lithoscope.data.sources.layout import split_of_name
from lithoscope.data.sources.listing import visible_files, walk
from lithoscope.data.sources.table_files import ENDINGS, RawTable, read_table_file
from lithoscope.data.sources.table_json import labels_of_cell

FILE_NAMES = ("labels.csv", "labels.tsv", "labels.parquet")
"""Tables that are found without being named."""

_COLUMNS = {
    "file": (
        *("file", "file_name", "filename", "file_path", "filepath", "image", "image_name", "image_file", "image_path"),
        *("image_id", "path", "image_url", "img", "photo", "photograph", "id"),
    ),
    "label": (
        *("label", "class", "class_name", "classname", "label_name", "category", "category_name", "choice", "target"),
        *("species", "scientific_name"),
    ),
    "specimen": ("specimen",),
    "photographer": ("photographer",),
    "locality": ("locality",),
    "split": ("split",),
    "weight": ("weight",),
}
_FACTS = ("label", "split", "specimen", "photographer", "locality", "weight")
_FLAGS = {"0": False, "1": True, "0.0": False, "1.0": True}


@dataclass(frozen=True)
class Row:
    """A row of a label table.

    Attributes:
        table: The table it stands in, as people know it.
        place: Where in it, e.g. ``"row 7"``; the header is row 1.
        folder: Posix path of the table's folder below the set's root, ``""`` for the root and for tables elsewhere.
        file: As the table names it.
        label: Unicode composed (NFC), without blanks around it.
        split: ``"train"``, ``"val"``, ``"test"`` or ``""``.
        specimen: Name of the specimen that is shown, or ``""``.
        photographer: Who took it, or ``""``.
        locality: Where it was taken or found, or ``""``.
        weight: How much it counts in training, 1 where the table does not say; 0 = it is set aside.
    """

    table: str
    place: str
    folder: str
    file: str
    label: str
    split: str
    specimen: str
    photographer: str
    locality: str
    weight: float

    @property
    def where(self) -> str:
        """For people, e.g. ``"labels.csv row 7"``."""
        return f"{self.table} {self.place}"

    def facts(self) -> tuple[object, ...]:
        """Return all that it says of its file."""
        return tuple(getattr(self, name) for name in _FACTS)


def find_tables(root: Path, name: str) -> list[str]:
    """Return the tables of that name below ``root``: its own, else all of the level nearest to it (one a split, say).

    Args:
        root: The set's root.
        name: A posix path below it, or below each of several folders.
    """
    if (root / name).is_file():
        return [name]
    found = [folder.relative_to(root) / name for folder, _, _ in walk(root) if (folder / name).is_file()]
    nearest = min((len(path.parts) for path in found), default=0)
    return sorted(path.as_posix() for path in found if len(path.parts) == nearest)


def possible_tables(root: Path) -> list[str]:
    """Return the names of files of the level nearest to ``root`` that may be tables of labels, sorted."""
    paths = [PurePosixPath(file) for file in visible_files(root) if PurePosixPath(file).suffix.casefold() in ENDINGS]
    nearest = min((len(path.parts) for path in paths), default=0)
    return sorted({path.name for path in paths if len(path.parts) == nearest})


def split_of_table(name: str) -> str:
    """Return the split that a table is named after, such as ``train_labels.csv``; ``""`` for any other name."""
    return split_of_name(re.sub("labels?|annotations?|metadata|list", "", PurePosixPath(name).stem.casefold()))


def read_table(path: Path, name: str, columns: str | None, *, below: bool = True, of_split: bool = False) -> list[Row]:
    """Read a label table.

    Args:
        path: The file.
        name: What people call it: its posix path below the set's root, if it lies there.
        columns: What the columns are called where that is not ``file``, ``label`` and so on; see
            :class:`lithoscope.config.params.FolderParameters`.
        below: Whether it lies below the set's root.
        of_split: Whether its rows are of the split that the table is named after, where they name none.

    Raises:
        LithoscopeError: It cannot be read, has no column for the files or labels, states a split or a weight that is
            none.
    """
    table = read_table_file(path, name)
    places = _column_places(table, name, table_columns(columns))
    folder = PurePosixPath(name).parent.as_posix() if below else ""
    named = split_of_table(name) if of_split else ""
    rows = []
    for place, cells in table.rows:
        if not any(cell.strip() for cell in cells):
            continue
        found = {key: cells[at[0]].strip() if at[0] < len(cells) else "" for key, at in places.items()}
        split = split_of_name(found.get("split", ""))
        if found.get("split") and not split:
            raise LithoscopeError(f"{name} {place}: split {found['split']!r}: allowed: train, val, test, or nothing")
        for label in _labels(table, cells, places["label"]):
            row = Row(
                table=name,
                place=place,
                folder="" if folder == "." else folder,
                file=found["file"],
                label=unicodedata.normalize("NFC", label),
                split=split or named,
                specimen=found.get("specimen", ""),
                photographer=found.get("photographer", ""),
                locality=found.get("locality", ""),
                weight=_weight(found.get("weight", ""), f"{name} {place}"),
            )
            rows.append(row)
    return rows


def described_columns(path: Path, name: str, columns: str | None) -> dict[str, str]:
    """Return the column that each of ``file``, ``label``, ``specimen`` and so on is read from, where there is one."""
    table = read_table_file(path, name)
    places = _column_places(table, name, table_columns(columns))
    return {key: " | ".join(table.header[place] for place in at) for key, at in places.items()}


def objection(rows: Sequence[Row]) -> str | None:
    """Say why the rows of one file set it aside: they differ, give it no label or the weight 0; else None."""
    for name in _FACTS:
        values = {str(getattr(row, name)): row.where for row in reversed(rows)}
        if len(values) > 1:
            stated = ", ".join(f"{value or 'nothing'} ({where})" for value, where in sorted(values.items()))
            return f"the label table contradicts itself: {name} {stated}"
    if not rows[0].label:
        return f"the label table gives it no label: {rows[0].where}"
    return None if rows[0].weight else f"weight 0 in the label table: {rows[0].where}"


def _labels(table: RawTable, cells: Sequence[str], at: Sequence[int]) -> list[str]:
    """Return the label of a row; several where the cell lists several."""
    if len(at) > 1:  # a column for each class
        return [table.header[place] for place in at if _FLAGS[cells[place].strip()]]
    return labels_of_cell(cells[at[0]].strip()) if at[0] < len(cells) else [""]


def _weight(cell: str, where: str) -> float:
    try:
        weight = float(cell or 1)
    except ValueError:
        weight = math.nan
    if not 0 <= weight < math.inf:
        raise LithoscopeError(
            f"{where}: weight {cell!r}: allowed: a number from 0 on, or nothing for 1: how much the photograph counts "
            "in training; a column of another meaning, such as a mass, needs another name"
        )
    return weight


def _column_places(table: RawTable, name: str, given: Mapping[str, str]) -> dict[str, list[int]]:
    """Return the column of each key; of the label perhaps several, one for each class."""
    header = table.header
    doubled = sorted({column for column in header if column and header.count(column) > 1})
    if doubled:
        raise LithoscopeError(f"{name}: has the column {doubled[0]!r} twice; rename one")
    shown = ", ".join(column for column in header if column)
    plain = {re.sub(r"[\s-]+", "_", column.casefold()): column for column in reversed(header)}  # Image Name
    places = {}
    for key, known in _COLUMNS.items():
        wanted = (given[key],) if key in given else (*known, *(plain[name] for name in known if name in plain))
        column = next((column for column in wanted if column in header), None)
        if column is not None:
            places[key] = [header.index(column)]
        elif key in given:
            raise LithoscopeError(f"{name}: has no column {given[key]!r} for {key}; its columns: {shown}")
        elif key == "label" and (classes := _columns_of_classes(table)):
            places[key] = classes
        elif key in ("file", "label"):
            raise LithoscopeError(f"{name}: no column for {key}: name one with --{key}-column; its columns: {shown}")
    return places


def _columns_of_classes(table: RawTable) -> list[int]:
    """Return the columns that hold 0 or 1 alone, where each row has the 1 in just one of several; else none."""
    filled = [cells for _, cells in table.rows if any(cell.strip() for cell in cells)]
    columns = list(zip(*filled, strict=False))
    flags = [place for place, column in enumerate(columns) if {cell.strip() for cell in column} <= set(_FLAGS)]
    alone = all(sum(_FLAGS[cells[place].strip()] for place in flags) == 1 for cells in filled)
    return flags if len(flags) > 1 and alone else []

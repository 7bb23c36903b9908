"""Label tables: which photograph shows what, from a CSV, TSV or Parquet file beside the photographs."""

import csv
import io
import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from lithoscope.config.params import table_columns
from lithoscope.core.errors import LithoscopeError
from lithoscope.data.sources.layout import split_of_name
from lithoscope.data.sources.listing import visible_folders

FILE_NAMES = ("labels.csv", "labels.tsv", "labels.parquet")
"""Tables that are found without being named."""

_COLUMNS = {
    "file": ("file", "file_name", "filename", "image", "image_name", "image_path", "image_id", "path", "image_url"),
    "label": ("label", "class", "class_name", "category", "choice", "species", "scientific_name"),
    "specimen": ("specimen",),
    "photographer": ("photographer",),
    "locality": ("locality",),
    "split": ("split",),
    "weight": ("weight",),
}
_SIZES = {"original", "large", "medium", "small", "square", "thumb"}  # what iNaturalist calls the files of a photograph
_UPLOADED = re.compile("[0-9a-f]{8}-(.+)")  # what Label Studio puts before the name of an upload


_FACTS = ("label", "split", "specimen", "photographer", "locality", "weight")


@dataclass(frozen=True)
class Row:
    """A row of a label table.

    Attributes:
        where: For people, e.g. ``"labels.csv row 7"``; the header is row 1.
        folder: Posix path of the table's folder below the set's root, ``""`` for the root.
        file: As the table names it.
        label: Unicode composed (NFC), without blanks around it.
        split: ``"train"``, ``"val"``, ``"test"`` or ``""``.
        specimen: Name of the specimen that is shown, or ``""``.
        photographer: Who took it, or ``""``.
        locality: Where it was taken or found, or ``""``.
        weight: How much it counts in training, 1 where the table does not say; 0 = it is set aside.
    """

    where: str
    folder: str
    file: str
    label: str
    split: str
    specimen: str
    photographer: str
    locality: str
    weight: float


def find_tables(root: Path, name: str) -> list[str]:
    """Return the tables of that name below ``root``: its own, else those of the folders in it (one a split, perhaps).

    Args:
        root: The set's root.
        name: A posix path below it.
    """
    if (root / name).is_file():
        return [name]
    return [f"{folder.name}/{name}" for folder in visible_folders(root) if (folder / name).is_file()]


def read_table(root: Path, name: str, columns: str | None) -> list[Row]:
    """Read a label table.

    Args:
        root: The set's root.
        name: The table's posix path below it.
        columns: What the columns are called where that is not ``file``, ``label`` and so on; see
            :class:`lithoscope.config.params.FolderParameters`.

    Raises:
        LithoscopeError: It cannot be read, has no column for the files or labels, states a split or a weight that is
            none.
    """
    header, cells = _cells(root / name, name)
    places = _column_places(header, name, table_columns(columns))
    folder = PurePosixPath(name).parent.as_posix()
    rows = []
    for number, line in enumerate(cells, start=2):
        if not any(cell.strip() for cell in line):
            continue
        found = {key: line[place].strip() if place < len(line) else "" for key, place in places.items()}
        split = split_of_name(found.get("split", ""))
        if found.get("split") and not split:
            raise LithoscopeError(
                f"{name} row {number}: split {found['split']!r}: allowed: train, val, test, or nothing"
            )
        rows.append(
            Row(
                where=f"{name} row {number}",
                folder="" if folder == "." else folder,
                file=found["file"],
                label=unicodedata.normalize("NFC", found["label"]),
                split=split,
                specimen=found.get("specimen", ""),
                photographer=found.get("photographer", ""),
                locality=found.get("locality", ""),
                weight=_weight(found.get("weight", ""), f"{name} row {number}"),
            )
        )
    return rows


def described_columns(root: Path, name: str, columns: str | None) -> dict[str, str]:
    """Return the column that each of ``file``, ``label``, ``specimen`` and so on is read from, where there is one."""
    header, _ = _cells(root / name, name)
    return {key: header[place] for key, place in _column_places(header, name, table_columns(columns)).items()}


class FileFinder:
    """Finds the file that a cell means among those below a root.

    A cell may be a path from the table's folder or from the root, the end of one, a name, a name without its ending, or
    an address, of which the end counts. What could mean several files means none.

    Args:
        identities: Posix paths of the files.
    """

    def __init__(self, identities: Iterable[str]) -> None:
        self._exact = {_plain(identity): identity for identity in identities}
        self._named: dict[str, list[str]] = defaultdict(list)
        self._stems: dict[str, list[str]] = defaultdict(list)
        for identity in self._exact.values():
            name = PurePosixPath(_plain(identity)).name
            self._named[name.casefold()].append(identity)
            self._stems[PurePosixPath(name).stem.casefold()].append(identity)

    def exact(self, row: Row) -> str | None:
        """Return the file that lies where the cell says, from the table's folder or from the root."""
        path = _path(row.file)
        places = (PurePosixPath(row.folder) / path, path)
        return next((self._exact[key] for place in places if (key := _plain(place.as_posix())) in self._exact), None)

    def similar(self, row: Row) -> tuple[str | None, str]:
        """Return the file's id by its name, or None and the reason."""
        path = _path(row.file)
        name = path.name
        uploaded = _UPLOADED.fullmatch(name)
        tries = [(self._named, name), (self._stems, name)]
        if uploaded:
            tries.append((self._named, uploaded[1]))
        if path.stem.casefold() in _SIZES and path.parent.name:
            tries += [(self._stems, path.parent.name), (self._named, path.parent.name)]
        for known, key in tries:
            candidates = _narrowed(known.get(_plain(key).casefold(), []), path)
            if len(candidates) > 1:  # train.csv beside train/ and test/ speaks of train/
                table = PurePosixPath(row.where.rpartition(" row ")[0]).stem
                candidates = [each for each in candidates if table in PurePosixPath(each).parts[:-1]] or candidates
            if len(candidates) == 1:
                return candidates[0], ""
            if candidates:
                return None, f"could mean several files: {', '.join(candidates[:3])}"
        return None, "names no file that is there"


def match_rows(identities: Sequence[str], rows: Sequence[Row]) -> tuple[dict[str, list[Row]], list[tuple[Row, str]]]:
    """Bring the files and the rows of a table together.

    Returns:
        The rows of each file that has some, and the rows without a file of their own, with their reasons: none was
        found, or it repeats a row before.
    """
    finder = FileFinder(identities)
    exact = [finder.exact(row) if row.file else None for row in rows]
    # A file that one row names in full is not what another row means by a similar name.
    taken = set(exact)
    rest = FileFinder(identity for identity in identities if identity not in taken)
    matched: dict[str, list[Row]] = {}
    left: list[tuple[Row, str]] = []
    for row, found in zip(rows, exact, strict=True):
        identity, reason = (found, "") if found or not row.file else rest.similar(row)
        if not row.file:
            reason = "names no file"
        if identity is None:
            left.append((row, reason))
            continue
        before = matched.setdefault(identity, [])
        if any(_facts(other) == _facts(row) for other in before):
            left.append((row, f"repeats a row: {before[0].where}"))
        else:
            before.append(row)
    return matched, left


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


def _facts(row: Row) -> tuple[object, ...]:
    return tuple(getattr(row, name) for name in _FACTS)


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


def _plain(identity: str) -> str:
    return unicodedata.normalize("NFC", identity)


def _path(cell: str) -> PurePosixPath:
    text = cell.replace("\\", "/")
    if "://" in text or text.startswith("/data/local-files/"):
        parts = urlsplit(text)
        local = parse_qs(parts.query).get("d")
        text = local[0] if local else unquote(parts.path)
    parts_below = [part for part in text.split("/") if part not in ("", ".", "..")]
    return PurePosixPath(*parts_below) if parts_below else PurePosixPath("")


def _narrowed(candidates: Sequence[str], path: PurePosixPath) -> list[str]:
    """Of files of one name, those that share most of the folders before it, and the very case where that decides."""
    left = list(candidates)
    above = path.parent.parts
    for depth in range(1, len(above) + 1):
        closer = [each for each in left if PurePosixPath(_plain(each)).parent.parts[-depth:] == above[-depth:]]
        if not closer:
            break
        left = closer
    return [each for each in left if PurePosixPath(each).name == path.name] or left


def _column_places(header: Sequence[str], name: str, given: Mapping[str, str]) -> dict[str, int]:
    doubled = sorted({column for column in header if column and header.count(column) > 1})
    if doubled:
        raise LithoscopeError(f"{name}: has the column {doubled[0]!r} twice; rename one")
    shown = ", ".join(column for column in header if column)
    places = {}
    for key, known in _COLUMNS.items():
        wanted = (given[key],) if key in given else known
        column = next((column for column in wanted if column in header), None)
        if column is not None:
            places[key] = header.index(column)
        elif key in given:
            raise LithoscopeError(f"{name}: has no column {given[key]!r} for {key}; its columns: {shown}")
        elif key in ("file", "label"):
            raise LithoscopeError(f"{name}: no column for {key}: name one with --{key}-column; its columns: {shown}")
    return places


def _cells(path: Path, name: str) -> tuple[list[str], list[list[str]]]:
    """Return the header and the cells below it, all as text."""
    try:
        if path.suffix.casefold() == ".parquet":
            return _parquet_cells(path)
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise LithoscopeError(f"{name}: cannot be read ({str(error).splitlines()[0]})") from None
    try:
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        raise LithoscopeError(f"{name}: not UTF-8: save it as CSV in UTF-8") from None
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = "\t" if path.suffix.casefold() == ".tsv" else max(",;\t", key=first.count)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise LithoscopeError(f"{name}: cannot be read as a table ({error})") from None
    if not lines:
        raise LithoscopeError(f"{name}: empty; it must begin with a row of column names")
    return [column.strip() for column in lines[0]], lines[1:]


def _parquet_cells(path: Path) -> tuple[list[str], list[list[str]]]:
    from pyarrow import parquet  # seconds to import, and few tables are Parquet

    table = parquet.read_table(path)  # type: ignore[no-untyped-call]
    columns = [["" if value is None else str(value) for value in column.to_pylist()] for column in table.columns]
    return [str(column) for column in table.column_names], [list(cells) for cells in zip(*columns, strict=True)]

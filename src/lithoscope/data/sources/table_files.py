"""Files that hold a table of labels: CSV, TSV, Parquet, JSON and JSON Lines, all read as text."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.sources.table_json import json_records

ENDINGS = (".csv", ".tsv", ".parquet", ".json", ".jsonl")
"""Of files that may hold a table."""


@dataclass(frozen=True)
class RawTable:
    """A table as its file holds it.

    Attributes:
        header: Names of the columns.
        rows: Where each row stands, for people (``"row 2"``: the header is row 1; ``"entry 1"`` of JSON), and its
            cells; at its end some may be lacking.
    """

    header: list[str]
    rows: list[tuple[str, list[str]]]


def read_table_file(path: Path, name: str) -> RawTable:
    """Read a table, whatever kind of file holds it.

    Args:
        path: The file.
        name: What errors call it.

    Raises:
        LithoscopeError: It cannot be read as a table.
    """
    ending = path.suffix.casefold()
    try:
        if ending == ".parquet":
            return _from_parquet(path, name)
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise LithoscopeError(f"{name}: cannot be read ({str(error).splitlines()[0]})") from None
    try:
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        raise LithoscopeError(f"{name}: not UTF-8: save it as CSV in UTF-8") from None
    if ending in (".json", ".jsonl"):
        return _from_json(text, name, lines=ending == ".jsonl")
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = "\t" if ending == ".tsv" else max(",;\t", key=first.count)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise LithoscopeError(f"{name}: cannot be read as a table ({error})") from None
    if not lines:
        raise LithoscopeError(f"{name}: empty; it must begin with a row of column names")
    return RawTable([column.strip() for column in lines[0]], _numbered("row", lines[1:], first=2))


def _from_json(text: str, name: str, *, lines: bool) -> RawTable:
    try:
        parsed = [json.loads(line) for line in text.splitlines() if line.strip()] if lines else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LithoscopeError(f"{name}: cannot be read as JSON ({error})") from None
    records = json_records(parsed)
    if not records:
        raise LithoscopeError(
            f"{name}: no table of labels: a list of objects with a file and a label each, an export of Label Studio or "
            "annotations as COCO has them"
        )
    header = list(dict.fromkeys(key for _, record in records for key in record))
    return RawTable(
        header, [(f"entry {number}", [record.get(key, "") for key in header]) for number, record in records]
    )


def _from_parquet(path: Path, name: str) -> RawTable:
    from pyarrow import parquet  # seconds to import, and few tables are Parquet

    table = parquet.read_table(path)  # type: ignore[no-untyped-call]
    for field in table.schema:
        if "binary" in str(field.type):  # struct<bytes: binary, path: string>
            raise LithoscopeError(
                f"{name}: holds the photographs themselves, in the column {field.name}: write them out as files, and "
                "their labels as a table of files"
            )
    columns = [["" if value is None else str(value) for value in column.to_pylist()] for column in table.columns]
    cells = [list(row) for row in zip(*columns, strict=True)]
    return RawTable([str(column) for column in table.column_names], _numbered("row", cells, first=2))


def _numbered(word: str, rows: Iterable[Sequence[str]], first: int) -> list[tuple[str, list[str]]]:
    return [(f"{word} {number}", list(cells)) for number, cells in enumerate(rows, start=first)]

"""Tables of answers: written as they come, so that a long run can go on where it was stopped.

Rows go to a journal of JSON lines beside the table, which at the end becomes the table: CSV, JSON lines or Parquet.
Each line also holds the SHA-256 of the file it speaks of; a later line of a file with another content stands for the
earlier one.
"""

import csv
import importlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.files import commit_file, partial_path
from lithoscope.data.images.reading import PAGE_MARK
from lithoscope.serving.rows import Value

Cells = Mapping[str, Value]
DIGITS = 6
"""Decimals of a probability."""
_CHUNK = 1000  # rows of Parquet in memory
_CONTENT = "#content"  # of a journal's line, beside the columns
_FORMAT, _CONTENTS = "#format", "contents"  # of its first


class Table:
    """A table that is being written.

    Args:
        path: The table; its ending says in which format.
        run: What the rows depend on, such as the model's hash; a journal of another run is not gone on with.
        resume: Go on with a journal that is there.

    Attributes:
        done: The files that an earlier run wrote, by what names them for people, each with its SHA-256.

    Raises:
        LithoscopeError: The ending is none of the formats', its package is missing, or the journal is another run's.
    """

    def __init__(self, path: Path, run: Mapping[str, Value], *, resume: bool = False) -> None:
        self.path, self._write_all = path, _writer(path)
        self.journal = path.with_name(path.name + ".journal")
        self.done: dict[str, str] = {}
        self._lines = 1  # of the journal; the first says of what run it is
        self._counts_from: dict[str, int] = {}  # files that changed between runs: the line from which theirs count
        if resume and self.journal.exists():
            self._take_up({_FORMAT: _CONTENTS, **run})
        else:
            self.journal.write_text(json.dumps({_FORMAT: _CONTENTS, **run}) + "\n", encoding="utf-8")
        self._stream: IO[str] = self.journal.open("a", encoding="utf-8")

    def _take_up(self, run: dict[str, Value]) -> None:
        """Read the files that are done, but for a line that was cut and the last file, some of whose pages may lack."""
        with self.journal.open("rb") as stream:
            head = _parsed(stream.readline())
            if head != run:
                raise LithoscopeError(
                    f"{self.journal}: was written with another model, --top or version; start anew without --resume"
                )
            end, begins = stream.tell(), stream.tell()
            first, last = self._lines, ("", "")
            for line in stream:
                cells = _parsed(line)
                if cells is None:
                    break
                one = _file(cells), str(cells[_CONTENT] or "")
                if one != last:
                    if last[0]:
                        self._note(*last, first)
                    first, last, begins = self._lines, one, end
                self._lines += 1
                end += len(line)
        os.truncate(self.journal, begins)
        self._lines = first

    def _note(self, file: str, content: str, line: int) -> None:
        if self.done.setdefault(file, content) != content:
            self.done[file], self._counts_from[file] = content, line

    def add(self, cells: Cells, content: str | None = None) -> None:
        """Write a row.

        Args:
            cells: Its columns.
            content: SHA-256 of the file that it speaks of.
        """
        rounded = {name: round(value, DIGITS) if isinstance(value, float) else value for name, value in cells.items()}
        if content is not None and (file := _file(cells)) in self.done:
            self._note(file, content, self._lines)
        self._lines += 1
        self._stream.write(json.dumps({_CONTENT: content, **rounded}, ensure_ascii=False) + "\n")

    def flush(self) -> None:
        """Hand what was written to the system, where the end of this process cannot touch it."""
        self._stream.flush()

    def finish(self) -> None:
        """Make the table of the journal, and put it in its place."""
        self._stream.close()
        partial = partial_path(self.path)
        self._write_all(self._rows, partial)
        commit_file(partial, self.path)
        self.journal.unlink()

    def _rows(self) -> Iterator[dict[str, Value]]:
        with self.journal.open(encoding="utf-8") as stream:
            next(stream)
            for number, line in enumerate(stream, start=1):
                cells = json.loads(line)
                del cells[_CONTENT]
                if number >= self._counts_from.get(_file(cells), 0):
                    yield cells

    def close(self) -> None:
        """Stop writing; the journal stays."""
        self._stream.close()


def _file(cells: Cells) -> str:
    return str(cells["path"]).partition(PAGE_MARK)[0]


def _parsed(line: bytes) -> dict[str, Value] | None:
    try:
        values = json.loads(line)
    except ValueError:
        return None
    return values if isinstance(values, dict) and line.endswith(b"\n") else None


Rows = Callable[[], Iterator[dict[str, Value]]]


def _writer(path: Path) -> Callable[[Rows, Path], None]:
    writers = {".csv": _write_csv, ".jsonl": _write_lines, ".ndjson": _write_lines, ".parquet": _write_parquet}
    writer = writers.get(path.suffix.lower())
    if writer is None:
        raise LithoscopeError(f"--output {path}: allowed endings: {', '.join(writers)}")
    if writer is _write_parquet:
        try:
            import pyarrow.parquet  # noqa: F401
        except ModuleNotFoundError:
            raise LithoscopeError(
                f"--output {path}: Parquet takes the package pyarrow: pip install 'lithoscope[parquet]'; or name a .csv"
            ) from None
    return writer


def _write_csv(rows: Rows, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = None
        for row in rows():
            if writer is None:
                writer = csv.writer(stream, lineterminator="\n")
                writer.writerow(row)
            writer.writerow([f"{value:.{DIGITS}f}" if isinstance(value, float) else value for value in row.values()])


def _write_lines(rows: Rows, path: Path) -> None:
    with path.open("w", encoding="utf-8") as stream:
        for row in rows():
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def _write_parquet(rows: Rows, path: Path) -> None:
    pa, pq = (importlib.import_module(name) for name in ("pyarrow", "pyarrow.parquet"))
    kinds: dict[str, Any] = {}
    for row in rows():
        for name, value in row.items():
            if kinds.get(name, pa.null()) == pa.null():
                kinds[name] = pa.null() if value is None else pa.string() if isinstance(value, str) else pa.float64()
    # A column that is empty throughout, such as that of problems, holds text.
    schema = pa.schema([(name, pa.string() if kind == pa.null() else kind) for name, kind in kinds.items()])
    with pq.ParquetWriter(path, schema) as writer:
        for chunk in _chunks(rows()):
            writer.write_table(pa.Table.from_pylist(chunk, schema=schema))


def _chunks(rows: Iterator[dict[str, Value]]) -> Iterator[Sequence[dict[str, Value]]]:
    chunk: list[dict[str, Value]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk

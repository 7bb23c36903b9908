"""What was made of photographs before a run ended too early, found again by the photographs' contents.

Blocks of it lie in Arrow files, in a folder that is named by what it follows from beside the contents
(:func:`lithoscope.core.locked_folder.exclusive`). A file is whole or not there, and holds bytes that no one runs.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from lithoscope.core.files import commit_file, partial_path
from lithoscope.data.engines.tasks import Wanted

BLOCK_BYTES = 2**24
"""Bytes of results that are kept in one file."""
BLOCK_SECONDS = 30.0
"""Seconds after which results are kept, however few they are: what a kill costs at most."""


class FinishedWork:
    """Finds and keeps what was made.

    Args:
        folder: Of one task, which no other process uses.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._places: dict[str, tuple[Path, int]] = {}
        self._contents: dict[bytes, str] = {}
        self._waiting: list[tuple[bytes, str, bytes]] = []
        self._bytes, self._since = 0, time.monotonic()
        self._number = 0
        self._table = lru_cache(maxsize=2)(_table)
        for file in sorted(folder.glob("*.arrow")):
            self._number = int(file.stem) + 1
            for row, (name, content) in enumerate(_listed(file)):
                self._places[content], self._contents[name] = (file, row), content

    def known(self, photograph: Wanted) -> str:
        """Return the content with which a photograph's result is there, or ``""`` where none is."""
        content = photograph.content or self._contents.get(os.fsencode(photograph.file), "")
        return content if content in self._places else ""

    def made(self, content: str) -> bytes:
        """Return what was made of a content."""
        file, row = self._places[content]
        made: bytes = self._table(file)["made"][row].as_py()
        return made

    def keep(self, photograph: Wanted, content: str, made: bytes) -> None:
        """Keep what was made of a photograph with this content, with the next block."""
        self._waiting.append((os.fsencode(photograph.file), content, made))
        self._bytes += len(made)
        if self._bytes >= BLOCK_BYTES or time.monotonic() - self._since > BLOCK_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._waiting:
            arrow = import_module("pyarrow")
            columns = dict(zip(("file", "content", "made"), map(list, zip(*self._waiting, strict=True)), strict=True))
            kinds = [("file", arrow.binary()), ("content", arrow.string()), ("made", arrow.binary())]
            table = arrow.table(columns, schema=arrow.schema(kinds))
            file = self._folder / f"{self._number:06}.arrow"
            with arrow.ipc.new_file(partial_path(file), table.schema) as stream:
                stream.write_table(table)
            commit_file(partial_path(file), file)
            self._number += 1
        self._waiting, self._bytes, self._since = [], 0, time.monotonic()


def _table(file: Path) -> Any:
    """Map a block's file: what is not looked at is not read."""
    arrow = import_module("pyarrow")
    return arrow.ipc.open_file(arrow.memory_map(os.fspath(file))).read_all()


def _listed(file: Path) -> Iterator[tuple[bytes, str]]:
    with suppress(OSError, import_module("pyarrow").ArrowException):  # damaged: its photographs are done anew
        table = _table(file)
        yield from zip(table["file"].to_pylist(), table["content"].to_pylist(), strict=True)

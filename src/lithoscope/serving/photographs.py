"""Which photographs are meant: files, folders, archives, patterns, and lists on standard input."""

import glob
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.sources.archives import extract, is_archive
from lithoscope.data.sources.listing import printable, visible_files

STANDARD_INPUT = "-"


class FoundPhotograph(NamedTuple):
    """A file that is to be classified.

    Attributes:
        file: Where it lies.
        shown: What names it for people, valid UTF-8; for one in an archive it begins with the archive's path.
        known: SHA-256 of the content that was answered before; while the file holds that, it is left out.
    """

    file: str
    shown: str
    known: str | None = None


@contextmanager
def opened_photographs(paths: Sequence[str], stdin: BinaryIO) -> Iterator[list[FoundPhotograph]]:
    """Find the files named, and all files in the folders and archives named.

    Args:
        paths: Files, folders, zip and tar archives, patterns such as ``new/**/*.jpg`` for shells that don't expand
            them, and ``-`` for a list of files on standard input. Archives are unpacked while the context lasts.
        stdin: Where ``-`` reads: a path a line, or paths that end with a zero byte, as ``find -print0`` writes them.

    Yields:
        The files in the order of ``paths``, sorted within each folder.

    Raises:
        LithoscopeError: A path does not exist, a pattern fits nothing, there is no file at all, or an archive cannot be
            unpacked.
    """
    with tempfile.TemporaryDirectory(prefix="lithoscope-") as workplace:
        found: list[FoundPhotograph] = []
        for number, path in enumerate(paths):
            if path == STANDARD_INPUT:
                found += [_named(name) for name in _listed(stdin)]
                continue
            for place, name in enumerate(_matches(path)):
                found += _files(Path(name), Path(workplace) / f"{number}-{place}")
        if not found:
            raise LithoscopeError(
                f"{', '.join(map(printable, paths))}: no files there; name photographs, or a folder or archive of them"
            )
        yield found


def _named(path: str) -> FoundPhotograph:
    shown = printable(path)
    return FoundPhotograph(path, path if shown == path else shown)  # one text for both where that will do


def _matches(path: str) -> list[str]:
    if os.path.lexists(path):
        return [path]
    matches = sorted(glob.glob(path, recursive=True)) if glob.has_magic(path) else []  # noqa: PTH207 (absolute ones too)
    if not matches:
        raise LithoscopeError(f"{printable(path)}: no such file or folder")
    return matches


def _listed(stream: BinaryIO) -> Iterator[str]:
    content = stream.read()
    ends = b"\0" if b"\0" in content else b"\n"
    for line in content.split(ends):
        if name := line.rstrip(b"\r") if ends == b"\n" else line:
            yield os.fsdecode(name)


def _files(path: Path, workplace: Path) -> list[FoundPhotograph]:
    if not path.exists():
        raise LithoscopeError(f"{printable(str(path))}: no such file or folder")
    if path.is_dir():
        return [_named(os.path.join(path, name)) for name in visible_files(path)]  # noqa: PTH118 (fast)
    if is_archive(path):
        extract(path, workplace)
        return [
            FoundPhotograph(os.path.join(workplace, name), printable(os.path.join(path, name)))  # noqa: PTH118
            for name in visible_files(workplace)
        ]
    return [_named(str(path))]

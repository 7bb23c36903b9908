"""Folders that are there as a whole or not at all, in the place of an earlier one of their kind."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lithoscope.core.errors import LithoscopeError


def require_replaceable(folder: Path, is_one: Callable[[Path], bool]) -> None:
    """Refuse to write over what is neither empty nor of the kind that would be written.

    Args:
        folder: Where to write.
        is_one: Whether a folder is of that kind.

    Raises:
        LithoscopeError: It holds something else.
    """
    if folder.exists() and not is_one(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise LithoscopeError(f"{folder}: holds something else, which is not written over: name a new folder")


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``folder``, which takes its place when the context ends without an error."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent) as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        yield made
        if folder.exists():
            folder.rename(Path(scratch) / "before")
        made.replace(folder)

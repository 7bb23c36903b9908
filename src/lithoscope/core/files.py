"""Files that are whole or not there, after a kill and after a loss of power."""

import os
from pathlib import Path


def keep(half: Path, path: Path) -> None:
    """Put a finished file in its place, over one that may be there.

    Its bytes reach the disk before its name does, and its name before anything that is written afterwards (fsync of the
    file, then of the folder). Without that, a loss of power can leave a file of the right length full of zeros.
    """
    with half.open("rb+") as file:
        os.fsync(file.fileno())
    half.replace(path)
    if os.name == "posix":  # elsewhere a folder cannot be opened
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def half_of(path: Path) -> Path:
    """Return where a file is written before :func:`keep` puts it in its place."""
    return path.with_name(path.name + ".partial")

"""Atomic and durable file writes: a file is whole or not there, after a kill and after a loss of power."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from lithoscope.core.errors import LithoscopeError


def commit_file(partial: Path, path: Path) -> None:
    """Put a finished file in its place, over one that may be there.

    Its bytes reach the disk before its name does, and its name before anything that is written afterwards (fsync of the
    file, then of the folder). Without that, a loss of power can leave a file of the right length full of zeros.
    """
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    partial.replace(path)
    if os.name == "posix":  # elsewhere a folder cannot be opened
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def partial_path(path: Path) -> Path:
    """Return where a file is written before :func:`commit_file` puts it in its place."""
    return path.with_name(path.name + ".partial")


def reserve(file: Path) -> None:
    """Have the disk set aside all of a file that has its size and no contents yet.

    A memory-mapped file on a disk that fills up would end the process with SIGBUS, in which no line can be printed.

    Raises:
        OSError: The disk is full.
    """
    if hasattr(os, "posix_fallocate"):  # not on macOS and Windows
        with file.open("r+b") as stream:
            os.posix_fallocate(stream.fileno(), 0, file.stat().st_size)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_json(path: Path, remedy: str = "`dvc repro` makes it") -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Args:
        path: Errors name it as it is given.
        remedy: What errors tell to do.

    Raises:
        LithoscopeError: It is not there, or it is damaged.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LithoscopeError(f"{path} is missing: {remedy}") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise LithoscopeError(f"{path}: damaged ({error}); {remedy} anew") from None
    if not isinstance(values, dict):
        raise LithoscopeError(f"{path}: damaged (no JSON object); {remedy} anew")
    return values

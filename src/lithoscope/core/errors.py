"""User errors: one line that says what to do, without a stack trace."""

import errno
import os
import re
import shutil
import tempfile
from pathlib import Path


class LithoscopeError(Exception):
    """A mistake or a circumstance a user can do something about.

    The message is one line: what was wrong, where, what is allowed, what to do. Stages and commands print it
    without a stack trace and end with status 1.
    """


_REMEDIES = {
    errno.ENOSPC: "the disk is full: free some space and start again; what was finished is kept",
    errno.EDQUOT: "your share of the disk is used up: free some space and start again; what was finished is kept",
    errno.EFBIG: "the file would be larger than this place allows: choose another one, or have the limit raised",
    errno.EACCES: "no permission: change the file's owner or mode, or choose another place",
    errno.EPERM: "no permission: change the file's owner or mode, or choose another place",
    errno.EROFS: "that place can only be read: choose another one",
    errno.ENOENT: "no such file or folder: make the folder first, or choose another place",
    errno.ENOTDIR: "a part of that path is a file, not a folder: choose another place",
    errno.EISDIR: "that is a folder: give a file's name",
}


# How safetensors, NumPy and torch say that a disk is full; none of them passes the system's error on.
_FULL = re.compile(r"\(os error 28\)|^\d+ requested and \d+ written$|inline_container.* unexpected pos")
_NOTHING_LEFT = 2**20  # bytes


def circumstance(error: BaseException) -> str | None:
    """Return the line for an operating system's error that a user can do something about, or None for any other."""
    number = error.errno if isinstance(error, OSError) else None
    if number is None and _FULL.search(str(error)):
        number = errno.ENOSPC
    remedy = _REMEDIES.get(number or 0)
    place = getattr(error, "filename", None) or (_full_place() if number == errno.ENOSPC else None)
    return (f"{place}: " if place else "") + remedy if remedy else None


def _full_place() -> Path | None:
    """Return the first of the places we write to whose disk has nothing left; the system does not say which it was."""
    root = Path(os.environ.get("DVC_ROOT") or Path.cwd())
    places = (Path.cwd(), root / ".partial", root, Path(tempfile.gettempdir()))
    return next((place for place in places if place.is_dir() and shutil.disk_usage(place).free < _NOTHING_LEFT), None)

"""Errors that are a user's to mend."""

import errno


class LithoscopeError(Exception):
    """A mistake or a circumstance a user can do something about.

    The message is one line: what was wrong, where, what is allowed, what to do. Stages and commands print it
    without a stack trace and end with status 1.
    """


_REMEDIES = {
    errno.ENOSPC: "the disk is full: free some space and start again; what was finished is kept",
    errno.EDQUOT: "your share of the disk is used up: free some space and start again; what was finished is kept",
    errno.EACCES: "no permission: change the file's owner or mode, or choose another place",
    errno.EPERM: "no permission: change the file's owner or mode, or choose another place",
    errno.EROFS: "that place can only be read: choose another one",
    errno.ENOENT: "no such file or folder: make the folder first, or choose another place",
    errno.ENOTDIR: "a part of that path is a file, not a folder: choose another place",
    errno.EISDIR: "that is a folder: give a file's name",
}


def circumstance(error: OSError) -> str | None:
    """Return the line for an operating system's error that a user can do something about, or None for any other."""
    remedy = _REMEDIES.get(error.errno or 0)
    place = f"{error.filename}: " if error.filename else ""
    return place + remedy if remedy else None

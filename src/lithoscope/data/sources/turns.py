"""Folders of half-done work, in which one process at a time is at work."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from lithoscope.data.sources.progress import log

_LOCK = ".lock"


@contextmanager
def turn(partial: Path) -> Iterator[None]:
    """Hold the lock on a folder of half-done work, after waiting for another download that has it."""
    lock = FileLock(partial / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log(f"waiting for another download, which works in {partial}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def empty(partial: Path) -> None:
    """Remove the half-done work that lies in a folder, where there is one."""
    if not partial.is_dir():
        return
    with turn(partial):
        for entry in partial.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != _LOCK:
                entry.unlink()

"""Disks of a chosen size in memory, for those who may mount them."""

import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path


def _run(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@cache
def can_mount() -> bool:
    """Whether we may: the administrator of a Linux system, outside of most containers."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as folder:
        allowed = _run("mount", "-t", "tmpfs", "-o", "size=64k", "lithoscope-test", folder)
        return allowed and _run("umount", folder)


def mount(folder: Path, size: str) -> None:
    """Mount a new disk on a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    assert _run("mount", "-t", "tmpfs", "-o", f"size={size}", "lithoscope-test", str(folder))


def unmount(folder: Path) -> None:
    """Take it away if it is there, whoever still has a file open on it."""
    if folder.is_mount():
        _run("umount", "--lazy", str(folder))


def read_only(folder: Path, *, on: bool) -> None:
    """Forbid all writing to a mounted disk, to everybody, or allow it again."""
    assert _run("mount", "-o", f"remount,{'ro' if on else 'rw'}", str(folder))


def fill(folder: Path) -> None:
    """Fill a disk to its last byte, with a file called ``filler``."""
    with (folder / "filler").open("wb", buffering=0) as stream:
        for size in (2**20, 2**12, 1):
            try:
                while stream.write(bytes(size)):
                    pass
            except OSError:
                continue

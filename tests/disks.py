"""Disks of a chosen size in memory, for those who may mount them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def mount(folder: Path, size: str) -> None:
    """Mount a new disk on a folder that is made, or skip the test where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ("mount", "-t", "tmpfs", "-o", f"size={size}", "lithoscope-test", str(folder))
    if sys.platform != "linux" or os.geteuid() != 0 or _run(*command) != 0:
        pytest.skip("only the administrator of a Linux system can mount a small disk")


def unmount(folder: Path) -> None:
    """Take it away, whoever still has a file open there."""
    _run("umount", "--lazy", str(folder))


def _run(*command: str) -> int:
    return subprocess.run(command, capture_output=True, check=False).returncode


def read_only(folder: Path, *, on: bool) -> None:
    """Forbid all writing to a mounted disk, to everybody, or allow it again."""
    assert _run("mount", "-o", f"remount,{'ro' if on else 'rw'}", str(folder)) == 0


def fill(folder: Path) -> Path:
    """Fill a disk to its last byte; return the file that does, to be deleted."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as stream:
        for size in (2**20, 2**12, 1):
            try:
                while True:
                    stream.write(bytes(size))
            except OSError:
                continue
    return filler

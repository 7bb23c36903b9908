"""Resumable work: folders named by a hash of the content they belong to, locked by one process at a time.

They lie outside the stages' outs, which DVC deletes before a stage runs.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


def content_key(*paths: Path, text: str = "") -> str:
    """Return a SHA-256 over files, folders (all files in them, by relative name; no ``__pycache__``) and a text."""
    total = hashlib.sha256(text.encode())
    for path in paths:
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        for file in files:
            if "__pycache__" in file.parts:
                continue
            with file.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            name = file.relative_to(path).as_posix() if path.is_dir() else file.name
            total.update(f"{name}\0{digest}\n".encode())
    return total.hexdigest()


@contextmanager
def exclusive(parent: Path, key: str) -> Iterator[Path]:
    """Hold the folder ``parent/key``: a second process waits until the first has finished with it or has died."""
    folder = parent / key[:32]
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_suffix(".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(
            "waiting: another process works on exactly this; stop it to take over from its last checkpoint", flush=True
        )
        lock.acquire()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
    finally:
        lock.release()

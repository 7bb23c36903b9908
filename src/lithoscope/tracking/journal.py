"""Write-ahead journal of a run, on this disk until the tracking store has all of it.

A journal is a folder: ``journal.jsonl``, one JSON object a line, each on the disk before the store is told of it, and
the files that the store did not take. Beside a model lies a copy of the code that made it, which is compared with the
code that delivers and never run (:mod:`lithoscope.tracking.delivery`); all else is data. No address in it holds a
password. Whoever works on a journal holds its lock, which the system releases when the process dies.
"""

import json
import math
import os
import shutil
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from lithoscope.core.errors import LithoscopeError
from lithoscope.tracking.model import copy_served_code

FOLDER = Path(".partial") / "undelivered"
LINES, LOCK, FILES, MODEL, CODE, EXAMPLE = "journal.jsonl", "lock", "files", "model", "code", "example.npy"


class Point(NamedTuple):
    """A figure at a step."""

    name: str
    value: float
    milliseconds: int
    step: int


def now() -> int:
    """Return milliseconds since 1970, as MLflow counts."""
    return int(time.time() * 1000)


@dataclass
class JournalRecord:
    """What a journal says.

    Attributes:
        id: Its own; a tag of the run that is made of it.
        store: Address of the store, without secrets.
        name: The run's.
        wanted: Tags of a run that may be there already and then gets everything; empty: a run of its own.
        started: Milliseconds since 1970.
        run_id: MLflow's, where it is known.
        parameters: The run's.
        tags: The run's.
        points: Its figures.
        files: Names of files that the store did not take.
        model: Classes and requirements of a model that the store did not take.
        status: How the run ended, or None where it did not.
        ended: When, milliseconds since 1970; before the end the time of the last line.
    """

    id: str
    store: str
    name: str
    wanted: dict[str, str]
    started: int
    run_id: str | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    model: dict[str, list[str]] | None = None
    status: str | None = None
    ended: int = 0

    def take(self, entry: Mapping[str, Any]) -> None:
        """Add what a line says."""
        self.ended = entry.get("time", self.ended)
        self.run_id = entry.get("run_id", self.run_id)
        self.parameters |= entry.get("parameters", {})
        self.tags |= entry.get("tags", {})
        self.points += [Point(name, float(value), when, step) for name, value, when, step in entry.get("points", [])]
        self.files += [name for name in entry.get("files", []) if name not in self.files]
        self.model = entry.get("model", self.model)
        self.status = entry.get("status", self.status)


class Journal:
    """A journal that this process holds; see the module."""

    def __init__(self, folder: Path, record: JournalRecord, lock: FileLock) -> None:
        self.folder, self.record, self._lock = folder, record, lock

    @classmethod
    def create(cls, root: Path, store: str, name: str, wanted: Mapping[str, str]) -> "Journal":
        """Begin a journal in a workspace; see :class:`JournalRecord` for what it starts with."""
        started = now()
        key = f"{started}-{uuid.uuid4().hex[:8]}"  # sorts by time
        folder = root / FOLDER / key
        folder.mkdir(parents=True)
        lock = FileLock(folder / LOCK)
        lock.acquire()
        made = cls(folder, JournalRecord(key, store, name, dict(wanted), started, ended=started), lock)
        _to_disk(folder, folder.parent)  # their lists of names
        made.append(id=key, store=store, name=name, wanted=dict(wanted), started=started)
        return made

    @classmethod
    def take_over(cls, folder: Path) -> "Journal | None":
        """Open the journal of a process that is no more; None where it lives, or where nothing is there (any more).

        Raises:
            LithoscopeError: It is damaged.
        """
        if not (folder / LINES).is_file():
            return None
        lock = FileLock(folder / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
        try:
            record = _read(folder / LINES)
        except FileNotFoundError:  # its process has just removed it; the lock made the folder anew
            shutil.rmtree(folder, ignore_errors=True)
            lock.release()
            return None
        except (KeyError, TypeError, ValueError):
            lock.release()
            raise LithoscopeError(f"{folder / LINES}: not as a journal is written; remove {folder} to go on") from None
        return cls(folder, record, lock)

    def append(self, **entry: Any) -> None:
        """Write a line; when this returns, it is on the disk."""
        entry["time"] = now()
        with (self.folder / LINES).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(entry, ensure_ascii=False) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        self.record.take(entry)

    def append_points(self, points: Sequence[Point]) -> None:
        """Write figures; JSON knows no NaN and no infinity, which become texts."""
        self.append(points=[[p.name, p.value if math.isfinite(p.value) else str(p.value), *p[2:]] for p in points])

    def keep_file(self, path: Path) -> None:
        """Copy a file, or a folder, that the store did not take."""
        copied = self._kept(path.name)
        if path.is_dir():
            shutil.copytree(path, copied, dirs_exist_ok=True)
        else:
            shutil.copyfile(path, copied)
        self._note(copied)

    def keep_text(self, text: str, name: str) -> None:
        """Write a file that the store did not take."""
        written = self._kept(name)
        written.write_text(text, encoding="utf-8")
        self._note(written)

    def _kept(self, name: str) -> Path:
        (self.folder / FILES).mkdir(exist_ok=True)
        return self.folder / FILES / name

    def _note(self, kept: Path) -> None:
        _to_disk(kept, *kept.rglob("*"), kept.parent)
        self.append(files=[kept.name])

    def keep_model(
        self,
        model: Path,
        example: npt.NDArray[np.uint8],
        source: Path,
        classes: Sequence[str],
        requirements: Sequence[str],
    ) -> None:
        """Copy a model that the store did not take, and the code that made it, so that neither is lost."""
        shutil.copytree(model, self.folder / MODEL, dirs_exist_ok=True)
        code = self.folder / CODE / source.name
        copy_served_code(source, code)
        np.save(self.folder / EXAMPLE, example, allow_pickle=False)
        _to_disk(*self.folder.rglob("*"), self.folder)
        self.append(model={"classes": list(classes), "requirements": list(requirements), "code": [source.name]})

    def release(self) -> None:
        """Let another process work on it."""
        self._lock.release()

    def remove(self) -> None:
        """Delete it: the store has everything."""
        (self.folder / LINES).unlink()  # first, so that a journal half deleted is none
        shutil.rmtree(self.folder, ignore_errors=True)  # somebody may be asking for its lock
        self._lock.release()


def _to_disk(*paths: Path) -> None:
    """Have the system write what it may still hold in memory of files and folders."""
    for path in paths:
        if path.is_file() or os.name == "posix":  # Windows opens no folder
            handle = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def waiting(root: Path) -> list[Path]:
    """Return the folders of all journals in a workspace, the oldest first."""
    return sorted(path.parent for path in (root / FOLDER).glob(f"*/{LINES}"))


def _read(path: Path) -> JournalRecord:
    """Read a journal; a last line that a kill cut off was told to nobody and counts as not written."""
    entries = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        with suppress(json.JSONDecodeError):
            entries.append(json.loads(line))
    record = JournalRecord(*(dict(*entries[:1])[key] for key in ("id", "store", "name", "wanted", "started")))
    for entry in entries:
        record.take(entry)
    return record

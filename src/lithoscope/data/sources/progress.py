"""Progress of long work, on standard error: a bar on a terminal, a line now and then in a log."""

import sys
import threading
from collections.abc import Iterable, Iterator
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    pass

T = TypeVar("T")
SECONDS_BETWEEN_LINES = 30.0


def log(line: str) -> None:
    """Show a line to the user, on standard error, above a bar if there is one."""
    print(line, file=sys.stderr, flush=True)


def track(items: Iterable[T], total: int, description: str) -> Iterator[T]:
    """Pass items on and show how many went by.

    Args:
        items: What is worked on.
        total: How many there are.
        description: What happens to them, e.g. ``"reading photographs"``.
    """
    if sys.stderr.isatty():
        from rich.console import Console  # a tenth of a second to import, for terminals alone
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            yield from progress.track(items, total=total, description=description)
        return
    last = monotonic()
    for count, item in enumerate(items, start=1):
        yield item
        if monotonic() - last > SECONDS_BETWEEN_LINES:
            log(f"{description}: {count:,} of {total:,}")
            last = monotonic()


class DownloadProgress:
    """The progress of a download: bytes on a terminal's bar, a line for every tenth of the files elsewhere.

    Args:
        title: What is downloaded.
        files: How many files there are in all.
        total: Their bytes, as far as they are known.
    """

    def __init__(self, title: str, files: int, total: int) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        self._title = title
        self._files = files
        self._complete = 0
        self._tenths = 0
        self._lock = threading.Lock()
        self._bar: Progress | None = None
        console = Console(stderr=True)
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[files]}"),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
                console=console,
            )
            self._task = self._bar.add_task(title, total=total or None, files=self._count())

    def __enter__(self) -> "DownloadProgress":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def add_bytes(self, change: int) -> None:
        """Count bytes; may be called from any thread."""
        if self._bar is not None:
            self._bar.advance(self._task, change)

    def add_files(self, files: int = 1) -> None:
        """Count files that are complete."""
        with self._lock:
            self._complete += files
            tenths = 10 * self._complete // max(self._files, 1)
            is_new, self._tenths = tenths > self._tenths, tenths
        if self._bar is not None:
            self._bar.update(self._task, files=self._count())
        elif is_new:
            log(f"{self._title}: {self._count()}")

    def _count(self) -> str:
        return f"{self._complete} of {self._files} files"

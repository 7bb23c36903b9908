"""How a long download shows that it goes on."""

import sys
import threading
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn


def tell(line: str) -> None:
    """Show a line to the user, on standard error, above a bar if there is one."""
    print(line, file=sys.stderr, flush=True)


class Meter:
    """A bar on a terminal, a line for every tenth elsewhere; both on standard error.

    Args:
        title: What is downloaded.
        files: How many files there are in all.
        total: Their bytes, as far as they are known.
    """

    def __init__(self, title: str, files: int, total: int) -> None:
        self._title = title
        self._files = files
        self._finished = 0
        self._tenth = 0
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

    def __enter__(self) -> "Meter":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, change: int) -> None:
        """Count bytes; may be called from any thread."""
        if self._bar is not None:
            self._bar.advance(self._task, change)

    def finished(self, files: int = 1) -> None:
        """Count files that are there."""
        with self._lock:
            self._finished += files
            tenth = 10 * self._finished // max(self._files, 1)
            fresh, self._tenth = tenth > self._tenth, tenth
        if self._bar is not None:
            self._bar.update(self._task, files=self._count())
        elif fresh:
            tell(f"{self._title}: {self._count()}")

    def _count(self) -> str:
        return f"{self._finished} of {self._files} files"

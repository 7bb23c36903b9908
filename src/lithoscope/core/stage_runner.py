"""Runner of stage scripts: lock, signals and exit status."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from lithoscope.core.errors import LithoscopeError, circumstance
from lithoscope.core.text import print_in_any_encoding, safe

LOCK = Path(".partial/stage.lock")
_STARTED_BY = {"DVC_STAGE": "dvc", "TORCHELASTIC_RUN_ID": "torchrun"}
_SHELLS = {"sh", "dash", "bash", "zsh", "ksh", "fish"}
_GRACE = 15.0
"""Seconds a stage has to end in good order before it is ended at once."""


def run(main: Callable[[], None]) -> None:
    """Run a stage; show a user's mistake as a line instead of a stack trace, and end with status 1."""
    print_in_any_encoding()
    try:
        _end_with_what_started_it()
        with _one_at_a_time():
            main()
    except LithoscopeError as error:
        for line in str(error).splitlines():
            print(f"error: {safe(line)}", file=sys.stderr)
        sys.exit(1)
    except Exception as error:
        explained = circumstance(error)
        if explained is None:
            raise
        print(f"error: {safe(explained)}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("stopped; the next `dvc repro` goes on: a training after its last epoch", file=sys.stderr)
        sys.exit(130)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Keep a second stage in the same checkout waiting: both would write the same files."""
    if os.environ.get("RANK", "0") != "0":  # of several processes the first one writes
        yield
        return
    LOCK.parent.mkdir(exist_ok=True)
    lock = FileLock(LOCK)
    try:
        try:
            lock.acquire(timeout=2)  # one whose dvc was killed needs a moment to notice
        except Timeout:
            print("waiting: another stage still runs in this folder; stop it, or wait for its end", flush=True)
            lock.acquire()
        yield
    finally:
        lock.release()


def _end_with_what_started_it() -> None:
    """Watch for the death of the dvc, or torchrun, that started this stage, and end then.

    Nobody would record what it makes, and it would write over what the next ``dvc repro`` makes. What it had half done
    is kept for that one.
    """
    starter = next((name for key, name in _STARTED_BY.items() if key in os.environ), None)
    if starter is None:
        return
    with suppress(psutil.Error):
        through_shell = psutil.Process(os.getppid()).name() in _SHELLS
        threading.Thread(target=_watch, args=(starter, _ancestors(through_shell), through_shell), daemon=True).start()


def _ancestors(through_shell: bool) -> tuple[int, ...]:
    """Return the parent's number and, where that is a shell, its parent's: they change when a process has died."""
    parent = os.getppid()
    if not through_shell:
        return (parent,)
    try:
        return parent, psutil.Process(parent).ppid()
    except psutil.Error:
        return parent, 0


def _watch(starter: str, ancestors: tuple[int, ...], through_shell: bool) -> None:
    while _ancestors(through_shell) == ancestors:
        time.sleep(0.5)
    with suppress(OSError):  # the terminal may be gone too
        print(f"{starter} is gone: this stage ends; what it had half done is kept for the next `dvc repro`", flush=True)
    if callable(signal.getsignal(signal.SIGINT)):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(_GRACE)
    os._exit(130)

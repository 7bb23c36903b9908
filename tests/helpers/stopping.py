"""Real processes that are stopped at a chosen call and then killed there."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PATIENCE = 300.0
"""Seconds after which a test gives up; nothing is judged by time."""


def wait_until(condition: Callable[[], bool], what: str, log: Path) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"{what} did not come about; printed: {log.read_text('utf-8', 'replace')}"
        time.sleep(0.05)


def is_gone(pid: int) -> bool:
    """Return whether a process has ended; one that nobody has asked for its status has."""
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text(encoding="utf-8").rpartition(")")[2].split()[0] in {"Z", "X"}
    except OSError:
        return True


class Stopped:
    """A command whose Python process stands still before a call, started and waited for.

    Args:
        command: The command; the process that stops may be a child of it.
        at: ``module:name:n``, as ``stopping_at/sitecustomize.py`` takes it.
        cwd: Where it runs.
        environment: Its environment.
        folder: Where what it prints goes, and the flag.
    """

    def __init__(
        self, command: Sequence[str], at: str, *, cwd: Path, environment: Mapping[str, str], folder: Path
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        flag, self.log = folder / "stopped", folder / "printed.txt"
        paths = [str(Path(__file__).with_name("stopping_at")), environment.get("PYTHONPATH", "")]
        path = os.pathsep.join(filter(None, paths))
        with self.log.open("wb") as printed:
            self.process = subprocess.Popen(
                command,
                cwd=cwd,
                stdout=printed,
                stderr=subprocess.STDOUT,
                env={**environment, "STOP_AT": at, "STOP_FLAG": str(flag), "PYTHONPATH": path},
            )
        wait_until(lambda: flag.exists() or self.process.poll() is not None, at, self.log)
        assert flag.exists(), self.printed()
        self.inner = int(flag.read_text(encoding="utf-8"))

    def printed(self) -> str:
        """Return what the processes have printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def kill_outer(self) -> None:
        """SIGKILL to the process that was started, such as dvc, alone."""
        self.process.kill()
        self.process.wait()

    def kill_inner(self) -> None:
        """SIGKILL to the process that stands still, such as the stage, alone."""
        os.kill(self.inner, signal.SIGKILL)

    def wait_for_the_end(self) -> None:
        """Wait until both have ended."""
        self.process.wait(PATIENCE)
        wait_until(lambda: is_gone(self.inner), "the end of the process that was stopped", self.log)

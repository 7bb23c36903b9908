"""A real MLflow server on the loopback interface, and a line to it that can be cut."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import requests

PATIENCE = 600.0  # seconds; machines can be slow


def until(condition: Callable[[], object], what: str, every: float = 0.05) -> None:
    """Wait for something to be so, asking every so many seconds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(every)


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def server_command(python: Path, port: int, database: Path, artifacts: Path) -> tuple[list[str], dict[str, str]]:
    """Return the command line of ``mlflow server`` in an environment's Python, and our variables but for MLflow's."""
    listens = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    stores = ["--backend-store-uri", f"sqlite:///{database}", "--artifacts-destination", str(artifacts)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return [str(python), "-m", "mlflow", "server", *listens, *stores], kept


class TrackingServer:
    """``mlflow server`` with a database and artifacts of its own, which outlive it.

    Args:
        folder: Where these lie.
        blank: A database that MLflow has set up already, which takes it seconds; None lets it set up one.
    """

    def __init__(self, folder: Path, blank: Path | None = None) -> None:
        self.folder, self.port = folder, free_port()
        self.database = folder / "server.db"
        if blank:
            self.database.write_bytes(blank.read_bytes())
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it answers while it runs."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command, kept = server_command(Path(sys.executable), self.port, self.database, self.folder / "artifacts")
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**kept, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            )
        until(self._well, f"the tracking server; see {self.folder / 'server.log'}")

    def _well(self) -> bool:
        with suppress(requests.RequestException):
            return requests.get(f"{self.address}/health", timeout=5).status_code == 200
        return False

    def kill(self) -> None:
        """Let it vanish, with all it started."""
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


class Line:
    """A line to a server that can be cut, or go dead: connections are taken, and nothing ever answers.

    Args:
        port: Of the server.
    """

    def __init__(self, port: int) -> None:
        self._server = port
        self.cut = threading.Event()
        self.dead = threading.Event()
        self.calls = 0
        self.die_after = 10**9  # calls
        self.then = self.dead
        self.cut_at: bytes | None = None
        self.absent: bytes | None = None  # a path that the server does not know
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(caller,), daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        with suppress(OSError), caller:
            if self.cut.is_set():
                return
            with socket.create_connection(("127.0.0.1", self._server)) as server:
                back = threading.Thread(target=self._pump, args=(server, caller, False), daemon=True)
                back.start()
                self._pump(caller, server, True)

    def _pump(self, source: socket.socket, target: socket.socket, asking: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if asking and data.split(b" ", 1)[0] in (b"GET", b"POST", b"PUT", b"PATCH", b"DELETE"):
                    self.calls += 1
                    if self.calls > self.die_after:
                        self.then.set()
                if asking and self.absent and self.absent in data.partition(b"\r\n")[0]:
                    source.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    break
                if asking and self.cut_at and self.cut_at in data:
                    self.cut.set()
                if self.cut.is_set():
                    break
                if self.dead.is_set():  # takes all, answers nothing
                    continue
                target.sendall(data)
            for end in (source, target):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()

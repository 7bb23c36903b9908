"""A process that has imported what stages, ``dvc`` and ``lithoscope`` import, and forks a copy for each that is run.

The real commands run, each in a process, folder and environment of its own; they only begin with the libraries in
memory, which on their own take longer to import than a tiny set takes to train on. Nothing of ``lithoscope`` is kept
from before: a clone's stages import the clone's own ``src``.

Signals reach what was forked, its parent being this process; so what is tested about parents, process groups and kills
is tested without it.
"""

import atexit
import gc
import importlib
import json
import os
import random
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NoReturn

COMMANDS = ("python", "dvc", "lithoscope")
CLIENT = Path(__file__).with_name("warm_client.py")
LIBRARIES = (
    "dvc.cli",
    "dvc.commands.repro",
    "dvc.repo",
    "dvc.repo.experiments.executor.local",
    "mlflow.store.tracking.sqlalchemy_store",
    "sklearn.neural_network",
)
"""What is imported besides that which stages import: for ``dvc``, a store, and :mod:`helpers.small_pipeline`."""
DECLARED = "lithoscope.core.torchvision_compat"
"""What declares operators to torch, which a process can do once; nothing else of ours stays."""
LENGTH = 8
"""Digits that say how long a request is."""


class WarmPython:
    """Commands for the front of ``PATH`` that are run by such a process.

    Args:
        folder: Where they lie; with a short name, since sockets have no longer ones.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        client = CLIENT.read_text(encoding="utf-8")
        for name in COMMANDS:
            (folder / name).write_text(f"#!{sys.executable} -ISs\n{client}", encoding="utf-8")
            (folder / name).chmod(0o755)
        here = str(Path(__file__).resolve().parent.parent)
        code = (
            f"import sys; sys.path.insert(0, {here!r}); from helpers.warm_python import serve; serve({str(folder)!r})"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,  # whose end it notices, however this process ends
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def end(self) -> None:
        """End the process and what it has forked."""
        self.process.communicate()


def serve(folder: str) -> None:
    """Import everything, say ``ready``, and run what is asked for until standard input ends."""
    _import_libraries(Path(__file__).resolve().parents[2])
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{folder}/socket")
        listening.listen(64)
        print("ready", flush=True)
        _Server(listening).run()


def _import_libraries(checkout: Path) -> None:
    before = list(sys.path)
    sys.path.insert(0, str(checkout / "stages"))
    for stage in sorted((checkout / "stages").glob("[a-z]*.py")):
        importlib.import_module(stage.stem)
    for name in LIBRARIES:
        importlib.import_module(name)
    importlib.import_module("sqlalchemy.orm").configure_mappers()  # as MLflow does where it opens a store
    ours = {"lithoscope", *(stage.stem for stage in (checkout / "stages").glob("*.py"))}
    for name in [name for name in sys.modules if name.partition(".")[0] in ours and name != DECLARED]:
        del sys.modules[name]
    sys.path[:] = before[1:]
    gc.collect()
    gc.freeze()  # or every copy would be touched page by page


class _Server:
    def __init__(self, listening: socket.socket) -> None:
        self.listening = listening
        self.asked: dict[int, socket.socket] = {}
        self.woken, self.wake = socket.socketpair()
        for end in (self.woken, self.wake):
            end.setblocking(False)
        signal.set_wakeup_fd(self.wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def run(self) -> None:
        with selectors.DefaultSelector() as selector:
            self.selector = selector
            selector.register(self.listening, selectors.EVENT_READ)
            selector.register(self.woken, selectors.EVENT_READ)
            selector.register(sys.stdin, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is sys.stdin:
                        self._end()
                    elif key.fileobj is self.listening:
                        self._begin(self.listening.accept()[0])
                    elif key.fileobj is self.woken:
                        with suppress(BlockingIOError):
                            self.woken.recv(4096)
                        self._reap()
                    else:  # the one that asked is gone
                        for number, asked in list(self.asked.items()):
                            if asked is key.fileobj:
                                self._kill(number)
                                self._forget(number)

    def _begin(self, asked: socket.socket) -> None:
        message, streams, _, _ = socket.recv_fds(asked, 65536, 3)
        length = LENGTH + int(message[:LENGTH])
        while len(message) < length:
            message += asked.recv(length - len(message))
        number = os.fork()
        if number == 0:
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self.selector.close()
            for one in (self.listening, self.woken, self.wake, asked, *self.asked.values()):
                one.close()
            for place, stream in enumerate(streams):
                os.dup2(stream, place)
                os.close(stream)
            os._exit(_as_if_started(json.loads(message[LENGTH:])))
        for stream in streams:
            os.close(stream)
        self.asked[number] = asked
        self.selector.register(asked, selectors.EVENT_READ)
        asked.sendall(b"%d\n" % number)

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] in self.asked:
                    with suppress(OSError):
                        self.asked[ended[0]].sendall(b"%d\n" % os.waitstatus_to_exitcode(ended[1]))
                    self._forget(ended[0])

    def _forget(self, number: int) -> None:
        asked = self.asked.pop(number)
        self.selector.unregister(asked)
        asked.close()

    def _end(self) -> NoReturn:
        for number in self.asked:
            self._kill(number)
        os._exit(0)

    def _kill(self, number: int) -> None:
        """Kill what was forked and what that has started, as a signal to a group would."""
        with suppress(ProcessLookupError):
            os.killpg(number, signal.SIGKILL)


def _as_if_started(asked: dict[str, Any]) -> int:
    """Run a command as a new interpreter would; return its exit status."""
    os.chdir(asked["folder"])
    os.umask(asked["umask"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.stdin, sys.stdout, sys.stderr = (_stream(place) for place in range(3))
    vars(sys).update(__stdin__=sys.stdin, __stdout__=sys.stdout, __stderr__=sys.stderr)
    sys.executable, sys.argv = asked["python"], asked["arguments"]
    random.seed()
    status = 0
    try:
        _main(asked["command"])()
    except SystemExit as end:
        status = _status(end.code)
    except BaseException:
        traceback.print_exc()
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    return status


def _main(command: str) -> Callable[[], object]:
    if command == "python":
        script = sys.argv[0]
        sys.path.insert(0, str(Path(script).resolve().parent))
        return lambda: runpy.run_path(script, run_name="__main__")
    module = importlib.import_module({"dvc": "dvc.cli", "lithoscope": "lithoscope.cli.main"}[command])
    return lambda: sys.exit(module.main())


def _stream(place: int) -> IO[str]:
    errors = "backslashreplace" if place == 2 else "strict"
    encoding = os.environ.get("PYTHONIOENCODING", "utf-8").partition(":")[0]
    return open(place, "w" if place else "r", encoding=encoding, errors=errors, closefd=False, buffering=1)


def _status(code: object) -> int:
    if code is None or isinstance(code, int):
        return (code or 0) & 0xFF
    print(code, file=sys.stderr)
    return 1

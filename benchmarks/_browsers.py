"""Firefox and WebKitGTK as a benchmark drives them, with nothing but what each brings: no driver of another's.

Firefox speaks Marionette, the protocol below its geckodriver: JSON with its length in front, over a socket. WebKitGTK
has ``WebKitWebDriver`` (Debian: ``webkit2gtk-driver``), which speaks W3C WebDriver over HTTP and needs a display, such
as Xvfb's.
"""

import itertools
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import requests

SECONDS = 600  # that a script, or a start, may take
MINI_BROWSERS = "/usr/lib/*/webkit2gtk-4.*/MiniBrowser"
_WAITED = """const done = arguments[arguments.length - 1];
Promise.resolve((%s)(arguments[0])).then(done, (error) => done({ problem: `${error}` }));"""
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class _Line(Protocol):
    def ask(self, marionette: str, path: str, content: Mapping[str, Any]) -> Any: ...


class Window:
    """A window of a browser, at any page.

    Attributes:
        name: The browser's, with its version.
    """

    def __init__(self, name: str, line: _Line) -> None:
        self.name, self._line = name, line
        self._line.ask(
            "WebDriver:SetTimeouts", "timeouts", {"script": 1000 * SECONDS, "pageLoad": 1000 * SECONDS, "implicit": 0}
        )

    def goto(self, address: str) -> None:
        """Open an address."""
        self._line.ask("WebDriver:Navigate", "url", {"url": address})

    def evaluate(self, function: str, argument: object = None) -> Any:
        """Return what a function, perhaps an async one, makes of an argument; both are plain values.

        Args:
            function: JavaScript, evaluated beside the page: it imports no modules, but may call what the page holds.
            argument: JSON can hold it.
        """
        content = {"script": _WAITED % function, "args": [argument]}
        return self._line.ask("WebDriver:ExecuteAsyncScript", "execute/async", content)

    def give(self, selector: str, file: Path) -> None:
        """Choose a file in the page, as its user does."""
        found = self._line.ask("WebDriver:FindElement", "element", {"using": "css selector", "value": selector})
        found = found.get("value", found)
        text = {"text": str(file), "value": list(str(file))}
        self._line.ask("WebDriver:ElementSendKeys", f"element/{found[_ELEMENT]}/value", {"id": found[_ELEMENT], **text})

    def until(self, function: str, seconds: float) -> Any:
        """Return what a function returns once that is true, or whatever it is when time is up."""
        ends = time.monotonic() + seconds
        while not (found := self.evaluate(function)) and time.monotonic() < ends:
            time.sleep(0.2)
        return found


class _Marionette:
    def __init__(self, port: int) -> None:
        self._socket = _connected(port)
        self._read = self._socket.makefile("rb")
        self._numbers = itertools.count(1)
        self._received()  # its greeting

    def _received(self) -> Any:
        length = b""
        while (digit := self._read.read(1)) != b":":
            length += digit
        return json.loads(self._read.read(int(length)))

    def ask(self, marionette: str, path: str, content: Mapping[str, Any]) -> Any:
        packed = json.dumps([0, next(self._numbers), marionette, content]).encode()
        self._socket.sendall(b"%d:%s" % (len(packed), packed))
        _, _, error, result = self._received()
        if error:
            raise SystemExit(f"{marionette}: {error['error']}: {error['message']}")
        return result["value"] if isinstance(result, dict) and set(result) == {"value"} else result


class _WebDriver:
    def __init__(self, address: str, wanted: Mapping[str, Any]) -> None:
        self._address = address
        asked = {"capabilities": {"alwaysMatch": wanted}}
        self.session = _value(requests.post(f"{address}/session", json=asked, timeout=SECONDS))
        self._address += f"/session/{self.session['sessionId']}"

    def ask(self, marionette: str, path: str, content: Mapping[str, Any]) -> Any:
        return _value(requests.post(f"{self._address}/{path}", json=content, timeout=SECONDS))

    def end(self) -> None:
        requests.delete(self._address, timeout=SECONDS)


def _value(answer: requests.Response) -> Any:
    value = answer.json()["value"]
    if not answer.ok:
        raise SystemExit(f"{answer.url}: {value['error']}: {value['message']}")
    return value


def _connected(port: int) -> socket.socket:
    ends = time.monotonic() + SECONDS
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        except ConnectionRefusedError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _there(*names: str) -> str:
    for name in names:
        if found := shutil.which(name):
            return found
    raise SystemExit(f"{' or '.join(names)} is not on the PATH")


@contextmanager
def _running(*command: str) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()


@contextmanager
def firefox() -> Iterator[Window]:
    """Open a headless Firefox with a profile of its own."""
    command, port = _there("firefox-esr", "firefox"), _free_port()
    with TemporaryDirectory() as profile:
        Path(profile, "user.js").write_text(f'user_pref("marionette.port", {port});\n', encoding="utf-8")
        with _running(command, "--headless", "--marionette", "--no-remote", "--profile", profile):
            line = _Marionette(port)
            said = line.ask("WebDriver:NewSession", "", {"capabilities": {}})["capabilities"]
            yield Window(f"Firefox {said['browserVersion']}", line)


@contextmanager
def webkit() -> Iterator[Window]:
    """Open WebKitGTK's small browser on a display of its own."""
    driver, port = _there("WebKitWebDriver"), _free_port()
    browsers = sorted(Path("/").glob(MINI_BROWSERS[1:]))
    if not browsers:
        raise SystemExit(f"no {MINI_BROWSERS}")
    options = {"binary": str(browsers[-1]), "args": ["--automation"]}
    display = ("xvfb-run", "--auto-servernum", "--server-args=-screen 0 1280x900x24")
    _there(display[0])
    with _running(*display, driver, f"--port={port}"):
        _connected(port).close()
        line = _WebDriver(f"http://127.0.0.1:{port}", {"webkitgtk:browserOptions": options})
        said = line.session["capabilities"]
        yield Window(f"WebKitGTK ({said['browserName']}) {said['browserVersion']}", line)
        line.end()

"""The page for the field on the local network, with a code that a phone's camera reads."""

import gzip
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import segno

from lithoscope.core.errors import LithoscopeError
from lithoscope.serving.field.build import is_web_folder
from lithoscope.serving.page_address import page_address

_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}
_SECONDS = 60  # that a phone may be silent


def read_web_folder(folder: Path) -> dict[str, bytes]:
    """Return each file's content by its name.

    Raises:
        LithoscopeError: The folder is not one that ``lithoscope export --web`` wrote.
    """
    if not is_web_folder(folder):
        raise LithoscopeError(f"{folder}: no page for the field; `lithoscope export --web {folder}` makes it")
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def qr_code(address: str) -> str:
    """Return an address as a QR code of half blocks, for a terminal."""
    rows = [[bool(cell) for cell in row] for row in segno.make(address, micro=False).matrix_iter(border=4)]
    rows += [[False] * len(rows[0])] * (len(rows) % 2)
    blocks = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return "\n".join("".join(blocks[cells] for cells in zip(*pair, strict=True)) for pair in pairs)


def serve_folder(contents: Mapping[str, bytes], listening: socket.socket, started: Callable[[str], None]) -> None:
    """Serve files until the process is asked to stop (SIGTERM, Ctrl-C).

    Args:
        contents: Each file by its name; nothing else can be asked for.
        listening: A socket that listens.
        started: Called with the page's address before the first request.
    """
    packed = {name: gzip.compress(content, 6) for name, content in contents.items()}
    host, port = listening.getsockname()[:2]

    class Handler(BaseHTTPRequestHandler):
        timeout = _SECONDS
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = self.path.partition("?")[0].removeprefix("/") or "index.html"
            if name not in contents:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            zipped = "gzip" in self.headers.get("Accept-Encoding", "")
            content = packed[name] if zipped else contents[name]
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", _KINDS.get(Path(name).suffix, "application/octet-stream"))
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-cache")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Vary", "Accept-Encoding")
            if zipped:
                self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET  # noqa: N815 (the name of the method)

        def version_string(self) -> str:
            return "lithoscope"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name above)
            pass

    server = ThreadingHTTPServer((host, port), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    stop = threading.Event()
    for asked_to_stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked_to_stop, lambda *_: stop.set())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    started(page_address(host, port))
    stop.wait()
    server.shutdown()
    server.server_close()

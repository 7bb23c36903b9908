"""A server on this machine that hands out one file, or what a network can do to it."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def serving(content: bytes, *, status: int = 200, announced: int | None = None) -> Iterator[tuple[str, list[str]]]:
    """Serve a file; yield its folder's address and the list of what was asked for, which grows: ``GET /name``.

    Args:
        content: The file.
        status: What every request is answered with.
        announced: Content-Length, where it is to differ from the content's.
    """
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(f"{self.command} {self.path}")
            self.send_response(status)
            self.send_header("Content-Length", str(len(content) if announced is None else announced))
            self.end_headers()

        def do_GET(self) -> None:
            self.do_HEAD()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class's name)
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        yield from _running(server, asked)


@contextmanager
def silent() -> Iterator[tuple[str, list[str]]]:
    """Take connections and never answer."""
    over = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            over.wait()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        try:
            yield from _running(server, [])
        finally:
            over.set()


def _running(server: socketserver.TCPServer, asked: list[str]) -> Iterator[tuple[str, list[str]]]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        thread.join()

"""A server on this machine that speaks the part of the OSF API v2 that downloading a node needs.

Tests make it misbehave file by file. As a program it serves a local copy of a node with the real protocol, so that the
whole pipeline can be tried without the internet:

    python tests/helpers/osf_server.py FOLDER [--port N]
    dvc exp run -S dataset=osf-rocks -S osf_api=http://127.0.0.1:N/v2
"""

import argparse
import hashlib
import json
import sys
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class Served:
    """One file of the node.

    Attributes:
        folder: Its folder, posix, "" for the top.
        name: Its name as listed, which may be hostile.
        content: Its bytes, or where they lie.
        stated: What the listing says instead of the truth: ``size``, ``md5``, ``sha256``, ``download``.
        faults: What the next requests for it meet, one each: ``drop`` (half the body, then the connection breaks),
            ``stall`` (half, then nothing until the server ends), ``truncate`` (half, announced as the whole),
            ``garbage`` (wrong bytes), ``long`` (more bytes than announced by the listing), ``error`` (500),
            ``missing`` (404), ``busy X`` (429 with ``Retry-After: X``), ``redirect X``.
    """

    folder: str
    name: str
    content: bytes | Path
    stated: dict[str, Any] = field(default_factory=dict)
    faults: deque[str] = field(default_factory=deque)

    @property
    def path(self) -> str:
        return f"{self.folder}/{self.name}" if self.folder else self.name

    @property
    def id(self) -> str:
        return _id(self.path)

    def read(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else self.content.read_bytes()


@dataclass(frozen=True)
class Hit:
    """One request, as the server saw it."""

    path: str
    status: int
    headers: dict[str, str]
    query: str = ""


class OsfServer:
    """Serves one node on 127.0.0.1 while it is entered as a context.

    Args:
        node: The node's id.
        page_size: The most entries of one page of a listing.
        port: 0 takes a free one.
    """

    def __init__(self, node: str = "d6b9y", page_size: int = 100, port: int = 0) -> None:
        self.node = node
        self.page_size = page_size
        self.files: list[Served] = []
        self.hits: list[Hit] = []
        self.api_faults: deque[str] = deque()
        self.next_link: str | None = None  # given instead of the true one on every page
        self.folder_link: str | None = None
        self.total: int | None = None
        self.at_once = 0
        self.most_at_once = 0
        self.gate: threading.Barrier | None = None  # files are sent once so many requests for them are under way
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self._server = _Quiet(("127.0.0.1", port), type("Handler", (_Handler,), {"osf": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def api(self) -> str:
        """The base URL to set as ``osf_api``."""
        return f"{self.origin}/v2"

    def add(self, path: str, content: bytes | Path, *faults: str, **stated: Any) -> Served:
        """Put a file into the node."""
        folder, _, name = path.rpartition("/")
        served = Served(folder, name, content, stated, deque(faults))
        self.files.append(served)
        return served

    def add_folder(self, folder: Path) -> None:
        """Put a folder's files into the node."""
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            self.add(path.relative_to(folder).as_posix(), path)

    def sent(self, served: Served) -> list[Hit]:
        """Return the requests for a file."""
        return [hit for hit in self.hits if hit.path == f"/download/{served.id}"]

    def __enter__(self) -> "OsfServer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Quiet(ThreadingHTTPServer):
    """A client that hangs up is what these tests are about, not an error."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    osf: OsfServer
    protocol_version = "HTTP/1.1"
    wbufsize = 65536

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        listing = f"/v2/nodes/{self.osf.node}/files/osfstorage/"
        if path.startswith(listing):
            fault = self._take(self.osf.api_faults)
            if not self._refused(fault):
                self._list(path.removeprefix(listing).strip("/"))
        elif path.startswith("/download/"):
            served = next((file for file in self.osf.files if file.id == path.removeprefix("/download/")), None)
            self._send(404, b"") if served is None else self._download(served)
        else:
            self._send(404, b"{}")

    def _list(self, folder_id: str) -> None:
        folders = sorted({str(parent) for file in self.osf.files for parent in _parents(file.folder)})
        here = next((folder for folder in folders if _id(folder + "/") == folder_id), None if folder_id else "")
        if here is None:
            self._send(404, b"{}")
            return
        entries: list[str | Served] = [name for name in folders if name and name.rpartition("/")[0] == here]
        entries += [file for file in self.osf.files if file.folder == here]
        query = parse_qs(unquote(urlsplit(self.path).query))
        page = int(query.get("page", ["1"])[0])
        size = min(int(query.get("page[size]", ["10"])[0]), self.osf.page_size)
        base = f"{self.osf.origin}{urlsplit(self.path).path}"
        more = f"{base}?page={page + 1}&page%5Bsize%5D={size}" if page * size < len(entries) else None
        total = len(entries) if self.osf.total is None else self.osf.total
        document = {
            "data": [
                self._folder(entry) if isinstance(entry, str) else self._file(entry)
                for entry in entries[(page - 1) * size : page * size]
            ],
            "links": {"next": self.osf.next_link or more, "meta": {"total": total, "per_page": size}},
        }
        self._send(200, json.dumps(document).encode(), {"Content-Type": "application/vnd.api+json"})

    def _folder(self, folder: str) -> dict[str, Any]:
        identity = _id(folder + "/")
        link = self.osf.folder_link or f"{self.osf.api}/nodes/{self.osf.node}/files/osfstorage/{identity}/"
        return {
            "id": identity,
            "type": "files",
            "attributes": {
                "kind": "folder",
                "name": folder.rpartition("/")[2],
                "size": None,
                "materialized_path": f"/{folder}/",
                "extra": {"hashes": {"md5": None, "sha256": None}},
            },
            "relationships": {"files": {"links": {"related": {"href": link, "meta": {}}}}},
            "links": {},
        }

    def _file(self, file: Served) -> dict[str, Any]:
        content = file.read()
        truth = {
            "size": len(content),
            "md5": hashlib.md5(content).hexdigest(),
            "sha256": hashlib.sha256(content).hexdigest(),
            "download": f"{self.osf.origin}/download/{file.id}",
        }
        stated = truth | file.stated
        return {
            "id": file.id,
            "type": "files",
            "attributes": {
                "kind": "file",
                "name": file.name,
                "size": stated["size"],
                "materialized_path": f"/{file.path}",
                "extra": {"hashes": {"md5": stated["md5"], "sha256": stated["sha256"]}},
            },
            "links": {"download": stated["download"]},
        }

    def _download(self, file: Served) -> None:
        with self.osf.lock:
            self.osf.at_once += 1
            self.osf.most_at_once = max(self.osf.most_at_once, self.osf.at_once)
        try:
            if self.osf.gate is not None:
                self.osf.gate.wait(10)
            self._answer(file, self._take(file.faults))
        finally:
            with self.osf.lock:
                self.osf.at_once -= 1

    def _answer(self, file: Served, fault: str) -> None:
        if self._refused(fault):
            return
        body = file.read()
        half = body[: len(body) // 2]
        if fault in ("drop", "stall"):
            self._send(200, half, announced=len(body))
            if fault == "stall":
                self.osf.ended.wait(30)
            self.close_connection = True
        elif fault == "garbage":
            self._send(200, bytes(255 - byte for byte in body))
        elif fault == "truncate":
            self._send(200, half)
        elif fault == "long":
            self._send(200, body + bytes(100_000), announced=None)
            self.close_connection = True
        else:
            self._send(200, body)

    def _refused(self, fault: str) -> bool:
        word, _, value = fault.partition(" ")
        if word == "break":
            self._record(0)
            self.close_connection = True
        elif word == "error":
            self._send(500, b"oops")
        elif word == "missing":
            self._send(404, b"")
        elif word == "busy":
            self._send(429, b"", {"Retry-After": value})
        elif word == "redirect":
            self._send(302, b"", {"Location": value})
        elif word == "html":
            self._send(200, b"<html>Please log in to the hotel's network</html>")
        else:
            return False
        return True

    def _take(self, faults: deque[str]) -> str:
        with self.osf.lock:
            return faults.popleft() if faults else ""

    def _send(
        self, status: int, body: bytes, headers: dict[str, str] | None = None, announced: int | None = -1
    ) -> None:
        """Send an answer; ``announced`` is its Content-Length, None for none, -1 for the true one."""
        self._record(status)
        self.send_response(status)
        length = len(body) if announced == -1 else announced
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _record(self, status: int) -> None:
        with self.osf.lock:
            self.osf.hits.append(Hit(urlsplit(self.path).path, status, dict(self.headers), urlsplit(self.path).query))

    def log_message(self, *arguments: object) -> None:
        """Stay silent: tests read ``hits``."""


def _id(path: str) -> str:
    return hashlib.sha256(path.encode("utf-8", "replace")).hexdigest()[:24]


def _parents(folder: str) -> list[str]:
    parts = folder.split("/")
    return ["/".join(parts[: count + 1]) for count in range(len(parts)) if folder]


def main() -> None:
    """Serve a folder until Ctrl-C."""
    parser = argparse.ArgumentParser(description="Serve a local copy of an OSF node through the OSF API on 127.0.0.1.")
    parser.add_argument("folder", type=Path, help="the copy, laid out as the node is")
    parser.add_argument("--node", default="d6b9y")
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    arguments = parser.parse_args()
    server = OsfServer(arguments.node, port=arguments.port)
    server.add_folder(arguments.folder)
    with server:
        print(f"osf_api: {server.api}   ({len(server.files)} files of node {server.node}; Ctrl-C ends it)", flush=True)
        try:
            server.ended.wait()
        except KeyboardInterrupt:
            print("ended")


if __name__ == "__main__":
    main()

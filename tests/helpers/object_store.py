"""A look-alike of an S3 object store on the loopback interface, whose credentials expire after some uploads."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

EXPIRED = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"


class ObjectStore:
    """Takes so many uploads and refuses the next ones as S3 does when a session's token has expired.

    Attributes:
        allowed: How many more it takes.
        objects: Paths of what it took.
        address: Where it answers.
    """

    def __init__(self, allowed: int) -> None:
        self.allowed, self.objects = allowed, list[str]()
        store = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:
                self._read_body()
                if store.allowed > 0:
                    store.allowed -= 1
                    store.objects.append(self.path)
                    self._answer(200, b"")
                else:
                    self._answer(400, EXPIRED)

            do_POST = do_PUT  # noqa: N815  (the name that http.server calls)

            def _read_body(self) -> None:
                if self.headers.get("Transfer-Encoding", "") != "chunked":
                    self.rfile.read(int(self.headers.get("Content-Length", 0)))
                    return
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    self.rfile.read(size + 2)
                while self.rfile.readline().strip():
                    pass

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("ETag", '"etag"')
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class's name)
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()

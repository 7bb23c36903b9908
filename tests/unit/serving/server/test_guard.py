"""What the guard refuses, judged by a request's head; no photograph is decoded here."""

import asyncio
import json
import socket
import tempfile
import threading
from contextlib import ExitStack
from dataclasses import replace

import pytest
import uvicorn
from fastapi.testclient import TestClient
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive

from lithoscope.core.errors import LithoscopeError
from lithoscope.serving.server import run
from lithoscope.serving.server.application import create_app
from lithoscope.serving.server.settings import ServerSettings
from lithoscope.serving.server.uploads import read_uploads

from helpers.served_model import RedOrBlue

SETTINGS = ServerSettings(hosts=("testserver",))


@pytest.fixture(scope="module")
def client() -> TestClient:
    """Without its processes for decoding: nothing here may get as far."""
    return TestClient(create_app(RedOrBlue(), SETTINGS), raise_server_exceptions=False)


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "https://example.org", "null", ""])
def test_an_origin_that_is_not_the_servers_is_refused_even_if_garbled(client: TestClient, origin: str) -> None:
    answer = client.post("/predict", headers={"origin": origin})
    assert (answer.status_code, answer.json()["error"]) == (403, "requests from other web sites' pages are refused")


@pytest.mark.parametrize("host", ["192.168.1.20:8000", "192.168.1.20", "[fe80::1]:8000", "[::1]"])
def test_an_address_is_always_one_of_the_servers(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["rebound.example.org", "192.168.1.20.example.org", "[127.0.0.1]", "fe80::abcd", "127.1", ""]
)
def test_a_name_of_someone_elses_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"host": host}).status_code == 421


def test_the_address_that_is_said_is_one_that_others_can_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    said: list[str] = []
    with run.bind("0.0.0.0", 0) as listening:
        run.serve(RedOrBlue(), SETTINGS, listening, said.append)
    assert said[0].startswith("http://")
    assert "0.0.0.0" not in said[0]


async def posted(app: ASGIApp, receive: Receive, *more: tuple[bytes, bytes], path: str = "/predict") -> list[Message]:
    """Return what an application sends for an upload whose body comes as ``receive`` says."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", b"testserver"), (b"content-type", b"multipart/form-data; boundary=x"), *more]
    await app({"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers}, receive, send)
    return sent


def post(receive: Receive, settings: ServerSettings = SETTINGS, *more: tuple[bytes, bytes]) -> list[Message]:
    """Return what is sent for one upload."""
    return asyncio.run(posted(create_app(RedOrBlue(), settings), receive, *more))


BEGUN: Message = {"type": "http.request", "body": b"--x\r\n", "more_body": True}
HUNG_UP: Message = {"type": "http.disconnect"}
HUGE = (b"content-length", b"100000000")


def test_who_hangs_up_during_an_upload_is_no_failure_of_the_servers() -> None:
    messages = iter([BEGUN, HUNG_UP])

    async def receive() -> Message:
        return next(messages)

    assert post(receive) == []


@pytest.mark.parametrize("token", ["schlüssel", "secret\n", " secret", "se\tcret", "\udcff"])
def test_a_token_that_no_header_can_bring_is_refused_at_the_start(token: str) -> None:
    with pytest.raises(LithoscopeError, match=r"^the token: only ASCII letters") as refusal:
        ServerSettings(token=token)
    assert token not in str(refusal.value)


def test_a_failure_is_one_line_of_json_counted_and_with_the_security_headers(client: TestClient) -> None:
    answer = client.post("/predict", files=[("photographs", ("a.png", b"no picture"))])  # without its pool of processes
    assert (answer.status_code, answer.json()) == (500, {"error": "the server failed to answer this; its log says why"})
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert 'lithoscope_requests_total{path="/predict",status="500"} 1.0' in client.get("/metrics").text


def test_a_failure_still_reaches_the_log() -> None:
    with pytest.raises(AttributeError, match="pool"):
        TestClient(create_app(RedOrBlue(), SETTINGS)).post("/predict", files=[("photographs", ("a.png", b"1"))])


def test_a_body_that_dawdles_is_given_up() -> None:
    messages = iter([BEGUN])

    async def receive() -> Message:
        for message in messages:
            return message
        await asyncio.sleep(60)
        raise AssertionError

    start, body = post(receive, replace(SETTINGS, seconds=0.1))
    assert (start["status"], json.loads(body["body"])) == (408, {"error": "the request did not arrive within 0.1 s"})
    assert (b"connection", b"close") in start["headers"]


def test_no_photograph_ever_reaches_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def rollover(_file: object) -> None:
        raise AssertionError("written to disk")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", rollover)
    content = bytes(2_000_000)
    head = b'--x\r\nContent-Disposition: form-data; name="photographs"; filename="a.png"\r\n\r\n'

    async def receive() -> Message:
        return {"type": "http.request", "body": head + content + b"\r\n--x--\r\n"}

    scope = {"type": "http", "headers": [(b"content-type", b"multipart/form-data; boundary=x")]}
    (upload,), _ = asyncio.run(read_uploads(Request(scope, receive), 1))
    assert upload.content == content


@pytest.mark.parametrize(
    ("settings", "status"), [({"waiting": 1}, 429), ({"max_bytes": 9_000_000}, 413)], ids=["busy", "too large"]
)
@pytest.mark.parametrize("length", [b"content-length: 20000000", b"transfer-encoding: chunked"], ids=["said", "unsaid"])
def test_who_sends_all_before_listening_still_hears_why_it_is_refused(
    settings: dict[str, int], status: int, length: bytes
) -> None:
    app = create_app(RedOrBlue(), replace(ServerSettings(), **settings))  # type: ignore[arg-type]
    listening = run.bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    begun = b'--x\r\nContent-Disposition: form-data; name="photographs"; filename="a"\r\n\r\n'
    body = begun.ljust(20_000_000, b"\0")
    if b"chunked" in length:
        body = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    kind = b"content-type: multipart/form-data; boundary=x"
    with ExitStack() as connections:
        holder, sender = (
            connections.enter_context(socket.create_connection(listening.getsockname(), timeout=30)) for _ in range(2)
        )
        if status == 429:  # the one place is taken by whom the server asks to go on
            expect = (kind, b"content-length: 9", b"expect: 100-continue", b"", b"")
            holder.sendall(b"\r\n".join((b"POST /predict HTTP/1.1", b"host: 127.0.0.1", *expect)))
            assert holder.recv(100).startswith(b"HTTP/1.1 100")
        sender.sendall(b"\r\n".join((b"POST /predict HTTP/1.1", b"host: 127.0.0.1", kind, length, b"", b"")))
        sender.sendall(body)
        assert sender.recv(100).startswith(f"HTTP/1.1 {status}".encode())
    server.should_exit = True
    thread.join()


def test_who_waits_to_be_asked_for_the_body_is_refused_at_once_and_sends_none() -> None:
    async def receive() -> Message:
        raise AssertionError("asked for the body")

    start, _ = post(receive, SETTINGS, (b"expect", b"100-continue"), HUGE)
    assert start["status"] == 413


@pytest.mark.parametrize("path", ["/", "/healthz", "/model", "/nothing"])
def test_no_body_is_read_where_none_has_anything_to_say(path: str) -> None:
    async def receive() -> Message:
        raise AssertionError("asked for the body")

    start, _ = asyncio.run(posted(create_app(RedOrBlue(), SETTINGS), receive, HUGE, path=path))
    assert start["status"] == 413
    assert (b"connection", b"close") in start["headers"]


class Slow:
    """Sends a first piece, and hangs up when it is told to."""

    def __init__(self) -> None:
        self.asked, self.over, self._begun = asyncio.Event(), asyncio.Event(), False

    async def __call__(self) -> Message:
        if not self._begun:
            self._begun = True
            return BEGUN
        self.asked.set()
        await self.over.wait()
        return HUNG_UP


def test_of_no_more_refused_bodies_than_places_is_the_rest_read_at_once() -> None:
    async def ask() -> None:
        app, slow = create_app(RedOrBlue(), replace(SETTINGS, waiting=2)), [Slow() for _ in range(3)]
        drained = [asyncio.create_task(posted(app, one, HUGE)) for one in slow[:2]]
        await asyncio.gather(*(one.asked.wait() for one in slow[:2]))
        start, _ = await asyncio.wait_for(posted(app, slow[2], HUGE), 10)
        assert start["status"] == 413
        assert not any(one.done() for one in drained)
        for one in slow:
            one.over.set()
        await asyncio.gather(*drained)
        again = asyncio.create_task(posted(app, last := Slow(), HUGE))
        await asyncio.wait_for(last.asked.wait(), 10)  # a place is free again
        last.over.set()
        await again

    asyncio.run(ask())


def test_who_is_refused_in_the_midst_of_a_body_holds_no_place_while_the_rest_comes() -> None:
    async def ask() -> None:
        app, slow, next_one = create_app(RedOrBlue(), replace(SETTINGS, waiting=1, max_bytes=4)), Slow(), Slow()
        first = asyncio.create_task(posted(app, slow, (b"transfer-encoding", b"chunked")))
        await slow.asked.wait()
        start, _ = await asyncio.wait_for(posted(app, next_one), 10)
        assert start["status"] == 413, "not 429: the place is free"
        assert not first.done()
        slow.over.set()
        assert (await first)[0]["status"] == 413

    asyncio.run(ask())

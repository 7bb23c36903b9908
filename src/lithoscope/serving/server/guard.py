"""What stands between a request and the application: who may ask, how much, how fast, and what browsers may do."""

import asyncio
import hmac
import ipaddress
import json
import math
import time
from contextlib import suppress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lithoscope.serving.server.measures import Measures
from lithoscope.serving.server.settings import ServerSettings

PREDICT = "/predict"
COMPUTES = frozenset({PREDICT, "/evidence"})
"""Paths that ask the network, of which so many requests alone may be under way."""

SCRIPTS = ("page", "answerer", "looked", "texts")
"""Of the page."""

OPEN_TO_ALL = frozenset({"/", "/healthz", "/page.css", "/colours.css", "/icon.svg", *(f"/{one}.js" for one in SCRIPTS)})
"""Paths that need no token: the page, which holds no secret and asks for the token itself, and the sign of life."""

KNOWN = OPEN_TO_ALL | COMPUTES | {"/model", "/metrics", "/openapi.json"}

SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; manifest-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


_DROPPED = 4
"""How many times as many bytes as a request may have are read of a refused one, so that its sender hears why."""


class TooLarge(Exception):  # noqa: N818 (an answer, not a fault of ours)
    """A body above the limit.

    Attributes:
        whole: Whether all of it has arrived.
    """

    def __init__(self, whole: bool) -> None:
        super().__init__()
        self.whole = whole


class TooSlow(Exception):  # noqa: N818 (an answer, not a fault of ours)
    """A body that did not arrive in time."""


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, settings: ServerSettings, measures: Measures) -> None:
        self._app, self._settings, self._measures = app, settings, measures
        self._under_way = self._drained = 0
        self._usual_seconds = 0.5

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse or hand on one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, scope["path"], self._measures)
        try:
            await self._hand_on(scope, receive, answer)
        except Exception:  # goes on to the log; what answers it further out knows no security headers
            await answer.refuse(500, "the server failed to answer this; its log says why")
            raise

    async def _hand_on(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        refusal = self._refusal(scope)
        computes = scope["path"] in COMPUTES and scope["method"] == "POST"
        if refusal is not None:
            if refusal[0] == 413 and computes:  # no one has a reason to send a body elsewhere
                await self._drain(scope, receive)
            await answer.refuse(*refusal)
            return
        if not computes:
            await self._app(scope, receive, answer)
            return
        if self._under_way >= self._settings.waiting:
            await self._drain(scope, receive)
            wait = max(1, math.ceil(self._usual_seconds * self._under_way / 2))
            await answer.refuse(429, f"busy: {self._under_way} requests are under way; try again in {wait} s", wait)
            return
        await self._compute(scope, receive, answer)

    async def _compute(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        self._under_way += 1
        self._measures.under_way.set(self._under_way)
        began = time.monotonic()
        limits, too_large = self._settings, None
        try:
            await self._app(scope, _limited(receive, limits.max_bytes, limits.seconds), answer)
        except TooLarge as error:
            too_large = error
        except TooSlow:
            await answer.refuse(408, f"the request did not arrive within {limits.seconds:g} s")
        except ClientDisconnect:
            pass  # no one is left to be answered
        finally:
            self._under_way -= 1
            seconds = time.monotonic() - began
            self._usual_seconds = 0.8 * self._usual_seconds + 0.2 * seconds
            self._measures.under_way.set(self._under_way)
            if scope["path"] == PREDICT:
                self._measures.seconds.observe(seconds)
        if too_large is not None:  # its place is free again, however slowly the rest comes
            if not too_large.whole:
                await self._drain(scope, receive)
            await answer.refuse(413, self._too_large())

    async def _drain(self, scope: Scope, receive: Receive) -> None:
        """Read what is still on its way and drop it, within bounds, of as many at once as may be under way.

        Where a connection is closed on bytes that no one read, the system resets it, and who sends without listening
        never sees why. A sender that waits to be asked for its body (``Expect``) sends none.
        """
        headers = Headers(scope=scope)
        if "expect" in headers or ("transfer-encoding" not in headers and headers.get("content-length", "0") == "0"):
            return
        if self._drained >= self._settings.waiting:
            return
        limited = _limited(receive, _DROPPED * self._settings.max_bytes, self._settings.seconds)
        self._drained += 1
        try:
            with suppress(TooLarge, TooSlow):
                while (message := await limited())["type"] == "http.request" and message.get("more_body", False):
                    pass
        finally:
            self._drained -= 1

    def _too_large(self) -> str:
        return f"the request is larger than {self._settings.max_bytes:,} bytes: send fewer photographs"

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return status and reason where a request may not go on; judged by its head alone."""
        headers, settings = Headers(scope=scope), self._settings
        host = headers.get("host", "")
        name = _name(host)
        if "*" not in settings.hosts and name not in settings.hosts and not _is_address(name):
            return 421, f"this server is not called {host[:100]!r}; start it with --allow-host to let it be"
        origin = headers.get("origin")
        if origin is not None and scope["method"] not in ("GET", "HEAD") and _netloc(origin) != host:
            return 403, "requests from other web sites' pages are refused"
        if settings.token is not None and scope["path"] not in OPEN_TO_ALL:
            given = headers.get("authorization", "")
            wanted = f"Bearer {settings.token}"
            if not hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode()):
                return 401, "a token is needed: send the header `Authorization: Bearer TOKEN`"
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            return 400, "Content-Length must be a whole number"
        if int(length) > settings.max_bytes:
            return 413, self._too_large()
        return None


class _Answer:
    """Sends an answer with the security headers, and counts it."""

    def __init__(self, send: Send, path: str, measures: Measures) -> None:
        self._send, self._measures = send, measures
        self._path = path if path in KNOWN else "other"
        self._begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begun = True
            headers = {name.lower(): value for name, value in message.get("headers", [])}
            added = [(k.encode(), v.encode()) for k, v in SECURITY_HEADERS.items() if k.encode() not in headers]
            message = {**message, "headers": [*message.get("headers", []), *added]}
            self._measures.requests.labels(self._path, str(message["status"])).inc()
        await self._send(message)

    async def refuse(self, status: int, reason: str, retry_after: int | None = None) -> None:
        """Send one line of JSON; nothing where an answer has begun."""
        if self._begun:
            return
        body = json.dumps({"error": reason}, ensure_ascii=False).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        if retry_after is not None:
            headers.append((b"retry-after", str(retry_after).encode()))
        if status in (408, 413, 429):  # what is left of the body is not read
            headers.append((b"connection", b"close"))
        await self({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def _name(host: str) -> str:
    """Return a Host header without its port."""
    bare, colon, port = host.rpartition(":")
    return bare if colon and port.isdigit() else host


def _is_address(name: str) -> bool:
    """Return whether a Host header is no name but an address, which no one can point elsewhere (DNS rebinding)."""
    bracketed = name.startswith("[") and name.endswith("]")
    try:
        return (ipaddress.ip_address(name[1:-1] if bracketed else name).version == 6) == bracketed
    except ValueError:
        return False


def _netloc(origin: str) -> str | None:
    """Return an Origin header's host and port; None where it is no address."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _limited(receive: Receive, most: int, seconds: float) -> Receive:
    """Wrap ``receive`` so that a body neither grows nor dawdles without end."""
    ends, seen = time.monotonic() + seconds, 0
    whole = False

    async def limited() -> Message:
        nonlocal seen, whole
        if whole:  # what comes after the body is the news that the other side hung up
            return await receive()
        try:
            async with asyncio.timeout(max(ends - time.monotonic(), 0.0)):
                message = await receive()
        except TimeoutError:
            raise TooSlow from None
        seen += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if seen > most:
            raise TooLarge(whole)
        return message

    return limited

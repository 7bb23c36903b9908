"""A polite HTTP client for public files: it backs off, honours ``Retry-After``, and never sends credentials.

Redirects are followed by hand, so that each hop is checked: to https anywhere, to plain http only where the user's own
address is plain http on the same host, or on this machine. What can be retried is raised as
:class:`~lithoscope.data.sources.http_retry.TransientError`; :class:`Backoff` decides how long to wait and when to give
up.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from ipaddress import ip_address
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

import requests
from requests.auth import AuthBase

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.random_streams import generator
from lithoscope.data.sources.http_retry import Policy, StoppedError, TransientError, asked_wait, explained, shown

_REDIRECTS = (301, 302, 303, 307, 308)
_RETRIED = (408, 425, 429, 500, 502, 503, 504)


class _NoCredentials(AuthBase):
    """Keeps requests from looking into ``~/.netrc`` or into the address itself."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.pop("Authorization", None)
        return request


def origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port of an address (the scheme's own port where none is written)."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def is_loopback(url: str) -> bool:
    """Say whether an address names this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Client:
    """Fetches from one site and from where its links lead. One client may be used by several threads.

    Args:
        base: The address the user gave; what may be fetched is judged against it.
        remedy: What a user can do if the site cannot be reached; ends that error's line.
        policy: How patient to be.
        sleep: Waits for some seconds; ends early when :attr:`stop` is set. Tests replace it.
        clock: Seconds that only grow, for the waits.
        tell: Shows a line to the user, when there is long to wait.

    Raises:
        LithoscopeError: ``base`` is no http address, or holds a user name or password.
    """

    def __init__(
        self,
        base: str,
        remedy: str,
        *,
        policy: Policy | None = None,
        sleep: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.base = base
        self.remedy = remedy
        self.policy = policy or Policy()
        self.tell = tell
        self.stop = threading.Event()
        self._sleep = sleep or self.stop.wait
        self._clock = clock
        self._threads = threading.local()
        self._lock = threading.Lock()
        self._hold_until = 0.0
        self._sessions: list[requests.Session] = []
        self.reached = False
        self.check_address(base)

    def check_address(self, url: str, *, same_origin: bool = False) -> None:
        """Refuse an address that must not be fetched.

        Args:
            url: An absolute address.
            same_origin: It must stay on the scheme, host and port of ``base``.

        Raises:
            LithoscopeError: It leaves what is allowed.
        """
        try:
            scheme, host, _ = origin(url)
            credentials = urlsplit(url).username is not None
        except ValueError:
            raise LithoscopeError(f"{shown(url)}: not a usable web address") from None
        if scheme not in ("http", "https") or not host:
            raise LithoscopeError(f"{shown(url)}: not an http or https address")
        if credentials:
            raise LithoscopeError(f"an address on {host} holds a user name or password: refused, none is ever sent")
        if origin(url) == origin(self.base):
            return
        if same_origin:
            raise LithoscopeError(
                f"the listing at {self.base} points to {scheme}://{shown(host)}: refused, it must stay on its own site"
            )
        if scheme == "http" and not (is_loopback(url) and is_loopback(self.base)):
            raise LithoscopeError(f"{self.base} leads to an unencrypted address on {shown(host)}: refused")

    @contextmanager
    def open(
        self, url: str, headers: dict[str, str] | None = None, *, accept: tuple[int, ...] = (200,), pinned: bool = False
    ) -> Iterator[requests.Response]:
        """Send one GET request, following redirects, and yield the answer, its body not yet read.

        Args:
            url: An absolute address.
            headers: Sent with each hop.
            accept: The statuses that the caller deals with.
            pinned: No hop may leave the origin of ``base``.

        Raises:
            TransientError: Connection errors, time-outs (also while the body is read in the ``with`` block), 429, 5xx.
            LithoscopeError: Any other status; a redirect to where it must not lead.
            StoppedError: :attr:`stop` was set.
        """
        self.wait_for_turn()
        try:
            for _ in range(10):
                self.check_address(url, same_origin=pinned)
                with self._session().get(
                    url,
                    headers={"Accept-Encoding": "identity", **(headers or {})},
                    stream=True,
                    allow_redirects=False,
                    timeout=(self.policy.connect_timeout, self.policy.read_timeout),
                ) as response:
                    self.reached = True
                    target = response.headers.get("Location")
                    if response.status_code in _REDIRECTS and target:
                        # http.client reads headers as Latin-1; addresses are UTF-8 where they are not ASCII.
                        url = urldefrag(urljoin(url, target.encode("latin-1").decode("utf-8", "replace"))).url
                        continue
                    if response.status_code not in accept:
                        raise self._refusal(response)
                    yield response
                    return
            raise LithoscopeError(f"{self.base}: more than ten redirects in a row")
        except requests.exceptions.SSLError as error:
            raise LithoscopeError(f"{_host(url)}: no trusted connection ({explained(error)}); {self.remedy}") from error
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
            raise LithoscopeError(f"{shown(url)}: not a usable web address") from error
        except (requests.exceptions.RequestException, ConnectionError, TimeoutError) as error:
            raise TransientError(f"{_host(url)}: {explained(error)}", unreachable=True) from error

    def get_json(self, url: str, limit: int) -> Any:
        """Fetch a JSON document from the origin of ``base``, with retries.

        Args:
            url: An absolute address.
            limit: The most bytes it may have.

        Raises:
            LithoscopeError: Given up, refused by the server, too long, or no JSON.
        """
        backoff = Backoff(self, url)
        while True:
            try:
                with self.open(url, {"Accept": "application/vnd.api+json, application/json"}, pinned=True) as response:
                    body = bytearray()
                    for chunk in response.iter_content(65536):
                        body += chunk
                        if len(body) > limit:
                            raise LithoscopeError(f"{shown(url)}: an answer longer than {limit} bytes: refused")
                return json.loads(body)
            except TransientError as failure:
                backoff.wait(failure)
            except (ValueError, RecursionError):
                raise LithoscopeError(f"{shown(url)}: the answer is not JSON; {self.remedy}") from None

    def close(self) -> None:
        """Close all connections."""
        for session in self._sessions:
            session.close()

    def hold(self, seconds: float) -> None:
        """Let every thread wait this long before its next request."""
        with self._lock:
            self._hold_until = max(self._hold_until, self._clock() + seconds)

    def pause(self, seconds: float) -> None:
        """Wait.

        Raises:
            StoppedError: :attr:`stop` was set.
        """
        self._sleep(seconds)
        self.check_stop()

    def wait_for_turn(self) -> None:
        """Wait until no hold is on."""
        self.check_stop()
        with self._lock:
            delay = self._hold_until - self._clock()
        if delay > 0:
            self.pause(delay)

    def check_stop(self) -> None:
        """Raise :class:`StoppedError` if :attr:`stop` is set."""
        if self.stop.is_set():
            raise StoppedError

    def _session(self) -> requests.Session:
        # requests does not promise that a session may be shared by threads.
        session: requests.Session | None = getattr(self._threads, "session", None)
        if session is None:
            session = requests.Session()
            session.auth = _NoCredentials()
            session.trust_env = not is_loopback(self.base)  # a proxy cannot reach this machine's loopback
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            session.headers["User-Agent"] = f"lithoscope/{_version()}"
            self._threads.session = session
            with self._lock:
                self._sessions.append(session)
        return session

    def _refusal(self, response: requests.Response) -> Exception:
        status, host, reason = response.status_code, _host(response.url), shown(response.reason or "")
        if status in _RETRIED:
            return TransientError(f"{host} answered {status} {reason}".strip(), wait=asked_wait(response))
        meaning = {401: "it is private", 403: "it is private", 404: "it is not there", 410: "it was removed"}
        what = shown(urlsplit(response.url).path)
        return LithoscopeError(f"{host} answered {status} for {what}: {meaning.get(status, reason)}; {self.remedy}")


class Backoff:
    """Counts the failures of one piece of work and waits between them.

    Args:
        client: Whose policy applies.
        key: What is fetched: with the count it decides the jitter, so that waits differ from file to file yet
            repeat from run to run.
    """

    def __init__(self, client: Client, key: str) -> None:
        self._client = client
        self._key = key
        self._failures = 0

    def wait(self, failure: TransientError, *, progress: bool = False) -> None:
        """Wait as long as the failure calls for.

        Args:
            failure: What went wrong.
            progress: Something was gained before it did, so the count starts anew.

        Raises:
            LithoscopeError: It failed too often.
            StoppedError: The client was told to stop.
        """
        policy = self._client.policy
        self._failures = 1 if progress else self._failures + 1
        limit = policy.attempts if self._client.reached else policy.attempts_to_reach
        if self._failures >= limit:
            longer = f"; it asks to wait {failure.wait:.0f} s" if failure.wait else ""
            unreachable = "cannot be reached: " if failure.unreachable else ""
            raise LithoscopeError(
                f"{self._client.base}: {unreachable}{failure} ({limit} times){longer}; {self._client.remedy}"
            )
        jitter = generator(0, "back-off", self._key, self._failures).uniform(0.5, 1.0)
        own = min(policy.first_wait * 2 ** (self._failures - 1), policy.longest_wait) * jitter
        if failure.wait is None:
            self._client.pause(own)
        else:
            # The server asks all of us, so the other threads hold back too; each waits before its next request.
            asked = min(failure.wait, policy.longest_asked_wait)
            if asked >= 5:
                self._client.tell(f"{failure}: waiting {asked:.0f} s as it asks")
            self._client.hold(max(asked, own))


def _host(url: str) -> str:
    # Never the whole address: a redirect's query may hold a signature.
    return shown(urlsplit(url).hostname or "")


def _version() -> str:
    try:
        return version("lithoscope")
    except PackageNotFoundError:
        return "unknown"

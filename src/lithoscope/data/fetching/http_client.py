"""A polite HTTP client for public files: requests over urllib3's ``Retry``, credentials never sent.

Redirects are followed by hand, so that each hop is checked: to https anywhere, to plain http only where the user's own
address is plain http on the same host, or on this machine.
"""

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import urldefrag, urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, InvalidHeader, MaxRetryError, ProtocolError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Retry

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.fetching.addresses import bare
from lithoscope.data.fetching.limits import MAX_FILE_BYTES

T = TypeVar("T")
_REDIRECTS = (301, 302, 303, 307, 308)
_RETRIED = (408, 425, 429, 500, 502, 503, 504)
_CONNECTIONS = 32  # kept open to a host: at least as many as fetch at a time


def _without_query(record: logging.LogRecord) -> bool:
    """Keep queries, which may be signatures, out of what urllib3 logs."""
    if isinstance(record.args, tuple):
        record.args = tuple(part.partition("?")[0] if isinstance(part, str) else part for part in record.args)
    return True


for _name in ("urllib3.connectionpool", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_without_query)


class MismatchError(Exception):
    """What arrived is not what was stated."""


class StoppedError(Exception):
    """Another file's failure, or Ctrl-C, ended the work."""


@dataclass(frozen=True)
class Policy:
    """How patient the client is. Times are in seconds.

    Attributes:
        attempts: Broken answers, or answers that say "busy" or "out of order", after which it gives up.
        attempts_to_reach: The same for connections that could not be made.
        mismatches: The same for answers whose content is not what was stated.
        first_wait: The second wait is twice as long, each further one twice the one before; the first is none.
        longest_wait: Limit of the doubling.
        longest_asked_wait: Limit of what ``Retry-After`` may ask for.
        connect_timeout: For the connection.
        read_timeout: Between two pieces of an answer.
        largest_file: Limit for any file, bytes.
    """

    attempts: int = 6
    attempts_to_reach: int = 4
    mismatches: int = 4
    first_wait: float = 0.5
    longest_wait: float = 30.0
    longest_asked_wait: int = 300
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    largest_file: int = MAX_FILE_BYTES


class Client:
    """Fetches from one site and from where its links lead. One client may be used by several threads.

    Args:
        base: The address the user gave; what may be fetched is judged against it.
        remedy: What a user can do if the site cannot be reached; ends that error's line.
        policy: How patient to be.
        sleep: Waits for some seconds; ends early when :attr:`stop` is set. Tests replace it.
        log: Shows a line to the user, when there is long to wait.

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
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.base = base
        self.remedy = remedy
        self.policy = policy or Policy()
        self.log = log
        self.stop = threading.Event()
        self._sleep = sleep or self.stop.wait
        self._retries = _Retry(
            total=None,
            connect=self.policy.attempts_to_reach - 1,
            read=self.policy.attempts - 1,
            status=self.policy.attempts - 1,
            other=self.policy.mismatches - 1,
            status_forcelist=_RETRIED,
            backoff_factor=self.policy.first_wait,
            backoff_max=self.policy.longest_wait,
            backoff_jitter=self.policy.first_wait,
            retry_after_max=self.policy.longest_asked_wait,
            raise_on_status=False,
        )
        self._retries.client = self
        self._session = requests.Session()
        self._session.auth = _no_credentials  # also keeps requests from looking into ~/.netrc
        self._session.trust_env = not is_loopback(base)  # a proxy cannot reach this machine's loopback
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers["User-Agent"] = f"lithoscope/{_version()}"
        self._session.headers["Accept-Encoding"] = "identity"  # so that lengths are those of the file
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=_CONNECTIONS, max_retries=self._retries))
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
            raise LithoscopeError(f"{one_line(bare(url))}: not a usable web address") from None
        if scheme not in ("http", "https") or not host:
            raise LithoscopeError(f"{one_line(bare(url))}: not an http or https address")
        if credentials:
            raise LithoscopeError(f"an address on {host} holds a user name or password: refused, none is ever sent")
        if origin(url) == origin(self.base):
            return
        if same_origin:
            raise LithoscopeError(
                f"the listing at {self.base} points to {scheme}://{one_line(host)}: refused, it must stay on its own "
                "site"
            )
        if scheme == "http" and not (is_loopback(url) and is_loopback(self.base)):
            raise LithoscopeError(f"{self.base} leads to an unencrypted address on {one_line(host)}: refused")

    def receive(self, url: str, read: Callable[[requests.Response], T], *, same_origin: bool = False) -> T:
        """Send a GET request and read its answer, both anew where they fail in a way that may pass.

        Args:
            url: An absolute address.
            read: Reads the answer, whose body is still to come; called once for each answer.
            same_origin: No redirect may leave the origin of ``base``.

        Returns:
            What ``read`` returns.

        Raises:
            LithoscopeError: The site cannot be reached, refuses, redirects to where it must not, breaks off or sends
                what ``read`` calls a :class:`MismatchError` too often.
            StoppedError: :attr:`stop` was set.
        """
        retries: Retry = self._retries
        while True:
            failure: Exception
            try:
                with self._send(url, same_origin) as response:
                    return read(response)
            except (requests.RequestException, HTTPError, ConnectionError, TimeoutError) as error:
                failure, doubt = ProtocolError(f"{_host(url)}: {explained(error)}"), ""
            except MismatchError as error:
                failure, doubt = error, "the source may be changing or damaged: try again later, or "
            try:
                retries = retries.increment("GET", url, error=failure)
            except MaxRetryError:
                times = len(retries.history) + 1
                raise LithoscopeError(f"{failure} ({times} times); {doubt}{self.remedy}") from failure
            retries.sleep()

    def get_json(self, url: str, limit: int) -> Any:
        """Fetch a JSON document from the origin of ``base``.

        Args:
            url: An absolute address.
            limit: The most bytes it may have.

        Raises:
            LithoscopeError: Given up, refused by the server, too long, or no JSON.
        """

        def read(response: requests.Response) -> bytes:
            body = bytearray()
            for chunk in response.iter_content(65536):
                body += chunk
                if len(body) > limit:
                    raise LithoscopeError(f"{one_line(url)}: an answer longer than {limit} bytes: refused")
            return bytes(body)

        try:
            return json.loads(self.receive(url, read, same_origin=True))
        except (ValueError, RecursionError):
            raise LithoscopeError(f"{one_line(url)}: the answer is not JSON; {self.remedy}") from None

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def pause(self, seconds: float) -> None:
        """Wait.

        Raises:
            StoppedError: :attr:`stop` was set.
        """
        self._sleep(seconds)
        self.check_stop()

    def check_stop(self) -> None:
        """Raise :class:`StoppedError` if :attr:`stop` is set."""
        if self.stop.is_set():
            raise StoppedError

    def _send(self, url: str, same_origin: bool) -> requests.Response:
        """Return an answer of status 200, its body not yet read, after redirects and urllib3's retries."""
        self.check_stop()
        times = (self.policy.connect_timeout, self.policy.read_timeout)
        for _ in range(10):
            self.check_address(url, same_origin=same_origin)
            try:
                response = self._session.get(url, stream=True, allow_redirects=False, timeout=times)
            except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
                raise LithoscopeError(f"{one_line(bare(url))}: not a usable web address") from error
            except requests.RequestException as error:
                why = f"{_host(url)}: {explained(error)}"
                raise LithoscopeError(f"{self.base}: cannot be reached: {why}; {self.remedy}") from error
            target = response.headers.get("Location")
            if response.status_code not in _REDIRECTS or not target:
                break
            response.close()
            # http.client reads headers as Latin-1; addresses are UTF-8 where they are not ASCII.
            url = urldefrag(urljoin(url, target.encode("latin-1").decode("utf-8", "replace"))).url
        else:
            raise LithoscopeError(f"{self.base}: more than ten redirects in a row")
        if response.status_code != 200:
            response.close()
            raise self._refusal(response)
        return response

    def _refusal(self, response: requests.Response) -> LithoscopeError:
        status, host, reason = response.status_code, _host(response.url), one_line(response.reason or "")
        if status in _RETRIED:
            asked = self._retries.get_retry_after(response.raw)
            longer = f"; it asks to wait {asked:.0f} s" if asked else ""
            return LithoscopeError(
                f"{self.base}: {host} answered {status} {reason} ({self.policy.attempts} times){longer}; {self.remedy}"
            )
        meaning = {401: "it is private", 403: "it is private", 404: "it is not there", 410: "it was removed"}
        what = one_line(urlsplit(response.url).path)
        return LithoscopeError(f"{host} answered {status} for {what}: {meaning.get(status, reason)}; {self.remedy}")


class _Retry(Retry):
    """urllib3's retries, whose waits the client makes: it says the long ones, and ends them when it is stopped."""

    client: Client

    def new(self, **changes: Any) -> "_Retry":
        fresh: _Retry = super().new(**changes)
        fresh.client = self.client
        return fresh

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        try:
            return super().get_retry_after(response)
        except InvalidHeader:
            return None

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        asked = (response is not None and self.get_retry_after(response)) or 0.0
        if response is not None and asked >= 5:
            host = _host(self.client.base)
            self.client.log(f"{host} answered {response.status}: waiting {asked:.0f} s as it asks")
        self.client.pause(max(asked, self.get_backoff_time()))


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


def explained(error: BaseException) -> str:
    """Say in a few words what lies beneath an error of requests or urllib3."""
    text = str(error)
    for sign, words in [
        ("ConnectTimeout", "no connection in time"),
        ("timed out", "no answer in time"),
        ("NameResolution", "its name is not known here"),
        ("refused", "connection refused"),
        ("unreachable", "network unreachable"),
        ("certificate", "its certificate is not trusted"),
        ("SSL", "TLS failed"),
        ("IncompleteRead", "connection broken"),
        ("RemoteDisconnected", "connection broken"),
        ("reset", "connection broken"),
    ]:
        if sign in text:
            return words
    return type(error).__name__


def one_line(text: str) -> str:
    """Make a text that a server sent fit for one line on a terminal."""
    text = text if text.isprintable() else json.dumps(text)
    return text if len(text) <= 120 else text[:119] + "…"


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    request.headers.pop("Authorization", None)
    return request


def _host(url: str) -> str:
    # Never the whole address: a redirect's query may hold a signature.
    return one_line(urlsplit(url).hostname or "")


def _version() -> str:
    try:
        return version("lithoscope")
    except PackageNotFoundError:
        return "unknown"

"""What may go wrong on the network, in a few words, and how patiently it is tried again."""

import json
import re
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import requests

from lithoscope.data.sources.listing import MAX_FILE_BYTES


class TransientError(Exception):
    """A failure that may pass: a broken connection, a time-out, 429, a server's own fault.

    Attributes:
        wait: Seconds the server asked to wait, or None.
        unreachable: No answer came at all.
    """

    def __init__(self, reason: str, *, wait: float | None = None, unreachable: bool = False) -> None:
        super().__init__(reason)
        self.wait = wait
        self.unreachable = unreachable


class StoppedError(Exception):
    """Another file's failure, or Ctrl-C, ended the work."""


@dataclass(frozen=True)
class Policy:
    """How patient the client is. Times are in seconds.

    Attributes:
        attempts: Failures in a row, without progress between them, after which it gives up.
        attempts_to_reach: The same while the server has not answered once.
        first_wait: Wait after the first failure; it doubles with each further one.
        longest_wait: Limit of the doubling.
        longest_asked_wait: Limit of what ``Retry-After`` may ask for.
        connect_timeout: For the connection.
        read_timeout: Between two pieces of an answer.
        mismatches: Downloads of one file, each from its first byte, whose content may be wrong before it gives up.
        largest_file: Limit for any file, bytes.
    """

    attempts: int = 6
    attempts_to_reach: int = 4
    first_wait: float = 0.5
    longest_wait: float = 30.0
    longest_asked_wait: float = 300.0
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    mismatches: int = 4
    largest_file: int = MAX_FILE_BYTES


def asked_wait(response: requests.Response) -> float | None:
    """Return the seconds that ``Retry-After`` asks to wait, or None where it is absent or unreadable.

    Both forms of RFC 9110, section 10.2.3, are read. A date is taken relative to the server's own ``Date`` where it
    sends one, so that a wrong clock here does no harm.
    """
    value = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}", value):
        return float(value)
    try:
        until = parsedate_to_datetime(value).timestamp()
    except (TypeError, ValueError):
        return None
    try:
        now = parsedate_to_datetime(response.headers.get("Date", "")).timestamp()
    except (TypeError, ValueError):
        now = time.time()
    return max(0.0, until - now)


def explained(error: BaseException) -> str:
    """Say in a few words what lies beneath an error of requests or urllib3."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, (requests.exceptions.Timeout, TimeoutError)) or "timed out" in str(error):
        return "no answer in time"
    text = str(error)
    for sign, words in [
        ("NameResolution", "its name is not known here"),
        ("Failed to resolve", "its name is not known here"),
        ("refused", "connection refused"),
        ("unreachable", "network unreachable"),
        ("certificate", "its certificate is not trusted"),
    ]:
        if sign in text:
            return words
    if isinstance(error, requests.exceptions.SSLError):
        return "TLS failed"
    if "IncompleteRead" in text or "RemoteDisconnected" in text or "reset" in text:
        return "connection broken"
    return type(error).__name__


def shown(text: str) -> str:
    """Make a text that a server sent fit for one line on a terminal."""
    text = text if text.isprintable() else json.dumps(text)
    return text if len(text) <= 120 else text[:119] + "…"

"""What a download leaves on disk while it is on its way, and how it is checked.

In a folder of the caller's lie ``<stem>.part``, the bytes so far; ``<stem>.validator``, the ``ETag`` (or
``Last-Modified``) they belong to; and ``<stem>.done``, a whole file that passed its checks.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import requests

from lithoscope.data.sources.http_client import Client
from lithoscope.data.sources.http_retry import shown

CHUNK = 16 * 1024  # bytes; small, because a killed process loses what it had not written


@dataclass(frozen=True)
class RemoteFile:
    """One file to download, and what its source states about it.

    Attributes:
        key: Names it in the folder of half-done work; unique, and fit for a file name.
        path: Posix path below the destination.
        url: Where it can be fetched.
        size: Bytes, or None where it is not stated.
        md5: Hexadecimal digits, or None where it is not stated.
        sha256: Likewise.
        version: The source's own name for this state of the content, or None.
    """

    key: str
    path: str
    url: str
    size: int | None = None
    md5: str | None = None
    sha256: str | None = None
    version: str | None = None

    @property
    def hashed(self) -> bool:
        """Whether a hash is stated, so that the content can be proved."""
        return bool(self.md5 or self.sha256)

    @property
    def stem(self) -> str:
        """Name of its half-done work; holds the version where no hash tells an old state from a new one."""
        if self.hashed or self.version is None:
            return self.key
        return f"{self.key}-{hashlib.sha256(self.version.encode()).hexdigest()[:12]}"


class MismatchError(Exception):
    """What arrived is not what was stated."""


def mismatch(path: Path, file: RemoteFile) -> str | None:
    """Compare a whole file on disk with all that is stated about it.

    Returns:
        What differs, in words, or None if nothing does.
    """
    size = path.stat().st_size
    if file.size is not None and size != file.size:
        return f"{size} bytes instead of the stated {file.size}"
    for name, stated in [("sha256", file.sha256), ("md5", file.md5)]:
        if stated:
            with path.open("rb") as stream:
                found = hashlib.file_digest(stream, partial(hashlib.new, name, usedforsecurity=False)).hexdigest()
            if found != stated.strip().lower():
                return f"its {name} is {found[:12]}… instead of the stated {shown(stated)[:12]}…"
    return None


def is_done(file: RemoteFile, folder: Path) -> bool:
    """Say whether a whole file from an earlier run lies in ``folder``, checked anew; remove one that fails.

    Without a stated hash or version nothing proves that it is still the source's content, so it does not count.
    """
    done = folder / f"{file.stem}.done"
    if not done.is_file():
        return False
    if (file.hashed or file.version is not None) and mismatch(done, file) is None:
        return True
    done.unlink()
    return False


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut, where the system can (POSIX)."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Part:
    """The bytes of one file so far, and the validator they belong to."""

    def __init__(self, path: Path, advance: Callable[[int], None]) -> None:
        self.path = path
        self._validator = path.with_suffix(".validator")
        self._advance = advance

    def size(self) -> int:
        """Return the number of bytes so far."""
        return self.path.stat().st_size if self.path.exists() else 0

    def validator(self) -> str | None:
        """Return the validator they belong to, or None."""
        return self._validator.read_text(encoding="utf-8") if self._validator.exists() else None

    def begin(self, validator: str | None) -> None:
        """Start anew with the bytes that belong to ``validator``."""
        self.discard()
        if validator is not None:
            self._validator.write_text(validator, encoding="utf-8")

    def discard(self) -> None:
        """Throw the bytes away."""
        self._advance(-self.size())
        self.path.unlink(missing_ok=True)
        self._validator.unlink(missing_ok=True)

    def append(self, response: requests.Response, client: Client, limit: int) -> None:
        """Add the body of an answer; never more than ``limit`` bytes in all.

        Raises:
            MismatchError: There was more.
            StoppedError: The client was told to stop.
        """
        room = limit - self.size()
        with self.path.open("ab", buffering=0) as stream:
            for chunk in response.iter_content(CHUNK):
                client.check_stop()
                if len(chunk) > room:
                    raise MismatchError(f"more than the {limit} bytes that are stated or allowed; cut off")
                stream.write(chunk)
                room -= len(chunk)
                self._advance(len(chunk))

    def finish(self, done: Path) -> None:
        """Let the bytes, whole and checked, become the file ``done``."""
        with self.path.open("rb") as stream:
            os.fsync(stream.fileno())
        self.path.replace(done)
        self._validator.unlink(missing_ok=True)
        sync_folder(done.parent)


def strong_validator(response: requests.Response) -> str | None:
    """Return what ``If-Range`` may be given: a strong ETag, else a date (RFC 9110, section 13.1.5)."""
    if encoded(response):
        return None
    tag: str = response.headers.get("ETag", "").strip()
    if tag:
        return None if tag.startswith("W/") else tag
    return response.headers.get("Last-Modified") or None


def encoded(response: requests.Response) -> bool:
    """Say whether a body is compressed, so that its length and ranges are not those of the file."""
    return response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity")

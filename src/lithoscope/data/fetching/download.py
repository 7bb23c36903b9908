"""Verified downloads: a file counts as there only once its size and hashes are those that were stated.

In a folder of the caller's, ``<stem>.part`` holds the bytes of a file on its way, and ``<stem>.done`` a whole file that
passed its checks. A download that was killed and starts again skips those.
"""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from io import BufferedRandom, BufferedReader
from pathlib import Path
from typing import Any, Protocol, TypeVar

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.files import commit_file
from lithoscope.data.fetching.http_client import MismatchError, Policy, one_line

T = TypeVar("T")


class OversizeError(MismatchError):
    """What arrives is longer than any file may be."""


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


class Body(Protocol):
    """What arrives of a file, as ``requests`` hands it over."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What is said of it; ``Content-Length`` is read, where it is there."""

    def iter_content(self, chunk_size: int, /) -> Iterator[Any]:
        """Yield it piece by piece."""


class Fetcher(Protocol):
    """What files are fetched with: a client of the web, or of an object store.

    Attributes:
        policy: How patient it is, and what the largest file may be.
        stop: Set where the work is to end early.
    """

    policy: Policy
    stop: threading.Event

    def receive(self, url: str, read: Callable[[Body], T]) -> T:
        """Hand a file to ``read``, anew where that fails in a way that may pass; see :class:`.http_client.Client`."""

    def check_stop(self) -> None:
        """Raise ``StoppedError`` if :attr:`stop` is set."""


def is_done(file: RemoteFile, folder: Path) -> bool:
    """Say whether a whole file from an earlier run lies in ``folder``, checked anew; remove one that fails.

    Without a stated hash or version nothing proves that it is still the source's content, so it does not count.
    """
    done = folder / f"{file.stem}.done"
    if not done.is_file():
        return False
    if file.hashed or file.version is not None:
        with done.open("rb") as stream:
            if _difference(stream, file) is None:
                return True
    done.unlink()
    return False


def fetch(client: Fetcher, file: RemoteFile, folder: Path, advance: Callable[[int], None] = lambda _: None) -> Path:
    """Download one file and check it.

    Args:
        client: Sends the requests.
        file: What to fetch.
        folder: Where half-done work lies; must exist.
        advance: Called with each change of the number of bytes that are there (negative if they are thrown away).

    Returns:
        Path of the whole, checked file, ``folder/<stem>.done``.

    Raises:
        LithoscopeError: Refused, failed too often, or the content was wrong each time.
        StoppedError: The client was told to stop.
    """
    if file.size is not None and file.size > client.policy.largest_file:
        raise LithoscopeError(f"{file.path}: {file.size} bytes are stated, more than a photograph has: refused")
    done, part = folder / f"{file.stem}.done", folder / f"{file.stem}.part"
    try:
        if file.size == 0:
            part.write_bytes(b"")
        else:
            client.receive(file.url, lambda response: _save_as(part, response, file, client, advance))
    except LithoscopeError as error:
        raise LithoscopeError(f"{file.path}: {error}") from error.__cause__
    commit_file(part, done)
    return done


def fetch_all(
    client: Fetcher,
    files: Sequence[RemoteFile],
    folder: Path,
    *,
    workers: int = 4,
    advance: Callable[[int], None] = lambda _: None,
    on_file: Callable[[RemoteFile], None] = lambda _: None,
) -> None:
    """Download files, several at a time, into ``folder/<stem>.done``; the first failure ends it.

    Args:
        client: Sends the requests; its ``stop`` is set when this ends early.
        files: What to fetch.
        folder: Where half-done work lies; must exist.
        workers: How many at a time.
        advance: See :func:`fetch`; called from several threads.
        on_file: Called with each file that is there, from the caller's thread.

    Raises:
        LithoscopeError: One of the files could not be had.
    """
    with ThreadPoolExecutor(workers) as pool:
        futures = {pool.submit(fetch, client, file, folder, advance): file for file in files}
        try:
            for future in as_completed(futures):
                future.result()
                on_file(futures[future])
        except BaseException:
            client.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def save(
    response: Body,
    file: RemoteFile,
    stream: BufferedRandom,
    client: Fetcher,
    advance: Callable[[int], None] = lambda _: None,
) -> None:
    """Write the body of an answer into a stream, in place of what that holds, and check it.

    Raises:
        MismatchError: It is longer, shorter or other than stated.
        OversizeError: It is longer than any file may be.
        StoppedError: The client was told to stop.
    """
    stream.seek(0)
    stream.truncate()
    length = response.headers.get("Content-Length", "")
    if file.size is not None and length.isdecimal() and int(length) != file.size:
        raise MismatchError(f"{length} bytes instead of the stated {file.size}")
    limit = client.policy.largest_file if file.size is None else file.size
    received = 0
    try:
        for chunk in response.iter_content(16384):
            client.check_stop()
            if received + len(chunk) > limit:
                kind = OversizeError if file.size is None else MismatchError
                raise kind(f"more than the {limit} bytes that are stated or allowed; cut off")
            stream.write(chunk)
            received += len(chunk)
            advance(len(chunk))
        difference = _difference(stream, file)
        if difference is not None:
            raise MismatchError(difference)
    except BaseException:
        advance(-received)
        raise


def _save_as(part: Path, response: Body, file: RemoteFile, client: Fetcher, advance: Callable[[int], None]) -> None:
    """Write the body of an answer to ``part``; whatever is not the file stated leaves nothing behind."""
    try:
        with part.open("w+b") as stream:
            save(response, file, stream, client, advance)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _difference(stream: BufferedRandom | BufferedReader, file: RemoteFile) -> str | None:
    """Compare a whole file with all that is stated about it; say what differs, or None if nothing does."""
    size = stream.seek(0, os.SEEK_END)
    if file.size is not None and size != file.size:
        return f"{size} bytes instead of the stated {file.size}"
    for name, stated in [("sha256", file.sha256), ("md5", file.md5)]:
        if stated:
            stream.seek(0)
            found = hashlib.file_digest(stream, partial(hashlib.new, name, usedforsecurity=False)).hexdigest()
            if found != stated.strip().lower():
                return f"its {name} is {found[:12]}… instead of the stated {one_line(stated)[:12]}…"
    return None

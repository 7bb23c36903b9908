"""Verified, resumable downloads: a file counts as there only once its size and hashes are those that were stated.

What is on its way lies in a folder of the caller's: ``<stem>.part`` holds the bytes so far, ``<stem>.validator`` the
``ETag`` (or ``Last-Modified``) they belong to, and ``<stem>.done`` a whole file that passed its checks. The stem is
the file's key, and where a version is stated and no hash, the key with a digest of the version
(:attr:`lithoscope.data.sources.partial_download.RemoteFile.stem`). A killed process leaves these behind, and the next
one goes on from them.
"""

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import requests

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.sources.http_client import Backoff, Client
from lithoscope.data.sources.http_retry import TransientError
from lithoscope.data.sources.partial_download import (
    CHUNK,
    MismatchError,
    Part,
    RemoteFile,
    encoded,
    mismatch,
    strong_validator,
)


def fetch(client: Client, file: RemoteFile, folder: Path, advance: Callable[[int], None] = lambda _: None) -> Path:
    """Download one file, going on from what an earlier run left, and check it.

    Args:
        client: Sends the requests.
        file: What to fetch.
        folder: Where half-done work lies; must exist.
        advance: Told of each change of the number of bytes that are there (negative if they are thrown away).

    Returns:
        Path of the whole, checked file, ``folder/<stem>.done``.

    Raises:
        LithoscopeError: Refused, failed too often, or the content was wrong each time.
        StoppedError: The client was told to stop.
    """
    if file.size is not None and file.size > client.policy.largest_file:
        raise LithoscopeError(f"{file.path}: {file.size} bytes are stated, more than a photograph has: refused")
    done, part = folder / f"{file.stem}.done", Part(folder / f"{file.stem}.part", advance)
    advance(part.size())
    backoff, mismatches = Backoff(client, file.key), 0
    most = part.size()
    while True:
        try:
            _go_on(client, file, part)
            problem = mismatch(part.path, file)
            if problem is None:
                part.finish(done)
                return done
            raise MismatchError(problem)
        except TransientError as failure:
            # Against the most there ever was: a server that gives and takes in turns must not keep this going forever.
            progress = part.size() >= most + 4 * CHUNK
            most = max(most, part.size())
            try:
                backoff.wait(failure, progress=progress)
            except LithoscopeError as error:
                raise LithoscopeError(f"{file.path}: {error}") from failure
        except MismatchError as difference:
            part.discard()
            mismatches += 1
            if mismatches >= client.policy.mismatches:
                raise LithoscopeError(
                    f"{file.path}: {difference}, {mismatches} times; the source may be changing or damaged: "
                    f"try again later, or {client.remedy}"
                ) from None
            client.pause(client.policy.first_wait)


def fetch_all(
    client: Client,
    files: Sequence[RemoteFile],
    folder: Path,
    *,
    workers: int = 4,
    advance: Callable[[int], None] = lambda _: None,
    finished: Callable[[RemoteFile], None] = lambda _: None,
) -> None:
    """Download files, several at a time, into ``folder/<stem>.done``; the first failure ends it.

    Args:
        client: Sends the requests; its ``stop`` is set when this ends early.
        files: What to fetch.
        folder: Where half-done work lies; must exist.
        workers: How many at a time.
        advance: See :func:`fetch`; called from several threads.
        finished: Told of each file that is there; called from the caller's thread.

    Raises:
        LithoscopeError: One of the files could not be had.
    """
    with ThreadPoolExecutor(workers) as pool:
        futures = {pool.submit(fetch, client, file, folder, advance): file for file in files}
        try:
            for future in as_completed(futures):
                future.result()
                finished(futures[future])
        except BaseException:
            client.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _go_on(client: Client, file: RemoteFile, part: Part) -> None:
    """Fetch what is missing of a file with one request.

    Raises:
        TransientError: The request failed or ended early.
        MismatchError: The answer contradicts what is stated.
    """
    if file.size == 0:
        part.begin(None)
        part.path.touch()
        return
    offset, validator = part.size(), part.validator()
    if offset and offset == file.size and file.hashed:
        return
    if offset and ((validator is None and not file.hashed) or (file.size is not None and offset >= file.size)):
        # Nothing could tell whether the rest belongs to this beginning.
        part.discard()
        offset = 0
    headers = {}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if validator is not None:
            headers["If-Range"] = validator
    with client.open(file.url, headers, accept=(200, 206, 416) if offset else (200,)) as response:
        if response.status_code == 416:
            total = re.fullmatch(r"bytes \*/(\d+)", response.headers.get("Content-Range", "").strip())
            if total and int(total[1]) == offset and (file.hashed or strong_validator(response) == validator):
                return
            part.discard()
            raise TransientError(f"the server cannot go on at byte {offset}")
        if response.status_code == 206:
            _check_continuation(response, file, part, offset, validator)
        else:
            _check_announced(response, file)
            part.begin(strong_validator(response))
        part.append(response, client, client.policy.largest_file if file.size is None else file.size)
    if file.size is not None and part.size() < file.size:
        raise TransientError(f"the answer ended after {part.size()} of {file.size} bytes")


def _check_continuation(
    response: requests.Response, file: RemoteFile, part: Part, offset: int, validator: str | None
) -> None:
    """Make sure that a 206 answer starts where the half file ends and belongs to the same content."""
    stated = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", "").strip())
    same = validator is None or strong_validator(response) in (None, validator)
    if stated is None or int(stated[1]) != offset or not same or encoded(response):
        part.discard()
        raise TransientError("the server went on elsewhere than asked")
    if file.size is not None and stated[3] != "*" and int(stated[3]) != file.size:
        raise MismatchError(f"{stated[3]} bytes instead of the stated {file.size}")


def _check_announced(response: requests.Response, file: RemoteFile) -> None:
    """Refuse a whole answer of another length than stated, before its body is read."""
    length = response.headers.get("Content-Length", "")
    if file.size is not None and length.isdecimal() and not encoded(response) and int(length) != file.size:
        raise MismatchError(f"{length} bytes instead of the stated {file.size}")

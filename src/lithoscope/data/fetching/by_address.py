"""Photographs that a manifest lists by address (``https://``, ``s3://``, ``gs://``), fetched when they are read.

What arrives is held against the SHA-256 that the manifest states. It is no copy of the set: a bounded part stays, named
by its content, so that ``split`` and a run that goes on after a kill fetch less.
"""

import hashlib
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from io import BufferedRandom, BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import urlsplit

from PIL import Image

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.fetching.addresses import STORES, bare, is_remote
from lithoscope.data.fetching.limits import KEEP_FREE, largest_file, too_large
from lithoscope.data.images.decode import read, read_downloaded
from lithoscope.data.images.reading import ReadingSettings, UnreadablePhotograph, file_of

if TYPE_CHECKING:  # the modules that fetch take a tenth of a second to import
    from lithoscope.data.fetching.download import Fetcher

FETCHED_AT_ONCE = 16
"""Photographs on their way at a time, however few the cores: a fetch waits more than it computes."""
KEPT_BYTES = 32 * 2**30
"""The most that stays between ``download`` and ``split``. Both read in the same order, so the first ones stay."""
_RECOUNTED_BYTES = 2**29
_REMEDY = "check the address and the network; what is gone for good is given a `reason` in the manifest"


class ByAddress:
    """Fetches photographs. One may be used by several threads, and a copy of it by another process.

    Args:
        folder: Where a bounded part of them stays; made if it is missing.
        max_megapixels: The most pixels of a picture, in millions, which bounds the bytes of its file.
    """

    def __init__(self, folder: Path, max_megapixels: int) -> None:
        self._folder, self._max_megapixels = folder, max_megapixels
        self._counted: int | None = None
        self._added = 0
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._clients = lru_cache(maxsize=64)(self._new_client)

    def __reduce__(self) -> tuple[Any, ...]:
        return ByAddress, (self._folder, self._max_megapixels)

    @contextmanager
    def opened(self, address: str, content: str) -> Iterator[BinaryIO]:
        """Hold a photograph's file, which is fetched if it does not lie here.

        Args:
            address: In full, with the query.
            content: The SHA-256 that it must have, hexadecimal.

        Raises:
            LithoscopeError: It cannot be had, or holds something else; the line names the :func:`.bare` address.
            UnreadablePhotograph: It is larger than a photograph may be.
        """
        stayed = self._stayed(content)
        if stayed is not None:
            with stayed:
                yield stayed
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".part") as made:
            stream = cast(BufferedRandom, made.file)
            self._fetch(address, content, stream)
            self._keep(Path(made.name), stream, content)
            stream.seek(0)
            yield stream

    def keep_only(self, contents: Collection[str]) -> None:
        """Remove what stayed of other photographs, and what a killed run left half done; an hour later it is none's."""
        if self._folder.is_dir():
            for file in self._folder.iterdir():
                with suppress(OSError):  # another process was faster
                    under_way = file.suffix == ".part" and time.time() - file.stat().st_mtime < 3600
                    if not under_way and file.name not in contents:
                        file.unlink()

    def stop(self) -> None:
        """End what is under way, which may be a long wait for a busy server."""
        self._stop.set()

    def _stayed(self, content: str) -> BufferedReader | None:
        """Open a photograph that stayed, if it is there and whole."""
        try:
            stream = (self._folder / content).open("rb")
        except OSError:
            return None
        if hashlib.file_digest(stream, "sha256").hexdigest() == content:
            stream.seek(0)
            return stream
        stream.close()
        return None

    def _fetch(self, address: str, content: str, stream: BufferedRandom) -> None:
        from lithoscope.data.fetching.download import OversizeError, RemoteFile, save
        from lithoscope.data.fetching.http_client import MismatchError

        scheme, _, rest = address.partition("://")
        with self._lock:
            client = self._clients(scheme, rest.partition("/")[0] if scheme in STORES else urlsplit(address).netloc)
        file = RemoteFile(content, bare(address), rest if scheme in STORES else address, sha256=content)
        try:
            client.receive(file.url, lambda body: save(body, file, stream, client))
        except LithoscopeError as error:
            if isinstance(error.__cause__, OversizeError):
                raise UnreadablePhotograph(too_large(self._max_megapixels)) from None
            what = re.sub(f"^{scheme}://[^/ ]+/?: ", "", str(error))  # the place is named in full
            if isinstance(error.__cause__, MismatchError):
                what = f"has changed since it was listed: {error.__cause__}; list the photographs anew"
            raise LithoscopeError(f"{file.path}: {what}{'' if ';' in what else f'; {_REMEDY}'}") from None

    def _new_client(self, scheme: str, host: str) -> "Fetcher":
        """Return what fetches from a bucket, or from one origin of the web: plain http is judged by the origin."""
        from lithoscope.data.fetching.http_client import Client, Policy

        policy = Policy(mismatches=2, largest_file=largest_file(self._max_megapixels))
        client: Fetcher
        if scheme in STORES:
            from lithoscope.data.fetching.object_store import ObjectStore

            client = ObjectStore(f"{scheme}://{host}", policy=policy)
        else:
            client = Client(f"{scheme}://{host}/", _REMEDY, policy=policy, sleep=self._stop.wait)
        client.stop = self._stop
        return client

    def _keep(self, file: Path, stream: BufferedRandom, content: str) -> None:
        """Have a photograph stay, where there is room."""
        size = stream.seek(0, os.SEEK_END)  # flushed, too
        with self._lock:
            if self._counted is None or self._added > _RECOUNTED_BYTES:  # other processes let some stay, too
                self._counted, self._added = _bytes_in(self._folder), 0
            if self._counted + self._added + size > KEPT_BYTES or shutil.disk_usage(self._folder).free < KEEP_FREE:
                return
            self._added += size
        (self._folder / content).unlink(missing_ok=True)
        with suppress(OSError):  # another process was faster, or the file system has no links
            os.link(file, self._folder / content)


def _bytes_in(folder: Path) -> int:
    """Return the bytes of the whole files in a folder, where others may add and remove some."""
    total = 0
    for file in folder.iterdir():
        with suppress(OSError):
            total += 0 if file.suffix == ".part" else file.stat().st_size
    return total


@dataclass(frozen=True)
class Reader:
    """Reads photographs that the stage ``download`` could read, wherever they lie. May be sent to other processes.

    Attributes:
        paths: Where each lies, by id: from the checkout's root, in full, or a bare address; a page's as
            :func:`lithoscope.data.images.reading.page_path` writes it.
        digests: The ``sha256`` of each, by id, as ``build/index.csv`` states it.
        settings: How to read.
        by_address: Fetches those that lie at addresses.
        full_addresses: Addresses that have a query, by content.
    """

    paths: Mapping[str, str]
    digests: Mapping[str, str]
    settings: ReadingSettings
    by_address: ByAddress
    full_addresses: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __call__(self, identity: str) -> Image.Image:
        """Return a photograph, upright, mode RGB.

        Raises:
            LithoscopeError: It cannot be read any more, or it has changed where it lies.
        """
        path = self.paths[identity]
        if not is_remote(path):
            return read_downloaded(path, self.settings, self.digests[identity])
        file, page = file_of(identity, self.digests)
        content = self.digests[file]
        try:
            with self.by_address.opened(self.full_addresses.get(content, self.paths[file]), content) as stream:
                return read(stream, self.settings, page=page).picture
        except UnreadablePhotograph as error:
            raise LithoscopeError(f"{path}: {error}; it could be read before: `dvc repro -f download`") from None

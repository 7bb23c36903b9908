"""Mirrors that lie elsewhere: below a prefix of an object store (``s3://``, ``gs://``), or on the web (``https://``).

What is fetched is named by its content or version in a folder of half-done work, so that a download that was killed
goes on where it stopped, and ``lithoscope use`` and the stage ``download`` share it. A listing is taken for what a
stranger sent: one name that could leave the folder refuses all of it, as in an archive.
"""

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.text import safe
from lithoscope.data.fetching.addresses import STORES, WEB
from lithoscope.data.fetching.limits import KEEP_FREE
from lithoscope.data.sources.archives import MAX_MEMBERS
from lithoscope.data.sources.listing import is_ignored, unsafe
from lithoscope.data.sources.turns import turn

if TYPE_CHECKING:  # the modules that fetch take a tenth of a second to import
    from lithoscope.data.fetching.download import Fetcher, RemoteFile


def check_address(address: str) -> None:
    """Refuse an address that cannot be a mirror, and any that holds what must not be recorded.

    Raises:
        LithoscopeError: With what is allowed. A password or signature is not repeated.
    """
    try:
        parts = urlsplit(address)
        host, is_secret = parts.hostname, parts.username is not None or bool(parts.query or parts.fragment)
    except ValueError:
        raise LithoscopeError("mirror: not a usable address") from None
    if is_secret:
        raise LithoscopeError(
            f"mirror: the address on {safe(host or '')} holds a user name, password, query or fragment, which would be "
            "recorded in params.yaml and dvc.lock; name the bare address (credentials: docs/remote-photographs.md)"
        )
    if parts.scheme not in STORES + WEB or not host:
        raise LithoscopeError(f"mirror {safe(address)}: allowed: s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, https://…")


def remote_folder(address: str, download: Path) -> Path:
    """Return where half-done work of an address lies, below the folder of all downloads."""
    return download / f"remote-{hashlib.sha256(address.rstrip('/').encode()).hexdigest()[:16]}"


@contextmanager
def remote_mirror(address: str, download: Path) -> Iterator[Path]:
    """Fetch a mirror; hold what is local of it, a folder or an archive, against other processes.

    Args:
        address: ``s3://`` or ``gs://``, of a folder (a prefix) or an archive; ``https://`` of an archive or of a list
            of checksums as ``sha256sum`` and ``md5sum`` write it, whose paths are relative to where it lies.
        download: Where half-done work lies, in a folder made for the address; files that are whole are skipped.

    Raises:
        LithoscopeError: It is not there, cannot be reached, or holds what is refused; one line says which.
    """
    check_address(address)
    folder = remote_folder(address, download)
    folder.mkdir(parents=True, exist_ok=True)
    with turn(folder):
        try:
            local = _from_store(address, folder) if address.startswith(STORES) else _from_web(address, folder)
        except OSError as error:
            what = error.strerror or type(error).__name__
            raise LithoscopeError(f"{error.filename or folder}: {what}; what is downloaded so far is kept") from error
        yield local


def _from_store(address: str, folder: Path) -> Path:
    from lithoscope.data.fetching.object_store import ObjectStore
    from lithoscope.data.sources.obtaining import fetch_missing

    store = ObjectStore(address)
    files = store.files()
    if len(files) == 1 and not files[0].path:  # one object, an archive
        store.policy = replace(store.policy, largest_file=_room(folder))
        archive = replace(files[0], path=address.rpartition("/")[2])
        fetch_missing(store, [archive], folder, address)
        return folder / f"{archive.stem}.done"
    return _folder_of(address, store, files, folder)


def _from_web(address: str, folder: Path) -> Path:
    from lithoscope.data.fetching.http_client import Client, Policy
    from lithoscope.data.sources.archives import is_archive
    from lithoscope.data.sources.obtaining import fetch_missing
    from lithoscope.data.sources.progress import log
    from lithoscope.data.sources.web_mirror import listed_files, stated

    remedy = "check the address and the network"
    client = Client(address, remedy, policy=Policy(largest_file=_room(folder)), log=log)
    try:
        one = stated(client, address)
        fetch_missing(client, [one], folder, address)
    finally:
        client.close()
    done = folder / f"{one.stem}.done"
    if is_archive(done):
        return done
    client = Client(address, remedy, log=log)
    try:
        return _folder_of(address, client, listed_files(done, address), folder)
    finally:
        client.close()


def _folder_of(address: str, client: "Fetcher", files: Sequence["RemoteFile"], folder: Path) -> Path:
    """Fetch listed files and lay them out as a folder."""
    from lithoscope.data.sources.obtaining import fetch_missing, place, refuse_clashes

    if len(files) > MAX_MEMBERS:
        raise LithoscopeError(f"{address}: lists more than {MAX_MEMBERS:,} files; refused")
    for file in files:
        reasons = [reason for part in file.path.split("/") if (reason := unsafe(part)) is not None]
        if reasons:
            raise LithoscopeError(f"{address}: lists {safe(file.path)!r}: {reasons[0]}; refused")
    wanted = [file for file in files if not any(map(is_ignored, file.path.split("/")))]
    if not wanted:
        raise LithoscopeError(f"{address}: nothing is there; is the prefix right?")
    refuse_clashes(wanted, address)
    total, room = sum(file.size or 0 for file in wanted), _room(folder)
    if total > room:
        raise LithoscopeError(f"{address}: {total // 2**20:,} MiB, and {room // 2**20:,} MiB are free on the disk")
    fetch_missing(client, wanted, folder, address, workers=8)
    tree = folder / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    place(wanted, folder, tree)
    return tree


def _room(folder: Path) -> int:
    """Return the bytes that may be written: what is free and what lies there already, less what is to stay free."""
    there = sum(file.stat().st_size for file in folder.glob("*.done"))
    return max(0, shutil.disk_usage(folder).free + there - KEEP_FREE)

"""What a web server says of a mirror, and lists of checksums as ``sha256sum`` and ``md5sum`` write them."""

import hashlib
import re
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urljoin, urlsplit

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.fetching.download import RemoteFile
from lithoscope.data.fetching.http_client import Client
from lithoscope.data.sources.progress import log

MAX_LIST_BYTES = 256 * 2**20
_LINE = re.compile(r"([0-9a-fA-F]{32}|[0-9a-fA-F]{64}) [ *](?:\./)*(.+)")


def stated(client: Client, address: str) -> RemoteFile:
    """Ask a server for a file's size and version, ``ETag`` or else ``Last-Modified``, without fetching it.

    Raises:
        LithoscopeError: The file cannot be had.
    """
    headers = client.receive(address, lambda response: dict(response.headers.lower_items()))
    length, tag = headers.get("content-length", ""), headers.get("etag")
    if tag is None:
        log(f"note: {address}: no ETag is stated: DVC does not see what changes there; then: dvc repro -f download")
    name = unquote(PurePosixPath(urlsplit(address).path).name) or "mirror"
    size = int(length) if length.isdecimal() else None
    return RemoteFile(_key(address), name, address, size, version=tag or headers.get("last-modified"))


def listed_files(checksums: Path, address: str) -> list[RemoteFile]:
    """Read a list of checksums.

    Args:
        checksums: The list, as it was fetched.
        address: Where from; paths in it are relative to that.

    Raises:
        LithoscopeError: It is no such list.
    """
    refused = LithoscopeError(
        f"mirror {address}: neither a zip or tar archive nor a list of checksums as sha256sum writes it; a page of "
        "links is not read: make one with `find . -type f -exec sha256sum {} + > SHA256SUMS`"
    )
    if checksums.stat().st_size > MAX_LIST_BYTES:
        raise refused
    try:
        lines = checksums.read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        raise refused from None
    files, own = [], unquote(PurePosixPath(urlsplit(address).path).name)
    for line in lines:
        matched = _LINE.fullmatch(line)
        if matched is None:
            raise refused
        digest, path = matched[1].lower(), matched[2]
        if path == own:  # `find` lists the list that is being written
            continue
        md5, sha256 = (digest, None) if len(digest) == 32 else (None, digest)
        url = urljoin(address, quote(path))
        files.append(RemoteFile(f"{_key(url)}-{digest[:16]}", path, url, md5=md5, sha256=sha256))
    return files


def _key(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:32]

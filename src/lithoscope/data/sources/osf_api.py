"""What a node of the Open Science Framework holds, through its API, version 2 (https://developer.osf.io).

The listing is taken for what a stranger sent: names that could leave the folder are refused, links must stay on the
API's own site, and pages, entries, depth and size have limits.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, quote, urljoin, urlsplit

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.fetching.download import RemoteFile
from lithoscope.data.fetching.http_client import Client, one_line, origin
from lithoscope.data.sources.listing import unsafe

MAX_PAGES = 500
MAX_ENTRIES = 20_000
MAX_DEPTH = 12
MAX_PAGE_BYTES = 16 * 2**20
_PAGE_SIZE = "page[size]=100"


def list_files(client: Client, node: str, wanted: Callable[[str], bool]) -> list[RemoteFile]:
    """List the files of a node's storage, folder by folder and page by page.

    Args:
        client: Its ``base`` is the API's, e.g. ``https://api.osf.io/v2``.
        node: The node's id, e.g. ``d6b9y``.
        wanted: Says of a file's path (posix, relative to the storage) whether it is to be returned.

    Returns:
        The wanted files, sorted by path.

    Raises:
        LithoscopeError: The API cannot be reached or answers something else than a listing; a name points outside
            the folder; a link leads elsewhere or in a circle; there is more than the limits of this module.
    """
    return _Walk(client, node, wanted).files()


class _Walk:
    def __init__(self, client: Client, node: str, wanted: Callable[[str], bool]) -> None:
        self._client = client
        self._node = node
        self._wanted = wanted
        self._seen_pages: set[object] = set()
        self._entries = 0
        self._files: dict[str, RemoteFile] = {}
        self._keys: set[str] = set()

    def files(self) -> list[RemoteFile]:
        start = f"{self._client.base.rstrip('/')}/nodes/{quote(self._node)}/files/osfstorage/?{_PAGE_SIZE}"
        folders: list[tuple[str, str, int]] = [(start, "", 0)]
        while folders:
            url, path, depth = folders.pop()
            if depth > MAX_DEPTH:
                raise self._error(f"folders are nested more than {MAX_DEPTH} deep at {one_line(path)}")
            for name, link in self._folder(url, path):
                folders.append((link, f"{path}{name}/", depth + 1))
        return sorted(self._files.values(), key=lambda file: file.path)

    def _folder(self, url: str | None, path: str) -> list[tuple[str, str]]:
        """Read one folder's pages; keep its files, return its subfolders as names and links."""
        subfolders: dict[str, str] = {}
        names: set[str] = set()
        total: int | None = None
        while url is not None:
            document = self._page(url)
            for entry in document["data"]:
                name, kind = self._name(entry), entry["attributes"].get("kind")
                names.add(name)
                if kind == "folder":
                    subfolders[name] = self._contents(entry, url, path + name)
                elif kind == "file" and self._wanted(path + name):
                    self._keep(entry, path + name, url)
            links = _mapping(document.get("links"))
            total = _count(_mapping(links.get("meta")).get("total"), _mapping(document.get("meta")).get("total"))
            following = links.get("next")
            if following is not None and not isinstance(following, str):
                raise self._error("links.next is not an address")
            url = urljoin(url, following) if following else None
        if total is not None and len(names) < total:
            raise self._error(
                f"{one_line(path) or 'the node'} is said to hold {total} entries, {len(names)} were listed"
            )
        return list(subfolders.items())

    def _page(self, url: str) -> dict[str, Any]:
        parts = urlsplit(url)
        address = (origin(url), parts.path, tuple(sorted(parse_qsl(parts.query, keep_blank_values=True))))
        if address in self._seen_pages:
            raise self._error("its pages lead in a circle")
        self._seen_pages.add(address)
        if len(self._seen_pages) > MAX_PAGES:
            raise self._error(f"more than {MAX_PAGES} pages")
        document = self._client.get_json(url, MAX_PAGE_BYTES)
        entries = _mapping(document).get("data")
        if not isinstance(entries, list):
            raise self._error(f"the answer is no listing; is osf_api right? {self._client.remedy}")
        self._entries += len(entries)
        if self._entries > MAX_ENTRIES:
            raise self._error(f"more than {MAX_ENTRIES} entries")
        return dict(document)

    def _name(self, entry: Any) -> str:
        attributes = _mapping(_mapping(entry).get("attributes"))
        name, place = attributes.get("name"), attributes.get("materialized_path")
        if not isinstance(name, str):
            raise self._error("an entry has no name")
        reason = unsafe(name)
        if reason is None and isinstance(place, str) and ".." in re.split(r"[/\\]", place):
            name, reason = place, "it points outside the folder"
        if reason is not None:
            raise self._error(f"the name {one_line(name)!r} is listed: {reason}")
        return name

    def _contents(self, entry: Any, url: str, path: str) -> str:
        related: Any = entry
        for step in ("relationships", "files", "links", "related"):
            related = _mapping(related).get(step)
        link = related if isinstance(related, str) else _mapping(related).get("href")
        if not isinstance(link, str) or not link:
            raise self._error(f"the folder {one_line(path)} has no link to its contents")
        link = urljoin(url, link)
        if "page[size]" in link or "page%5Bsize%5D" in link:
            return link
        return f"{link}{'&' if urlsplit(link).query else '?'}{_PAGE_SIZE}"

    def _keep(self, entry: Any, path: str, url: str) -> None:
        attributes, link = entry["attributes"], _mapping(entry.get("links")).get("download")
        if not isinstance(link, str) or not link:
            raise self._error(f"the file {one_line(path)} has no download link")
        link = urljoin(url, link)
        self._client.check_address(link)
        hashes = _mapping(_mapping(attributes.get("extra")).get("hashes"))
        state = [attributes.get("current_version"), attributes.get("date_modified")]
        key = str(entry.get("id"))
        if not re.fullmatch(r"[A-Za-z0-9_]{1,64}", key) or (key in self._keys and path not in self._files):
            key = hashlib.sha256(path.encode()).hexdigest()[:32]
        file = RemoteFile(
            key=key,
            path=path,
            url=link,
            size=_count(attributes.get("size")),
            md5=_text(hashes.get("md5")),
            sha256=_text(hashes.get("sha256")),
            version=None if state == [None, None] else f"{state[0]}/{state[1]}",
        )
        # A file that moves from one page to the next while they are read is listed twice.
        if self._files.setdefault(path, file).url != link:
            raise self._error(f"{one_line(path)} is listed twice, with different contents")
        self._keys.add(key)

    def _error(self, what: str) -> LithoscopeError:
        return LithoscopeError(f"the listing of OSF node {self._node} at {self._client.base} was refused: {what}")


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(*values: Any) -> int | None:
    """Return the first value that is a number of something."""
    return next((value for value in values if type(value) is int and value >= 0), None)

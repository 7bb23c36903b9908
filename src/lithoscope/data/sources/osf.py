"""The 30 rock categories of OSF node d6b9y, with what people said of them.

The 360 photographs train, the 120 (other tokens of the same categories) are the test. In the tables of human data
row k belongs to the k-th file name of the folder in ``sorted()`` order.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import ClassVar

import filelock

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.fetching.http_client import Client, Policy
from lithoscope.data.sources.base import Photograph, PhotographSet, Request
from lithoscope.data.sources.listing import is_ignored, visible_files
from lithoscope.data.sources.obtaining import fetch_missing, place, refuse_clashes, some
from lithoscope.data.sources.osf_api import list_files
from lithoscope.data.sources.progress import log

NODE = "d6b9y"
REMEDY = "check the network, or point `mirror` at a local copy (`lithoscope use PATH`)"
_SPLITS = {"360 rocks": ("train", 12), "120 rocks": ("test", 4)}  # folder: split, photographs a category
_CATEGORIES = 30
_KINDS = {"I": "igneous", "M": "metamorphic", "S": "sedimentary"}
_NAMES = {
    "igneous": "Andesite Basalt Diorite Gabbro Granite Obsidian Pegmatite Peridotite Pumice Rhyolite",
    "metamorphic": "Amphibolite Anthracite Gneiss Hornfels Marble Migmatite Phyllite Quartzite Schist Slate",
    "sedimentary": "Bituminous_Coal Breccia Chert Conglomerate Dolomite Micrite Rock_Gypsum Rock_Salt Sandstone Shale",
}
_COARSE = {name.replace("_", " "): kind for kind, names in _NAMES.items() for name in names.split()}
_FILE_NAME = re.compile(r"([IMS])_(.+?)_0*(\d+)(?:_\d+)?(?:\.[^.]*)?")
_TABLE = re.compile(r"(mds|cnn|human)[_ -].*\.(txt|csv|tsv)", re.IGNORECASE)
_IMAGE_SUFFIXES = {".jpg", ".jpeg", ".jpe", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff"}


def category(file_name: str) -> tuple[str, str] | None:
    """Read a photograph's name, ``<I|M|S>_<Category>_<token>[_120].jpg``.

    Returns:
        The category and ``igneous``, ``metamorphic`` or ``sedimentary``; None if the name is of another form.
    """
    match = _FILE_NAME.fullmatch(unicodedata.normalize("NFC", file_name))
    if match is None:
        return None
    name = " ".join(match[2].replace("_", " ").split())
    return (name, _KINDS[match[1]]) if name else None


class OsfRocks(PhotographSet):
    """OSF node d6b9y: 30 categories, 12 photographs each to train on, 4 each for the test.

    Args:
        workers: How many files are downloaded at a time.
        policy: How patient the client is.
        sleep: Replaces waiting, in tests.
    """

    name: ClassVar[str] = "osf-rocks"
    published: ClassVar[int | None] = 480
    title: ClassVar[str] = "OSF rocks: photographs of 30 rock categories with human judgements"
    citation: ClassVar[str] = (
        "Nosofsky, Sanders, Meagher & Douglas (2018), Behavior Research Methods 50, 530-556; "
        "Sanders & Nosofsky (2020), Computational Brain & Behavior 3, 229-251; "
        "Meagher & Nosofsky (2023), Cognitive Psychology 145, 101596"
    )
    rights: ClassVar[str] = "published by the authors at https://osf.io/d6b9y; that page states the terms"

    def __init__(
        self, *, workers: int = 4, policy: Policy | None = None, sleep: Callable[[float], object] | None = None
    ) -> None:
        self._workers = workers
        self._policy = policy
        self._sleep = sleep
        self._kinds: dict[str, str] = {}

    def obtain(self, destination: Path, request: Request) -> None:
        """Download the photographs and the tables; see :meth:`PhotographSet.obtain`.

        Every file is checked against the size and hashes that the API states; where it states none, a line says so.
        """
        api = request.osf_api.rstrip("/")
        # Half-done work of one address is never taken for another's.
        folder = request.partial / f"osf-{NODE}-{hashlib.sha256(api.encode()).hexdigest()[:12]}"
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with filelock.FileLock(folder.with_suffix(".lock"), timeout=0):
                self._download(api, folder, destination)
        except filelock.Timeout:
            raise LithoscopeError(f"{folder}: another download is at work here; wait until it has ended") from None
        except OSError as error:
            what = error.strerror or type(error).__name__
            raise LithoscopeError(f"{error.filename or folder}: {what}; what is downloaded so far is kept") from error

    def _download(self, api: str, folder: Path, destination: Path) -> None:
        client = Client(api, REMEDY, policy=self._policy, sleep=self._sleep, log=log)
        try:
            files = list_files(client, NODE, _is_wanted)
            if not any(_split_of(file.path) for file in files):
                raise LithoscopeError(f"OSF node {NODE} at {api} lists no photographs in `360 Rocks` or `120 Rocks`")
            refuse_clashes(files, f"OSF node {NODE}")
            fetch_missing(client, files, folder, self.name, workers=self._workers)
        finally:
            client.close()
        place(files, folder, destination)
        unproved = [file.path for file in files if not file.hashed]
        if unproved:
            log(f"warning: no hash is stated for {some(unproved)}: only sizes, where stated, were checked")

    def photographs(self, root: Path) -> list[Photograph]:
        """List what lies in ``360 Rocks`` and ``120 Rocks``, at any depth; see :meth:`PhotographSet.photographs`.

        A file whose name has not the set's form gets an empty label. Counts other than 30 × 12 and 30 × 4 are said
        in a warning.
        """
        found = []
        for identity in visible_files(root):
            folder = _split_of(identity)
            name = PurePosixPath(identity).name
            if folder is None or _TABLE.fullmatch(name):
                continue
            label, kind = category(name) or ("", "")
            if label:
                self._kinds[label] = kind
            found.append(Photograph(identity, label, _SPLITS[folder][0]))
        if not any(photograph.official_split == "train" for photograph in found):
            raise LithoscopeError(
                f"{root}: no photographs in a folder `360 Rocks`; {self.name} is laid out as `360 Rocks` (to train on) "
                f"and `120 Rocks` (the test), with names like `I_Andesite_01.jpg`"
            )
        _warn_of_counts(found)
        return sorted(found)

    def companions(self, root: Path) -> dict[str, Path]:
        """Return the tables of human judgements, wherever below ``root`` they lie."""
        tables: dict[str, Path] = {}
        for identity in sorted(visible_files(root), key=lambda identity: (identity.count("/"), identity)):
            name = PurePosixPath(identity).name
            if not _TABLE.fullmatch(name):
                continue
            if name not in tables:
                tables[name] = root / identity
            elif tables[name].read_bytes() != (root / identity).read_bytes():
                log(f"warning: {name} is there twice, with different contents; {tables[name]} is taken")
        return dict(sorted(tables.items()))

    def coarse_classes(self, labels: Iterable[str]) -> dict[str, str]:
        """Map categories to ``igneous``, ``metamorphic`` or ``sedimentary``.

        Categories that the published set does not have are known once :meth:`photographs` has seen their letter.
        """
        known = {**_COARSE, **self._kinds}
        return {label: known[label] for label in sorted(labels) if label in known}


def _split_of(identity: str) -> str | None:
    """Return the nearest folder above a file that is one of the set's two, as a key of ``_SPLITS``."""
    for folder in reversed(PurePosixPath(identity).parts[:-1]):
        plain = " ".join(folder.replace("_", " ").casefold().split())
        if plain in _SPLITS:
            return plain
    return None


def _is_wanted(path: str) -> bool:
    """Say whether a file of the node is to be downloaded: the node holds more than the set."""
    name = PurePosixPath(path).name
    if any(is_ignored(part) for part in PurePosixPath(path).parts):
        return False
    if _TABLE.fullmatch(name):
        return True
    is_image = category(name) is not None or PurePosixPath(name).suffix.lower() in _IMAGE_SUFFIXES
    return is_image and _split_of(path) is not None


def _warn_of_counts(photographs: list[Photograph]) -> None:
    nameless = [photograph.id for photograph in photographs if not photograph.label]
    if nameless:
        log(f"warning: {some(nameless)} not named like `I_Andesite_01.jpg`: set aside")
    for split, expected in _SPLITS.values():
        counts = Counter(photo.label for photo in photographs if photo.official_split == split and photo.label)
        odd = sorted(f"{label} {count}" for label, count in counts.items() if count != expected)
        if len(counts) != _CATEGORIES or odd:
            log(
                f"warning: {split}: {len(counts)} categories, {sum(counts.values())} photographs; the published set "
                f"has {_CATEGORIES} categories of {expected}{': ' if odd else ''}{some(odd)}"
            )

"""Which of a set's files are photographs: each is hashed, decoded, measured, or set aside with a reason."""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields, replace
from functools import partial
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.files import file_digest
from lithoscope.core.text import safe
from lithoscope.core.threads import cores
from lithoscope.data.fetching.by_address import FETCHED_AT_ONCE, ByAddress
from lithoscope.data.images.decode import read
from lithoscope.data.images.perceptual_hash import perceptual_hash
from lithoscope.data.images.reading import (
    DEFAULTS,
    Reading,
    ReadingSettings,
    UnreadablePhotograph,
    page_digest,
    page_path,
    require_unchanged,
)
from lithoscope.data.sources.base import Photograph, PhotographSet
from lithoscope.data.sources.listing import printable, refusal
from lithoscope.data.sources.progress import track

_BATCH = 8  # photographs that a thread is handed at once: handing over takes as long as reading a small one


@dataclass(frozen=True, order=True)
class Entry:
    """A photograph that can be read: a row of ``index.csv``.

    Attributes:
        id: Posix path below the folder of photographs; of one of several pages as
            :func:`lithoscope.data.images.reading.page_path` writes it.
        path: The same from the checkout's root, or ``""`` before it lies there.
        label: Its class.
        official_split: ``"train"``, ``"val"``, ``"test"`` or ``""``.
        specimen: Name of the specimen it shows, or ``""``; the file's own name for each of its pages.
        photographer: Who took it, or ``""``.
        locality: Where it was taken or found, or ``""``.
        weight: How much it counts in training, above 0.
        sha256: Of the file's bytes, hexadecimal; of a page after the first, of that and the page's number.
        phash: Perceptual hash of the upright RGB picture, 16 hexadecimal digits.
        width: Of the upright picture, pixels.
        height: Of the upright picture, pixels.
        format: The file's format, as :class:`lithoscope.data.images.reading.Reading` names it.
    """

    id: str
    path: str
    label: str
    official_split: str
    specimen: str
    photographer: str
    locality: str
    weight: float
    sha256: str
    phash: str
    width: int
    height: int
    format: str


@dataclass(frozen=True, order=True)
class SetAside:
    """A file that is no photograph of a class: a row of ``set_aside.csv``; the path is empty if it was not kept."""

    id: str
    path: str
    label: str
    reason: str


@dataclass(frozen=True, order=True)
class Note:
    """What was done to a photograph besides decoding it: a row of ``notes.csv``."""

    id: str
    path: str
    label: str
    note: str


@dataclass(frozen=True)
class Catalogue:
    """What a folder of photographs holds; the lists are sorted by id."""

    entries: list[Entry]
    set_aside: list[SetAside]
    notes: list[Note] = field(default_factory=list)

    def labels(self) -> list[str]:
        """Return the classes, sorted."""
        return sorted({entry.label for entry in self.entries})


def why_refused(root: Path, photograph: Photograph, max_megapixels: int | None) -> str | None:
    """Say why a file is set aside before it is opened, or None if it is worth a look."""
    where, name = root, photograph.id
    if photograph.place:
        where, name = Path(photograph.place).parent, Path(photograph.place).name
    reason = photograph.reason or (None if photograph.address else refusal(where, name, max_megapixels))
    return reason or (None if photograph.label else "in no class folder")


def catalogue(
    root: Path,
    photographs: Sequence[Photograph],
    refused: Mapping[str, str] | None = None,
    prefix: str = "",
    settings: ReadingSettings = DEFAULTS,
    by_address: ByAddress | None = None,
) -> Catalogue:
    """Judge every file of a set, several at a time.

    Args:
        root: The folder the ids are relative to.
        photographs: The files to judge.
        refused: Files that are not below ``root`` because they were refused before, with the reason, by id.
        prefix: What stands before an id to make it a path from the checkout's root, e.g. ``"build/raw/"``.
        settings: How to read.
        by_address: Fetches the files that lie at addresses. None: they are taken for photographs, unseen.

    Raises:
        LithoscopeError: A class would be left without a photograph, or without one that is not for testing; or a
            photograph that stays in its place, or lies at an address, is gone or has changed since it was listed.
    """
    refused = refused or {}
    ordered = sorted(photographs)
    fetched = by_address is not None and any(one.address for one in ordered)
    workers = FETCHED_AT_ONCE if fetched else min(cores(), 16)
    with ThreadPoolExecutor(workers) as pool:  # Pillow lets other threads run while it decodes
        try:
            batches = [ordered[start : start + _BATCH] for start in range(0, len(ordered), _BATCH)]
            judge = partial(_judged, root, refused, prefix, settings, by_address)
            results = pool.map(lambda batch: list(map(judge, batch)), batches)
            files = track(chain.from_iterable(results), len(ordered), "reading photographs")
            judged = list(chain.from_iterable(files))
        except BaseException:
            if by_address is not None:
                by_address.stop()
            pool.shutdown(cancel_futures=True)
            raise
    found = Catalogue(
        sorted(item for item, _ in judged if isinstance(item, Entry)),
        sorted(item for item, _ in judged if isinstance(item, SetAside)),
        sorted(Note(item.id, item.path, item.label, note) for item, notes in judged for note in notes),
    )
    _require_photographs_of_each_class(ordered, found)
    return found


def write_catalogue(found: Catalogue, photographs: PhotographSet, human_data: bool, folder: Path) -> None:
    """Write ``index.csv``, ``set_aside.csv``, ``notes.csv`` and ``dataset.json`` into a folder.

    Args:
        found: What was judged.
        photographs: The set it belongs to.
        human_data: Whether people's judgements came with the set.
        folder: Where to write; it is made if it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_table(folder / "index.csv", Entry, found.entries)
    _write_table(folder / "set_aside.csv", SetAside, found.set_aside)
    _write_table(folder / "notes.csv", Note, found.notes)
    description = {
        "name": photographs.name,
        "title": photographs.title,
        "synthetic": photographs.synthetic,
        "citation": photographs.citation,
        "rights": photographs.rights,
        "published": photographs.published,
        "classes": found.labels(),
        "coarse_classes": photographs.coarse_classes(found.labels()),
        "human_data": human_data,
    }
    text = json.dumps(description, indent=2, ensure_ascii=False)
    (folder / "dataset.json").write_text(text + "\n", encoding="utf-8", newline="\n")


def _judged(
    root: Path,
    refused: Mapping[str, str],
    prefix: str,
    settings: ReadingSettings,
    by_address: ByAddress | None,
    photograph: Photograph,
) -> list[tuple[Entry | SetAside, tuple[str, ...]]]:
    """Return what a file is, or each of its pages, and the notes on how it was read."""
    identity, label = printable(photograph.id), printable(photograph.label)
    path = root / (photograph.place or photograph.id)
    if photograph.content and not photograph.address:
        require_unchanged(path, photograph.content)
    reason = refused.get(photograph.id) or why_refused(root, photograph, settings.max_megapixels)
    if reason is not None:
        return [(SetAside(identity, "", label, reason), ())]
    kept = photograph.place or (prefix + identity if prefix else "")
    try:
        if not photograph.address:
            return _pages(photograph, path, kept, settings)
        if by_address is None:
            return [(_entry(photograph, kept, photograph.content), ())]
        with by_address.opened(photograph.address, photograph.content) as stream:
            return _pages(photograph, stream, kept, settings)
    except UnreadablePhotograph as problem:
        return [(SetAside(identity, kept, label, problem.reason), ())]


def _pages(
    photograph: Photograph, source: Path | BinaryIO, kept: str, settings: ReadingSettings
) -> list[tuple[Entry | SetAside, tuple[str, ...]]]:
    """Return what each page of an opened file is; raise if the first is no photograph."""
    first = read(source, settings)
    digest = photograph.content or (file_digest(source) if isinstance(source, Path) else "")
    pages = first.pages if settings.pages == "each" else 1
    found: list[tuple[Entry | SetAside, tuple[str, ...]]] = []
    for number in range(1, pages + 1):
        page = replace(photograph, id=page_path(printable(photograph.id), number))
        place = page_path(kept, number) if kept else ""
        try:
            reading = first if number == 1 else _page(source, number, settings)
        except UnreadablePhotograph as problem:
            found.append((SetAside(page.id, place, printable(page.label), problem.reason), ()))
            continue
        if pages > 1 and not page.specimen:
            page = replace(page, specimen=photograph.id)
        found.append((_entry(page, place, page_digest(digest, number), reading), reading.notes))
    return found


def _page(source: Path | BinaryIO, number: int, settings: ReadingSettings) -> Reading:
    if isinstance(source, Path):
        return read(Path(page_path(str(source), number)), settings)
    source.seek(0)
    return read(source, settings, page=number)


def _entry(photograph: Photograph, place: str, digest: str, reading: Reading | None = None) -> Entry:
    """Return what is catalogued of a photograph that was read, or is taken for one unseen."""
    return Entry(
        id=printable(photograph.id),
        path=place,
        label=printable(photograph.label),
        official_split=photograph.official_split,
        specimen=printable(photograph.specimen),
        photographer=printable(photograph.photographer),
        locality=printable(photograph.locality),
        weight=photograph.weight,
        sha256=digest,
        phash=perceptual_hash(reading.picture) if reading else "",
        width=reading.size[0] if reading else 0,
        height=reading.size[1] if reading else 0,
        format=reading.format if reading else "",
    )


def _require_photographs_of_each_class(photographs: Iterable[Photograph], found: Catalogue) -> None:
    meant = Counter(printable(photograph.label) for photograph in photographs if photograph.label)
    readable = Counter(entry.label for entry in found.entries)
    for label in sorted(meant):
        if not readable[label]:
            examples = [f"{item.id} ({item.reason})" for item in found.set_aside if item.label == label][:3]
            raise LithoscopeError(
                f"class {safe(label)}: none of its {meant[label]:,} files is a photograph that can be read: "
                f"{safe(', '.join(examples))}; mend them or remove the class"
            )
    if not meant:
        raise LithoscopeError(f"no photographs in class folders; set aside: {len(found.set_aside):,} files")
    trainable = {entry.label for entry in found.entries if entry.official_split != "test"}
    only_tested = safe(", ".join(sorted(set(readable) - trainable)))
    if only_tested:
        raise LithoscopeError(
            f"class {only_tested} has photographs for the test only: add some to train on, or remove it"
        )


def _write_table(path: Path, kind: type[Entry | SetAside | Note], rows: Iterable[Entry | SetAside | Note]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        names = [column.name for column in fields(kind)]
        writer.writerow(names)
        writer.writerows(map(attrgetter(*names), rows))

"""Which of a set's files are photographs: each is hashed, decoded, measured, or set aside with a reason."""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import chain
from operator import attrgetter
from pathlib import Path

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.text import safe
from lithoscope.data.engines.tasks import TaskEngine, Wanted, in_batches, on_threads
from lithoscope.data.fetching.by_address import ByAddress
from lithoscope.data.images.reading import DEFAULTS, ReadingSettings, page_digest, page_path, require_unchanged
from lithoscope.data.sources.base import Photograph, PhotographSet
from lithoscope.data.sources.examination import Examination, Examined, ExaminedPage
from lithoscope.data.sources.listing import printable, refusal
from lithoscope.data.sources.progress import track


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
    engine: TaskEngine = on_threads,
) -> Catalogue:
    """Judge every file of a set, several at a time.

    Args:
        root: The folder the ids are relative to.
        photographs: The files to judge.
        refused: Files that are not below ``root`` because they were refused before, with the reason, by id.
        prefix: What stands before an id to make it a path from the checkout's root, e.g. ``"build/raw/"``.
        settings: How to read.
        by_address: Fetches the files that lie at addresses. None: they are taken for photographs, unseen.
        engine: Who opens them.

    Raises:
        LithoscopeError: A class would be left without a photograph, or without one that is not for testing; or a
            photograph that stays in its place, or lies at an address, is gone or has changed since it was listed.
    """
    ordered = sorted(photographs)

    def judged(photograph: Photograph) -> str | None:
        return (refused or {}).get(photograph.id) or _why_not_opened(root, photograph, settings.max_megapixels)

    reasons = list(chain.from_iterable(in_batches(judged, ordered, 64)))
    unseen = [one.address != "" and by_address is None for one in ordered]
    wanted = [
        Wanted(_path(root, one), one.content, address=one.address)
        for one, reason, taken in zip(ordered, reasons, unseen, strict=True)
        if reason is None and not taken
    ]
    examination = Examination(settings, by_address if any(one.address for one in wanted) else None)
    results = track(engine(examination, wanted), len(wanted), "reading photographs")
    found = Catalogue([], [], [])
    for photograph, reason, taken in zip(ordered, reasons, unseen, strict=True):
        if reason is None:
            examined = Examined(photograph.content, (ExaminedPage(),)) if taken else next(results)
            _list_pages(found, photograph, prefix, examined)
        else:
            found.set_aside.append(SetAside(printable(photograph.id), "", printable(photograph.label), reason))
    next(results, None)  # ends what shows the progress
    for rows in (found.entries, found.set_aside, found.notes):
        rows.sort()
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


def _path(root: Path, photograph: Photograph) -> str:
    return photograph.place if photograph.address else str(root / (photograph.place or photograph.id))


def _why_not_opened(root: Path, photograph: Photograph, max_megapixels: int | None) -> str | None:
    reason = why_refused(root, photograph, max_megapixels)
    # Of what was listed, being gone or changed is the mistake.
    if reason is not None and photograph.content and not photograph.address:
        require_unchanged(Path(_path(root, photograph)), photograph.content)
    return reason


def _list_pages(found: Catalogue, photograph: Photograph, prefix: str, examined: Examined) -> None:
    """Add what a file is, or each of its pages, and the notes on how it was read."""
    identity, label = printable(photograph.id), printable(photograph.label)
    kept = photograph.place or (prefix + identity if prefix else "")
    for number, page in enumerate(examined.pages, start=1):
        name, place = page_path(identity, number), page_path(kept, number) if kept else ""
        if page.reason:
            found.set_aside.append(SetAside(name, place, label, page.reason))
            continue
        entry = Entry(
            id=name,
            path=place,
            label=label,
            official_split=photograph.official_split,
            specimen=printable(photograph.specimen) or (identity if len(examined.pages) > 1 else ""),
            photographer=printable(photograph.photographer),
            locality=printable(photograph.locality),
            weight=photograph.weight,
            sha256=page_digest(examined.content, number),
            phash=page.phash,
            width=page.width,
            height=page.height,
            format=page.format,
        )
        found.entries.append(entry)
        found.notes.extend(Note(name, place, label, note) for note in page.notes)


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

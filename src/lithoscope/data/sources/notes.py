"""Notes on a folder's layout: what a person should know before training on it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from lithoscope.config.params import FolderParameters
from lithoscope.data.sources.base import Photograph
from lithoscope.data.sources.catalogue import Note
from lithoscope.data.sources.folder import tables_of
from lithoscope.data.sources.label_table import described_columns, possible_tables
from lithoscope.data.sources.layout import classes_at_depths, place, repeated_folders, sounds_like_split, split_folders
from lithoscope.data.sources.listing import visible_folders

NOTES_SHOWN = 5


def notes_on_names(labels: Sequence[str]) -> list[str]:
    """Point out classes whose names are hardly different."""
    plain = {label: "".join(label.casefold().split()) for label in labels}
    counts = Counter(plain.values())
    alike = [label for label in labels if counts[plain[label]] > 1]
    return [f"these classes differ only in upper and lower case or in blanks: {', '.join(alike)}"] if alike else []


def notes_on_reading(notes: Sequence[Note]) -> list[str]:
    """Say how photographs will be read, where that is more than decoding; an example for each kind of note."""
    kinds: dict[str, list[Note]] = {}
    for note in notes:
        kinds.setdefault(note.note, []).append(note)
    most = sorted(kinds.items(), key=lambda kind: -len(kind[1]))[:NOTES_SHOWN]
    return [
        f"{text}: {'1 photograph' if len(group) == 1 else f'{len(group):,} photographs'}, such as {group[0].id}"
        for text, group in most
    ]


def notes_on_folders(root: Path, photographs: Sequence[Photograph], layout: FolderParameters) -> list[str]:
    """Say what the classes would be at other depths, and where they are perhaps no classes at all."""
    if layout.tabled:
        return _notes_on_table(root, photographs, layout)
    splits = split_folders(root)
    places = [place(file.id, splits) for file in photographs]
    depths = classes_at_depths(places)
    notes = []
    tables = possible_tables(root)
    if tables:
        notes.append(f"not used: {_some(tables)}; if a table says what photographs show: --labels FILE")
    notes += _notes_on_splits(root, photographs, splits)
    repeated = repeated_folders(places)
    if repeated:
        outer = ", ".join(sorted({at.folders[0] for at in places if at.folders}))
        notes.append(
            f"the same folders ({_some(repeated)}) lie in each of {outer}: if those are splits, name them train, val "
            "or test; if the inner folders are, put them outside the classes; if the inner ones are classes: --depth 2"
        )
    if layout.specimens == "folders":
        notes += _notes_on_specimens(photographs)
    elif len(depths) > max(layout.depth, 1):
        for depth, counts in depths.items():
            classes = [f"{label} {count:,}" for label, count in counts.items()]
            number = "1 class" if len(classes) == 1 else f"{len(classes):,} classes"
            taken = "taken" if depth == layout.depth else f"--depth {depth}"
            notes.append(f"folders are nested; {taken}: {number} of files: {_some(classes)}")
        notes.append("if the inner folders are specimens, several photographs of one piece each: --specimens folders")
    return notes


def _notes_on_splits(root: Path, photographs: Sequence[Photograph], splits: Mapping[str, str]) -> list[str]:
    """Point out folders beside those of splits, and classes that are perhaps splits."""
    notes = []
    beside = [folder.name for folder in visible_folders(root) if folder.name not in splits]
    if beside and "train" in splits.values():
        notes.append(
            f"{_some(beside)} beside {', '.join(splits)}: of no split by the name, and set aside; name such a folder "
            "train, val or test"
        )
    sounding = {label: sounds_like_split(label) for label in {file.label for file in photographs}}
    several = sorted(label for label, split in sounding.items() if split)
    if len({sounding[label] for label in several}) > 1:
        notes.append(
            f"these classes are called like splits: {_some(several)}: if they are, name the folders train, val or test "
            "and put a folder for each class right into them"
        )
    return notes


def _notes_on_table(root: Path, photographs: Sequence[Photograph], layout: FolderParameters) -> list[str]:
    tables = tables_of(root, layout)
    name, path = next(iter(tables.items()))
    read = described_columns(path, name, layout.columns)
    return [
        f"labels from {', '.join(tables)}: " + ", ".join(f"{key} = column {column}" for key, column in read.items()),
        *_notes_on_specimens(photographs),
    ]


def _notes_on_specimens(photographs: Sequence[Photograph]) -> list[str]:
    notes = []
    for kind, named in (
        ("specimens", {file.id: file.specimen for file in photographs}),
        ("photographers", {file.id: file.photographer for file in photographs}),
        ("localities", {file.id: file.locality for file in photographs}),
    ):
        names = set(named.values()) - {""}
        if names:
            alone = sum(not name for name in named.values())
            notes.append(f"{len(names):,} {kind}, none of which falls on two sides of a split; {alone:,} files of none")
    labels: dict[str, set[str]] = {}
    for file in photographs:
        if file.specimen and file.label:
            labels.setdefault(file.specimen, set()).add(file.label)
    weighted = sum(file.weight != 1 for file in photographs)
    if weighted:
        notes.append(f"{weighted:,} files with a weight other than 1: how often each is drawn in training")
    several = sorted(name for name, found in labels.items() if len(found) > 1)
    if several:
        notes.append(
            f"specimens with photographs of several classes: {_some(several)}: kept on one side all the same; if they "
            "are numbered anew in each class, give them names of their own"
        )
    return notes


def _some(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")

"""Folder layouts: names of split folders, nested classes, specimens, read from a photograph's path alone."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lithoscope.data.sources.listing import printable, visible_folders

_SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "trn": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "validate": "val",
    "vld": "val",
    "dev": "val",
    "development": "val",
    "test": "test",
    "testing": "test",
    "tst": "test",
    "holdout": "test",
    "heldout": "test",
}
_FILLERS = "sets?|split|folder|data|dataset|images?|imgs?|photos?|photographs?|pictures?"
_SPLIT_NAME = re.compile(rf"(?:{_FILLERS})*({'|'.join(sorted(_SPLIT_NAMES, key=len, reverse=True))})(?:{_FILLERS})*")


def split_of_name(name: str) -> str:
    """Return the split that a folder's name or a table's cell stands for.

    Args:
        name: Such as ``Training Set``, ``test_set``, ``01_Validation-Images``, ``Dev``; case, separators and a number
            before it do not count.

    Returns:
        ``"train"``, ``"val"`` or ``"test"``; ``""`` where the name is anything else (``trainspotting``, ``test 2``).
    """
    plain = re.sub(r"[\s_.\-]+", "", re.sub(r"^\d{1,2}[\s_.\-]+", "", name.casefold()))
    matched = _SPLIT_NAME.fullmatch(plain)
    return _SPLIT_NAMES[matched[1]] if matched else ""


def split_folders(root: Path) -> dict[str, str]:
    """Return the folders of ``root`` that hold an official split, with the split's name.

    A folder counts if it is named like a split and has folders inside, so a class may well be called "test".
    """
    named = {folder.name: split_of_name(folder.name) for folder in visible_folders(root)}
    return {name: split for name, split in named.items() if split and visible_folders(root / name)}


def sounds_like_split(name: str) -> str:
    """Return the split that a word of a name stands for, as in ``seg_train`` or ``Test (20 %)``; ``""`` for none."""
    words = re.split(r"[\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).casefold())
    return next((_SPLIT_NAMES[word] for word in words if word in _SPLIT_NAMES), "")


@dataclass(frozen=True)
class Place:
    """Where a file lies: its split, and the folders below that one.

    Attributes:
        split: ``"train"``, ``"val"``, ``"test"`` or ``""``.
        folders: Names from the class's topmost level on, Unicode composed (NFC).
    """

    split: str
    folders: tuple[str, ...]


def place(identity: str, splits: dict[str, str]) -> Place:
    """Read a file's split and class folders from its path.

    Args:
        identity: Posix path below the set's root.
        splits: What :func:`split_folders` found there. Folders beside a ``train/`` folder belong to no class; beside
            a ``test/`` or ``val/`` folder alone they are classes whose photographs are still to be split.
    """
    folders = tuple(unicodedata.normalize("NFC", part) for part in PurePosixPath(identity).parts[:-1])
    first = PurePosixPath(identity).parts[0]
    split = splits.get(first, "") if folders else ""
    if split:
        folders = folders[1:]
    elif "train" in splits.values():
        folders = ()
    return Place(split, folders)


def class_names(paths: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """Name classes after their innermost folder, or after the whole path where that would give two one name."""
    distinct = set(paths)
    innermost = Counter(path[-1] for path in distinct)
    return {path: path[-1] if innermost[path[-1]] == 1 else "/".join(path) for path in distinct}


def classes_at_depths(places: Sequence[Place]) -> dict[int, dict[str, int]]:
    """Count the files of each class at every depth that folders are nested to, from 1 on."""
    deepest = max((len(at.folders) for at in places), default=0)
    found = {}
    for depth in range(1, deepest + 1):
        counts = Counter(at.folders[:depth] for at in places if len(at.folders) >= depth)
        names = class_names(counts)
        found[depth] = {names[path]: count for path, count in sorted(counts.items())}
    return found


def repeated_folders(places: Sequence[Place]) -> list[str]:
    """Return the folders that lie under every topmost class alike, where there are several classes; else none."""
    below: dict[str, set[str]] = {}
    for at in places:
        if at.folders:
            below.setdefault(at.folders[0], set()).update(at.folders[1:2])
    inner = list(below.values())
    return sorted(inner[0]) if len(inner) > 1 and all(names == inner[0] for names in inner) else []


def listed(labels: Iterable[str]) -> str:
    """Name classes in a line."""
    return ", ".join(printable(label) for label in sorted(labels))

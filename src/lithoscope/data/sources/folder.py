"""Any user's photographs: one folder a class."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import ClassVar

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.sources.base import Photograph, PhotographSet, Request
from lithoscope.data.sources.listing import printable, refusal, visible_files, visible_folders

SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
"""Names of folders that stand for an official split, in any case, and the split they stand for."""


class FolderSet(PhotographSet):
    """Photographs in one folder a class, perhaps below ``train/``, ``val/`` and ``test/``."""

    name: ClassVar[str] = "folder"
    title: ClassVar[str] = "Your own photographs"
    citation: ClassVar[str] = "your own photographs"
    rights: ClassVar[str] = "whatever rights you have in your photographs"

    def obtain(self, destination: Path, request: Request) -> None:
        """Refuse: there is no such set anywhere but at a place the user names."""
        del destination, request
        raise LithoscopeError("dataset = folder has no source of its own: run `lithoscope use PATH`")

    def photographs(self, root: Path) -> list[Photograph]:
        """List every file with its class and split as :func:`place` tells them.

        Raises:
            LithoscopeError: There are fewer than two classes, or one of them has no file at all.
        """
        splits = split_folders(root)
        files = [place(identity, splits) for identity in visible_files(root)]
        labels = {file.label for file in files if refusal(root, file.id) is None} - {""}
        empty = _class_folders(root, splits) - labels
        if empty:
            raise LithoscopeError(f"{root}: class {_listed(empty)} holds no file: fill or remove the folder")
        if len(labels) < 2:
            reasons = {refusal(root, file.id) for file in files if file.label == ""} - {None}
            seen = f"one class ({printable(*labels)})" if labels else f"{len(files):,} files in no class folder"
            seen += "".join(f", {reason}" for reason in sorted(map(str, reasons)))
            raise LithoscopeError(f"{root}: at least two classes are needed, one folder each; found {seen}")
        return files


def split_folders(root: Path) -> dict[str, str]:
    """Return the folders of ``root`` that hold an official split, with the split's name.

    A folder counts if it is named like a split and has folders inside, so a class may well be called "test".
    """
    named = {folder.name: SPLIT_FOLDERS.get(folder.name.casefold()) for folder in visible_folders(root)}
    return {name: split for name, split in named.items() if split and visible_folders(root / name)}


def place(identity: str, splits: dict[str, str]) -> Photograph:
    """Tell a file's class and official split from its path.

    Args:
        identity: Posix path below the set's root.
        splits: What :func:`split_folders` found there. Folders beside a ``train/`` folder belong to no class; beside
            a ``test/`` or ``val/`` folder alone they are classes whose photographs are still to be split.

    Returns:
        The file, with an empty label where it lies in no class folder.
    """
    folders = PurePosixPath(identity).parts[:-1]
    split = splits.get(folders[0], "") if folders else ""
    if split:
        folders = folders[1:]
    elif "train" in splits.values():
        folders = ()
    return Photograph(identity, folders[0] if folders else "", split)


def _class_folders(root: Path, splits: dict[str, str]) -> set[str]:
    parents = [root / name for name in splits]
    if "train" not in splits.values():
        parents.append(root)
    return {
        folder.name
        for parent in parents
        for folder in visible_folders(parent)
        if not (parent == root and folder.name in splits)
    }


def _listed(labels: Iterable[str]) -> str:
    return ", ".join(printable(label) for label in sorted(labels))

"""Any user's photographs: one folder a class, perhaps nested, or a table of labels beside them."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import ClassVar

from lithoscope.config.params import FolderParameters, table_names
from lithoscope.core.errors import LithoscopeError
from lithoscope.data.sources.base import Photograph, PhotographSet, Request
from lithoscope.data.sources.file_finder import match_rows
from lithoscope.data.sources.label_table import (
    Row,
    described_columns,
    find_tables,
    objection,
    possible_tables,
    read_table,
)
from lithoscope.data.sources.layout import Place, class_names, listed, place, split_folders, split_of_name
from lithoscope.data.sources.listing import printable, refusal, visible_files, walk


class FolderSet(PhotographSet):
    """Photographs in one folder a class, perhaps below ``train/``, ``val/`` and ``test/``.

    Args:
        layout: How the folder is laid out.
    """

    name: ClassVar[str] = "folder"
    title: ClassVar[str] = "Your own photographs"
    citation: ClassVar[str] = "your own photographs"
    rights: ClassVar[str] = "whatever rights you have in your photographs"

    def __init__(self, layout: FolderParameters | None = None) -> None:
        self.layout = layout or FolderParameters()
        self.depth = self.layout.depth
        self._coarse: dict[str, str] = {}

    def obtain(self, destination: Path, request: Request) -> None:
        """Refuse: there is no such set anywhere but at a place the user names."""
        del destination, request
        raise LithoscopeError("dataset = folder has no source of its own: run `lithoscope use PATH`")

    def photographs(self, root: Path) -> list[Photograph]:
        """List every file with its class and split, as its folders say.

        Where there is a label table, it says what each file shows, and folders say nothing but the split. With a depth
        of 2 the class of ``Igneous/Basalt/1.jpg`` is ``Basalt`` and its coarse class ``Igneous``; a file that lies less
        deep is in no class.

        Raises:
            LithoscopeError: There are fewer than two classes, or one of them has no file at all.
        """
        if self.layout.tabled:
            return self._from_tables(root)
        depth = self.layout.depth
        splits = split_folders(root)
        places = {identity: place(identity, splits) for identity in visible_files(root)}
        names = class_names(at.folders[:depth] for at in places.values() if len(at.folders) >= depth)
        if names and all(split_of_name(name) for name in names.values()):
            raise LithoscopeError(
                f"{root}: {listed(names.values())}: named like splits, and no classes: a folder for each class belongs "
                f"right into them{_about_tables(root)}"
            )
        files = [self._photograph(identity, at, names) for identity, at in places.items()]
        self._coarse = {name: "/".join(path[:-1]) for path, name in names.items()} if depth > 1 else {}
        _require_files(root, files, {names.get(path, "/".join(path)) for path in _folders_at(root, splits, depth)})
        return files

    def coarse_classes(self, labels: Iterable[str]) -> dict[str, str]:
        """Map nested classes to the folders around them, once :meth:`photographs` has seen them."""
        return {label: self._coarse[label] for label in sorted(labels) if label in self._coarse}

    def _photograph(self, identity: str, at: Place, names: dict[tuple[str, ...], str]) -> Photograph:
        depth, specimen = self.layout.depth, ""
        if self.layout.specimens == "folders" and len(at.folders) > depth:
            specimen = "/".join(at.folders[: depth + 1])
        return Photograph(identity, names.get(at.folders[:depth], ""), at.split, specimen)

    def _from_tables(self, root: Path) -> list[Photograph]:
        tables = tables_of(root, self.layout)
        several = len(table_names(self.layout.labels)) > 1
        rows = [
            row
            for name, path in tables.items()
            for row in read_table(
                path, name, self.layout.columns, below=self.layout.labels is not None, of_split=several
            )
        ]
        identities = [identity for identity in visible_files(root) if root / identity not in tables.values()]
        matched, left = match_rows(identities, rows, root.name)
        if rows and not matched:
            row = next((row for row in rows if row.file), rows[0])
            column = described_columns(tables[row.table], row.table, self.layout.columns)["file"]
            example = identities[0] if identities else "none"
            raise LithoscopeError(
                f"{root}: no row of {', '.join(tables)} names a file that is there: the column {column!r} says "
                f"{row.file or 'nothing'} in {row.where}, and the files are called such as {example}; name another "
                "column with --file-column"
            )
        files = [_labelled(identity, matched.get(identity, [])) for identity in identities]
        _require_files(root, files, set(), tabled=True)
        return files + [Photograph(f"{row.where}: {row.file}", row.label, reason=reason) for row, reason in left]


def tables_of(root: Path, layout: FolderParameters) -> dict[str, Path]:
    """Return the label tables of a layout by their names.

    Args:
        root: The set's root.
        layout: With one table elsewhere, from the current folder or in full, or tables below the root.

    Raises:
        LithoscopeError: One of them is not there.
    """
    if layout.labels is None:
        table = Path(layout.table)
        if not table.is_file():
            raise LithoscopeError(f"{table}: no such label table; `lithoscope use PATH --labels FILE` names another")
        return {table.name: table}
    found: dict[str, Path] = {}
    for name in table_names(layout.labels):
        tables = find_tables(root, name)
        if not tables:
            raise LithoscopeError(f"{root}: no label table {name}; `lithoscope use PATH --labels FILE` names another")
        found |= {table: root / table for table in tables}
    return found


def _labelled(identity: str, rows: list[Row]) -> Photograph:
    """Return a file with what its rows of the label table say."""
    if not rows:
        return Photograph(identity, "", reason="in no row of the label table")
    reason = objection(rows)
    if reason is not None:
        return Photograph(identity, "", reason=reason)
    row = rows[0]
    around = map(split_of_name, PurePosixPath(identity).parts[:-1])
    split = row.split or next((split for split in around if split), "")
    return Photograph(identity, row.label, split, row.specimen, row.photographer, row.locality, row.weight)


def _folders_at(root: Path, splits: dict[str, str], depth: int) -> set[tuple[str, ...]]:
    """Return the class folders so many levels deep, empty ones too."""
    found = set()
    for folder, subfolders, _ in walk(root):
        below = PurePosixPath(folder.relative_to(root).as_posix())
        folders = place((below / "file").as_posix(), splits).folders
        if len(folders) == depth and not (len(below.parts) == 1 and below.name in splits):
            found.add(folders)
            subfolders.clear()
    return found


def _require_files(root: Path, files: list[Photograph], expected: set[str], *, tabled: bool = False) -> None:
    """Require two classes, and a file that can be opened in each folder of a class.

    Raises:
        LithoscopeError: With each reason for which files that are there do not count.
    """
    reasons = {file.id: file.reason or refusal(root, file.id) for file in files}
    labels = {file.label for file in files if reasons[file.id] is None} - {""}
    for label in sorted(expected - labels):
        refused = Counter(reasons[file.id] for file in files if file.label == label)
        if not refused:
            raise LithoscopeError(f"{root}: class {printable(label)} holds no file: fill or remove the folder")
        why = ", ".join(f"{count:,} × {reason}" for reason, count in sorted(refused.items(), key=str))
        raise LithoscopeError(f"{root}: class {printable(label)} holds no file that can be opened: {why}")
    if len(labels) < 2:
        seen = f"one class ({listed(labels)})" if labels else f"{len(files):,} files in no class folder"
        kinds = {reason.partition(":")[0] for reason in reasons.values() if reason}
        seen += "".join(f", {kind}" for kind in sorted(kinds))
        hint = "" if tabled else _about_tables(root)
        raise LithoscopeError(f"{root}: at least two classes are needed, one folder or label each; found {seen}{hint}")


def _about_tables(root: Path) -> str:
    """Name the tables that may say what photographs show, where there are any."""
    tables = possible_tables(root)
    return f"; if a table says what they show: --labels FILE, such as {', '.join(tables[:3])}" if tables else ""

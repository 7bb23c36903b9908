"""A look into photographs before training on them: what ``lithoscope use PATH`` says and writes."""

import json
import os
import re
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode

from lithoscope.config.params import FolderParameters, SplitParameters
from lithoscope.config.yaml import read_yaml
from lithoscope.core.errors import LithoscopeError
from lithoscope.core.git import git_output
from lithoscope.core.text import safe
from lithoscope.data.images.reading import DEFAULTS, ReadingSettings
from lithoscope.data.sources.acquisition import listed, open_mirror, unwrapped
from lithoscope.data.sources.catalogue import Entry, SetAside, catalogue
from lithoscope.data.sources.folder import FolderSet
from lithoscope.data.sources.label_table import FILE_NAMES, find_tables
from lithoscope.data.sources.layout import split_folders
from lithoscope.data.sources.listing import broken_link, linked_folders, visible_folders
from lithoscope.data.sources.minerals import MINERALS
from lithoscope.data.sources.notes import notes_on_folders, notes_on_names, notes_on_reading
from lithoscope.data.sources.registry import photograph_set
from lithoscope.data.sources.remote import check_address, remote_mirror

SHOWN_AT_MOST = 20
DOWNLOAD = Path(".partial") / "download"
"""Where the stage ``download`` has its half-done work, from the checkout's root."""
_SPLITS = {"train": "train", "val": "val", "test": "test", "": "to split"}


@dataclass(frozen=True)
class Inspection:
    """What a place with photographs holds.

    Attributes:
        path: The folder or archive, absolute, or its address.
        dataset: The value of the parameter ``dataset`` that fits it.
        title: The set's title.
        counts: Photographs that can be read, by class, then by official split (``""`` where there is none).
        entries: Photographs that can be read.
        set_aside: Files that would be set aside, with their reasons.
        layout: How a folder of one's own is laid out.
        notes: What else a person should know, a line each.
    """

    path: Path | str
    dataset: str
    title: str
    counts: dict[str, dict[str, int]]
    entries: list[Entry]
    set_aside: list[SetAside]
    layout: FolderParameters
    notes: list[str]

    @property
    def photographs(self) -> int:
        """How many photographs can be read."""
        return sum(sum(splits.values()) for splits in self.counts.values())

    @property
    def splits(self) -> dict[str, int]:
        """Photographs by official split, of those splits that occur."""
        totals: Counter[str] = Counter()
        for splits in self.counts.values():
            totals.update(splits)
        return {split: totals[split] for split in _SPLITS if totals[split]}

    def describe(self) -> str:
        """Say in a few lines, for a terminal, what was found."""
        lines = [
            safe(str(self.path)),
            f"dataset: {self.dataset} ({self.title})",
            f"{self.photographs:,} photographs of {len(self.counts)} classes; "
            + ", ".join(f"{_SPLITS[split]} {count:,}" for split, count in self.splits.items()),
        ]
        width = max(len(safe(label)) for label in self.counts)
        for label, splits in sorted(self.counts.items()):
            cells = [f"{_SPLITS[split]} {splits.get(split, 0):>6,}" for split in self.splits]
            lines.append(f"  {safe(label):<{width}}  {'   '.join(cells)}")
        lines += [f"note: {safe(note)}" for note in self.notes]
        files = "1 file" if len(self.set_aside) == 1 else f"{len(self.set_aside) or 'no'} files"
        lines.append(f"{files} would be set aside{':' if self.set_aside else ''}")
        lines += [f"  {safe(item.id)}: {item.reason}" for item in self.set_aside[:SHOWN_AT_MOST]]
        if len(self.set_aside) > SHOWN_AT_MOST:
            lines.append(f"  and {len(self.set_aside) - SHOWN_AT_MOST:,} more")
        return "\n".join(lines)


def inspect_source(
    path: Path | str,
    layout: FolderParameters | None = None,
    look_for_table: bool = True,
    settings: ReadingSettings = DEFAULTS,
    download: Path = DOWNLOAD,
) -> Inspection:
    """Look into a folder, zip or tar as the download stage would; nothing is kept but what comes from an address.

    Args:
        path: Any local path; ``~`` stands for the home folder. Or an address (:mod:`lithoscope.data.sources.remote`).
        layout: How it is laid out, where it is no published set.
        look_for_table: Whether a table called ``labels.csv`` is taken for the labels without being named.
        settings: How files become pixels.
        download: Where what is fetched lies until the download stage takes it.

    Raises:
        LithoscopeError: There is nothing to train on; the line says why.
    """
    if isinstance(path, str):
        with remote_mirror(path, download) as local:
            return _inspected(local, path, layout, look_for_table, settings)
    source = Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 (a link is the user's name for a source: kept)
    if not source.exists():
        raise LithoscopeError(f"{source}: no such folder or file")
    _refuse_what_dvc_cannot_hash(source)
    _refuse_specimens(source)
    return _inspected(source, source, layout, look_for_table, settings)


def _inspected(
    source: Path, named: Path | str, layout: FolderParameters | None, look_for_table: bool, settings: ReadingSettings
) -> Inspection:
    """Look into what is here of a place that the user calls ``named``."""
    with tempfile.TemporaryDirectory(prefix="lithoscope-") as workplace:
        tree = open_mirror(source, Path(workplace), str(named))
        try:
            name = FolderSet.name if layout not in (None, FolderParameters()) else _recognised(unwrapped(tree))
        except OSError as error:
            raise LithoscopeError(f"{named}: cannot be read ({error.strerror})") from None
        layout = _with_table(layout or FolderParameters(), name, unwrapped(tree), look_for_table)
        kind = photograph_set(name, layout)
        root, photographs, _ = listed(kind, tree, str(named))
        found = catalogue(root, photographs, settings=settings)
        notes = notes_on_names(found.labels()) + notes_on_reading(found.notes)
        if source.is_dir() and (links := linked_folders(root)):
            notes.append(
                f"{len(links):,} folders are links, such as {links[0]}: read, but DVC does not see what changes behind "
                "them; after a change there: dvc repro -f download"
            )
        if name == FolderSet.name:
            notes += notes_on_folders(root, photographs, layout)
    counts: dict[str, dict[str, int]] = {label: {} for label in found.labels()}
    for entry in found.entries:
        splits = counts[entry.label]
        splits[entry.official_split] = splits.get(entry.official_split, 0) + 1
    return Inspection(named, name, kind.title, counts, found.entries, found.set_aside, layout, notes)


def require_splittable(entries: Sequence[Entry], settings: SplitParameters) -> None:
    """Refuse photographs that the stage ``split`` would refuse, exact copies taken for the only duplicates.

    Raises:
        LithoscopeError: A class has too few different photographs for the sides asked for.
    """
    if _surely_enough(entries, settings):
        return
    import pandas as pd  # seconds to import, and most folders need no closer look

    from lithoscope.data.splits.split import split_photographs

    table = pd.DataFrame([asdict(entry) for entry in entries])
    split_photographs(table, pd.factorize(table["sha256"])[0].tolist(), settings)


def _surely_enough(entries: Sequence[Entry], settings: SplitParameters) -> bool:
    """Say whether each class has many photographs that nothing keeps from any side; False where that is not plain."""
    labels: dict[str, set[str]] = {}
    for entry in entries:
        labels.setdefault(entry.sha256, set()).add(entry.label)
    if any(len(found) > 1 for found in labels.values()) or any(
        one.specimen or one.photographer or one.locality for one in entries
    ):
        return False
    held = {entry.sha256 for entry in entries if entry.official_split in ("val", "test")}
    free = {(entry.label, entry.sha256) for entry in entries if entry.sha256 not in held}
    counts = Counter(label for label, _ in free)
    return all(counts[entry.label] >= max(settings.folds, 1) + 2 for entry in entries)


def _with_table(layout: FolderParameters, dataset: str, root: Path, look: bool) -> FolderParameters:
    """Return the layout with the label table that is meant, as a path below the root."""
    if dataset != FolderSet.name:
        return FolderParameters()
    if layout.labels is not None or not look or layout.depth > 1 or layout.specimens == "folders":
        return layout
    found = next((name for name in FILE_NAMES if find_tables(root, name)), None)
    return layout.model_copy(update={"labels": found})


def table_below(source: Path | str, table: str) -> str:
    """Return a label table's path below the root of the photographs, as the parameter ``folder.labels`` takes it.

    Args:
        source: The folder or archive with the photographs, or its address.
        table: As a user names it: from the root of the photographs, or from the current folder.

    Raises:
        LithoscopeError: It is not there, or lies elsewhere: DVC would not notice its changes.
    """
    if isinstance(source, str) or not source.is_dir():
        return table
    root = unwrapped(source).resolve()
    file = next((path for path in (root / table, source / table, Path(table)) if path.is_file()), None)
    if file is None:
        raise LithoscopeError(f"--labels {table}: no such file in {source} or here")
    if not file.resolve().is_relative_to(root):
        raise LithoscopeError(
            f"--labels {table}: lies outside {root}: put it there, so that `dvc repro` notices when it changes"
        )
    return file.resolve().relative_to(root).as_posix()


def _refuse_specimens(place: Path) -> None:
    """Keep the synthetic specimens from being taken for photographs: they are a set of their own."""
    for folder in (place, place / "specimens", *place.parents[:2]):
        catalogue_file = folder / "catalogue.csv"
        if catalogue_file.is_file() and catalogue_file.read_text("utf-8", "replace").startswith(
            "path,label,split,seed,"
        ):
            raise LithoscopeError(f"{place}: these are the built-in synthetic specimens; use: lithoscope use specimens")


def mirror_value(place: Path | str, root: Path) -> str:
    """Return a place as the parameter ``mirror`` takes it.

    A path from the checkout's root where DVC or Git keeps it there, so that a colleague's clone and an experiment's
    checkout have it too; else the full path. An address is taken as it is.

    Args:
        place: A folder, an archive or an address.
        root: The checkout.

    Raises:
        LithoscopeError: The path cannot stand in a parameter.
    """
    if isinstance(place, str):
        check_address(place)
        value = place
    else:
        value = os.path.abspath(place.expanduser())  # noqa: PTH100 (a link is the user's name for a place: kept)
        value = _kept_in(root, Path(value)) or value
    if "${" in value:
        raise LithoscopeError(f"{safe(value)}: DVC would take `${{` for a parameter's name; rename the folder or file")
    if any(unicodedata.category(character) == "Cs" for character in value):
        raise LithoscopeError(f"{safe(value)}: not valid UTF-8; rename the folder or file")
    return value


def _kept_in(root: Path, place: Path) -> str | None:
    """Return a path from the checkout's root if Git knows the place, or the ``.dvc`` file of it or of one around it."""
    base = Path(os.path.abspath(root))  # noqa: PTH100
    if not place.is_relative_to(base):
        return None
    inside = place.relative_to(base)
    if inside.as_posix() in (".", "data"):  # `mirror: data` is the set's own source
        return None
    around = [inside, *inside.parents[:-1]]
    known = [inside.as_posix(), *(f"{folder.as_posix()}.dvc" for folder in around)]
    try:
        listed = git_output(base, "--literal-pathspecs", "ls-files", "--", *known)
    except LithoscopeError:  # no Git, or one that does not answer: the full path is right here all the same
        return None
    return inside.as_posix() if listed else None


def set_source(
    params_path: Path, dataset: str, mirror: Path | str | None, layout: FolderParameters | None = None
) -> None:
    """Write where the photographs come from into a parameter file; everything else in it stays as it is, to the byte.

    Args:
        params_path: Usually ``params.yaml``.
        dataset: The value of ``dataset``.
        mirror: A folder, an archive or an address (see :func:`mirror_value`); None for the set's own source.
        layout: The values of the block ``folder``; None for those of one folder a class.

    Raises:
        LithoscopeError: The file has not those keys, or the path cannot stand in it.
    """
    value = "data" if mirror is None else mirror_value(mirror, params_path.absolute().parent)
    try:
        before = read_yaml(params_path)
        if not isinstance(before, dict):
            raise LithoscopeError(f"{params_path}: has no keys and values")
        with params_path.open(encoding="utf-8", newline="") as stream:
            text = stream.read()
        folder = (layout or FolderParameters()).model_dump()
        wanted = {**before, "dataset": dataset, "mirror": value}
        if "folder" in before or layout is not None:  # not in files of the time before there was a choice
            wanted["folder"] = folder
        for keys, new in _leaves(wanted):
            if new != _leaf(before, keys):
                text = _with_value(text, keys, new)
    except (OSError, UnicodeError, YAMLError) as error:
        raise LithoscopeError(f"{params_path}: cannot be read ({type(error).__name__})") from None
    fresh = params_path.with_name(f".{params_path.name}.new")
    fresh.write_text(text, encoding="utf-8", newline="")
    if read_yaml(fresh) != wanted:
        fresh.unlink()
        raise LithoscopeError(f"{params_path}: set by hand: dataset: {dataset}, mirror: {_scalar(value)}")
    fresh.replace(params_path)


def _refuse_what_dvc_cannot_hash(place: Path) -> None:
    """Refuse a folder whose hashing would end `dvc repro` in DVC's own words, before any stage could set a file aside.

    DVC hashes every file of a mirror, hidden ones too, through links to files and not through links to folders.
    """
    for folder, _, files in os.walk(place):
        for path in (Path(folder, name) for name in files):
            if path.is_symlink() and not path.exists():
                reason = broken_link(path)
            elif not path.is_file():
                reason = "neither a file nor a folder"
            elif not os.access(path, os.R_OK):
                reason = "not readable with your permissions"
            else:
                continue
            raise LithoscopeError(f"{safe(str(path))}: {reason}; DVC cannot hash it: mend or remove it")


def _recognised(root: Path) -> str:
    folders = {" ".join(folder.name.casefold().split()) for folder in visible_folders(root)}
    if "360 rocks" in folders:
        return "osf-rocks"
    if folders == set(MINERALS) and not split_folders(root):
        return "minerals"
    return "folder"


def _leaves(values: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key), value


def _leaf(values: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        values = values.get(key) if isinstance(values, dict) else None
    return values


def _with_value(text: str, keys: tuple[str, ...], value: str | int | None) -> str:
    """Replace the value of a key in YAML text; a comment behind it keeps its column where it can.

    ruamel.yaml finds the value but does not write the file: its round trip turns ``null`` into nothing.
    """
    node = YAML().compose(text)
    for key in keys:
        pairs = node.value if isinstance(node, MappingNode) else []
        node = next((node for name, node in pairs if name.value == key), None)
    if not isinstance(node, ScalarNode):
        raise LithoscopeError(f"params.yaml: has no key {'.'.join(keys)} with a plain value")
    start, end = node.start_mark.index, node.end_mark.index
    new = _scalar(value) if isinstance(value, str) else json.dumps(value)
    rest = text[end:]
    comment = re.match("( +)#", rest)
    if comment:
        gap = max(1, _comment_column(text) - node.start_mark.column - len(new))
        rest = " " * gap + rest[len(comment[1]) :]
    return text[:start] + new + rest


def _comment_column(text: str) -> int:
    """Return the column in which most comments behind values begin."""
    columns = [len(line[1]) for line in re.finditer("^([^#\\n]*[^#\\s] +)#", text, re.MULTILINE)]
    return Counter(columns).most_common(1)[0][0] if columns else 0


def _scalar(value: str) -> str:
    """Write a text as a YAML scalar on one line that YAML 1.1 and 1.2 read alike."""
    if re.fullmatch(r"/?[A-Za-z][A-Za-z0-9._/-]*", value) and value not in {"true", "false", "null", "yes", "no"}:
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return "".join(
        character if character.isprintable() or unicodedata.category(character) == "Zs" else f"\\U{ord(character):08X}"
        for character in quoted
    )

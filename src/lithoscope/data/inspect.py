"""A look into photographs before training on them: what ``lithoscope use PATH`` says and writes."""

import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from lithoscope.config.params import FolderParameters, SplitParameters
from lithoscope.config.schema import validate_block
from lithoscope.core.errors import LithoscopeError
from lithoscope.core.text import safe
from lithoscope.data.engines.tasks import TaskEngine, on_threads
from lithoscope.data.fetching.addresses import require_packages
from lithoscope.data.fetching.manifest import is_manifest
from lithoscope.data.images.reading import DEFAULTS, ReadingSettings
from lithoscope.data.inspection import Inspection, inspection
from lithoscope.data.set_source import mirror_value
from lithoscope.data.sources.acquisition import listed, open_mirror, unwrapped
from lithoscope.data.sources.catalogue import Entry, catalogue
from lithoscope.data.sources.folder import FolderSet
from lithoscope.data.sources.in_place import ListedSet
from lithoscope.data.sources.label_table import FILE_NAMES, find_tables
from lithoscope.data.sources.layout import split_folders
from lithoscope.data.sources.listing import broken_link, linked_folders, visible_folders
from lithoscope.data.sources.minerals import MINERALS
from lithoscope.data.sources.notes import notes_on_folders, notes_on_names, notes_on_reading
from lithoscope.data.sources.registry import photograph_set
from lithoscope.data.sources.remote import remote_mirror

GO_BY_FOLDERS = "; to go by the folders all the same: --labels none"
DOWNLOAD = Path(".partial") / "download"
"""Where the stage ``download`` has its half-done work, from the checkout's root."""


def inspect_source(
    path: Path | str,
    layout: FolderParameters | None = None,
    look_for_table: bool = True,
    settings: ReadingSettings = DEFAULTS,
    download: Path = DOWNLOAD,
    tables: Sequence[str] = (),
    columns: str | None = None,
    engine: TaskEngine = on_threads,
) -> Inspection:
    """Look into a folder, zip or tar as the download stage would; nothing is kept but what comes from an address.

    Args:
        path: Any local path; ``~`` stands for the home folder. Or an address (:mod:`lithoscope.data.sources.remote`).
        layout: How it is laid out, where it is no published set.
        look_for_table: Whether a table called ``labels.csv`` is taken for the labels without being named.
        settings: How files become pixels.
        download: Where what is fetched lies until the download stage takes it.
        tables: Label tables as a user names them: from the root of the photographs, else from the current folder.
        columns: What columns of the label table are called; see :class:`lithoscope.config.params.FolderParameters`.
        engine: Who opens the photographs.

    Raises:
        LithoscopeError: There is nothing to train on; the line says why.
    """
    if isinstance(path, str):
        with remote_mirror(path, download) as local:
            return _inspected(local, path, layout, look_for_table, settings, tables, columns, engine)
    source = Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 (a link is the user's name for a source: kept)
    if not source.exists():
        raise LithoscopeError(f"{source}: no such folder or file")
    _refuse_what_dvc_cannot_hash(source)
    if is_manifest(source):
        if tables or columns or layout not in (None, FolderParameters()):
            raise LithoscopeError(f"{source}: a manifest says itself what its photographs show: no options beside it")
        return _inspected_manifest(source, settings, engine)
    _refuse_specimens(source)
    return _inspected(source, source, layout, look_for_table, settings, tables, columns, engine)


def _inspected(
    source: Path,
    named: Path | str,
    layout: FolderParameters | None,
    look_for_table: bool,
    settings: ReadingSettings,
    tables: Sequence[str],
    columns: str | None,
    engine: TaskEngine,
) -> Inspection:
    """Look into what is here of a place that the user calls ``named``."""
    with tempfile.TemporaryDirectory(prefix="lithoscope-") as workplace:
        tree = open_mirror(source, Path(workplace), str(named))
        try:
            own = tables or columns or layout not in (None, FolderParameters())
            name = FolderSet.name if own else _recognised(unwrapped(tree))
        except OSError as error:
            raise LithoscopeError(f"{named}: cannot be read ({error.strerror})") from None
        layout = _with_table(layout or FolderParameters(), name, unwrapped(tree), look_for_table and not tables)
        if tables or columns:
            asked = {**layout.model_dump(), **_placed(unwrapped(tree), named, tables), "columns": columns}
            layout = validate_block(FolderParameters, asked, "use")
        kind = photograph_set(name, layout)
        try:
            root, photographs, _ = listed(kind, tree, str(named))
        except LithoscopeError as error:
            found_by_name = layout.tabled and look_for_table and not tables
            raise LithoscopeError(f"{error}{GO_BY_FOLDERS if found_by_name else ''}") from None
        found = catalogue(root, photographs, settings=settings, engine=engine)
        notes = notes_on_names(found.labels()) + notes_on_reading(found.notes)
        if source.is_dir() and (links := linked_folders(root)):
            notes.append(
                f"{len(links):,} folders are links, such as {links[0]}: read, but DVC does not see what changes behind "
                "them; after a change there: dvc repro -f download"
            )
        if name == FolderSet.name:
            notes += notes_on_folders(root, photographs, layout)
    here = root if source.is_dir() and name == FolderSet.name else None
    return inspection(named, kind, found, layout, notes, here, photographs)


def _inspected_manifest(manifest: Path, settings: ReadingSettings, engine: TaskEngine) -> Inspection:
    kind = ListedSet(manifest)
    photographs = kind.photographs(manifest.parent)
    found = catalogue(manifest.parent, photographs, settings=settings, engine=engine)
    notes = notes_on_names(found.labels()) + notes_on_reading(found.notes)
    addresses = [one.address for one in photographs if one.address and not one.reason]
    if addresses:
        require_packages(addresses)
        notes.append(
            f"{len(addresses):,} of them lie at addresses and were not looked at: `download` fetches each, and `split` "
            "again where it did not stay (docs/own-photographs.md)"
        )
    return inspection(manifest, kind, found, FolderParameters(), notes)


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
    if layout.tabled or not look or layout.depth > 1 or layout.specimens == "folders":
        return layout
    places = [root, *visible_folders(root)]
    found = next((name for name in FILE_NAMES if any((place / name).is_file() for place in places)), None)
    return layout.model_copy(update={"labels": found})


def _placed(root: Path, source: Path | str, tables: Sequence[str]) -> dict[str, str]:
    """Return ``folder.labels`` or ``folder.table`` of label tables as a user names them.

    Raises:
        LithoscopeError: One is not there, or several are named of which one lies outside the photographs.
    """
    inside, outside = [], []
    for table in tables:
        place = Path(table).expanduser()
        if not place.is_absolute() and ".." not in place.parts and find_tables(root, place.as_posix()):
            inside.append(place.as_posix())
        elif not place.is_file():
            raise LithoscopeError(f"--labels {table}: no such file in {source} or here")
        elif place.resolve().is_relative_to(root.resolve()):
            inside.append(place.resolve().relative_to(root.resolve()).as_posix())
        else:
            outside.append(place)
    if outside and len(tables) > 1:
        raise LithoscopeError(
            f"--labels {outside[0]}: of several tables each has to lie in {source}; elsewhere there can be one alone: "
            "join them, with a column split"
        )
    if outside:
        return {"table": mirror_value(outside[0], Path.cwd())}
    return {"labels": "; ".join(inside)} if inside else {}


def _refuse_specimens(place: Path) -> None:
    """Keep the synthetic specimens from being taken for photographs: they are a set of their own."""
    for folder in (place, place / "specimens", *place.parents[:2]):
        catalogue_file = folder / "catalogue.csv"
        if catalogue_file.is_file() and catalogue_file.read_text("utf-8", "replace").startswith(
            "path,label,split,seed,"
        ):
            raise LithoscopeError(f"{place}: these are the built-in synthetic specimens; use: lithoscope use specimens")


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

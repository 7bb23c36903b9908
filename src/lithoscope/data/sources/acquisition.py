"""From a mirror or a set's own source to a folder of photographs.

The ladder, each rung of which survives a kill: the set's own source or the mirror, unpacked where it is an archive, in
a folder of half-done work; then the files of the set, copied verbatim, in the folder the stage owns.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.files import file_digest
from lithoscope.data.fetching.manifest import is_manifest
from lithoscope.data.sources.archives import extract, is_archive
from lithoscope.data.sources.base import Photograph, PhotographSet, Request
from lithoscope.data.sources.catalogue import why_refused
from lithoscope.data.sources.layout import split_of_name
from lithoscope.data.sources.listing import is_ignored, refusal, visible_folders
from lithoscope.data.sources.progress import track
from lithoscope.data.sources.remote import remote_folder, remote_mirror
from lithoscope.data.sources.turns import empty, turn

HUMAN_FOLDER = "human"
"""Where companion files go, below the folder of photographs."""


@dataclass(frozen=True)
class Acquired:
    """What :func:`acquire` put into the folder of photographs.

    Attributes:
        photographs: Every file the set listed, kept or not.
        refused: The files that were not kept, with the reason, by id.
        companions: Names of the files in the folder ``human``, sorted.
    """

    photographs: list[Photograph]
    refused: dict[str, str]
    companions: list[str]


def acquire(photograph_set: PhotographSet, request: Request, destination: Path) -> Acquired:
    """Fill a folder with the files of a set, from a mirror or from the set's own source.

    What a manifest lists stays where it is, and the folder empty.

    Args:
        photograph_set: The set.
        request: Where it may come from. ``request.partial`` is made if it is missing; two processes take turns in it.
        destination: The folder to fill; what lies there is removed.

    Raises:
        LithoscopeError: The source cannot be reached or read, or holds something else.
    """
    request.partial.mkdir(parents=True, exist_ok=True)
    if is_manifest(request.mirror):
        shutil.rmtree(destination, ignore_errors=True)
        destination.mkdir(parents=True)
        return Acquired(photograph_set.photographs(destination), {}, [])
    with turn(request.partial), _source(photograph_set, request) as tree:
        shown = str(request.mirror or photograph_set.name)
        root, photographs, companions = listed(photograph_set, tree, shown)
        shutil.rmtree(destination, ignore_errors=True)
        # Files of ours can be linked; a user's are copied, lest a tool that alters ours alters theirs.
        place = _copy if tree == request.mirror else _link
        refused: dict[str, str] = {}
        for file in track(photographs, len(photographs), "copying photographs"):
            reason = why_refused(root, file, request.max_megapixels)
            reason = reason or place(root / file.id, destination / file.id)
            if reason:
                refused[file.id] = reason
        for name, path in sorted(companions.items()):
            reason = refusal(root, path.relative_to(root).as_posix())
            if not path.resolve().is_relative_to(root.resolve()):  # photographs may be links, tables of a set are not
                reason = "a link that leaves the folder"
            reason = reason or place(path, destination / HUMAN_FOLDER / name)
            if reason:
                raise LithoscopeError(f"{path}: {reason}")
    return Acquired(photographs, refused, sorted(companions))


def listed(photograph_set: PhotographSet, tree: Path, shown: str) -> tuple[Path, list[Photograph], dict[str, Path]]:
    """Ask a set what it finds in a folder.

    Args:
        photograph_set: The set.
        tree: A mirror, an unpacked archive or what the set obtained.
        shown: What errors call the folder: the place a user knows.

    Returns:
        The folder that ids are relative to, the photographs and the companions.

    Raises:
        LithoscopeError: The folder cannot be read or does not hold the set.
    """
    try:
        root = unwrapped(tree, photograph_set.depth)
        return root, photograph_set.photographs(root), photograph_set.companions(root)
    except OSError as error:
        message = f"{error.filename}: cannot be read ({error.strerror})"
    except LithoscopeError as error:
        message = str(error)
    raise LithoscopeError(message.replace(str(tree), shown))


def finish(request: Request) -> None:
    """Remove the half-done work of a set whose photographs are catalogued."""
    empty(request.partial)
    if isinstance(request.mirror, str):
        empty(remote_folder(request.mirror, request.partial.parent))


def open_mirror(mirror: Path, workplace: Path, shown: str | None = None) -> Path:
    """Return a folder with a mirror's content: the mirror itself, or what its archive unpacks to.

    Args:
        mirror: A folder, zip or tar.
        workplace: An existing folder; an archive is unpacked to a folder in it that is named by the archive's hash and
            appears under that name only when it is whole.
        shown: What errors call it, where that is not its path.

    Raises:
        LithoscopeError: There is no such mirror, or it cannot be unpacked.
    """
    shown = shown or str(mirror)
    if mirror.is_dir():
        return mirror
    if not mirror.exists():
        raise LithoscopeError(
            f"mirror {shown}: no such folder or file; run `lithoscope use PATH` or set `mirror: data`"
        )
    try:
        if not is_archive(mirror):
            raise LithoscopeError(f"mirror {shown}: neither a folder nor a zip or tar archive")
        content = file_digest(mirror)
    except OSError as error:
        raise LithoscopeError(f"mirror {shown}: cannot be read ({error.strerror})") from None
    whole = workplace / f"unpacked-{content[:16]}"
    if not whole.is_dir():
        half = workplace / "unpacking"
        shutil.rmtree(half, ignore_errors=True)
        try:
            extract(mirror, half)
        except LithoscopeError as error:
            raise type(error)(str(error).replace(str(mirror), shown)) from None
        half.rename(whole)
    return whole


def unwrapped(tree: Path, depth: int = 1) -> Path:
    """Descend through folders that hold nothing but one folder, as archives and downloads often do.

    The descent ends at a folder named like a split (``train``) and before one in which folders are not nested as deep
    as classes are: that one belongs to a class.
    """
    while True:
        visible = [entry for entry in tree.iterdir() if not is_ignored(entry.name)]
        folders = visible_folders(tree)
        alone = len(visible) == 1 and len(folders) == 1
        if not alone or split_of_name(folders[0].name) or not _nested(folders[0], depth):
            return tree
        tree = folders[0]


def _nested(folder: Path, depth: int) -> bool:
    return depth == 0 or any(_nested(inner, depth - 1) for inner in visible_folders(folder))


@contextmanager
def _source(photograph_set: PhotographSet, request: Request) -> Iterator[Path]:
    """Hold a folder with what the mirror or the set's own source has."""
    if isinstance(request.mirror, str):
        with remote_mirror(request.mirror, request.partial.parent) as mirror:
            yield open_mirror(mirror, request.partial, request.mirror)
    elif request.mirror is not None:
        yield open_mirror(request.mirror, request.partial)
    else:
        tree = request.partial / "obtained"
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir()
        photograph_set.obtain(tree, request)
        yield tree


def _link(source: Path, target: Path) -> str | None:
    """Make ``target`` a hard link to ``source``, or a copy where the file system has none."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        return _copy(source, target)
    return None


def _copy(source: Path, target: Path) -> str | None:
    """Copy a file's content; return the reason if this file cannot be had."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as original, target.open("xb") as copy:
            shutil.copyfileobj(original, copy, 2**20)
    except PermissionError:
        return "permission denied"
    except (FileExistsError, NotADirectoryError):
        return "its name collides with another file's on this disk"
    except OSError as error:
        raise LithoscopeError(f"{source}: cannot be copied to {target} ({error.strerror})") from None
    return None

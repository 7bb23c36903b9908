"""Files and folders of a revision, out of Git and DVC's cache."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from lithoscope.core.git import folder_in_repository

if TYPE_CHECKING:
    from dvc.api import DVCFileSystem


class NotThereError(Exception):
    """A revision has no such file, or the cache no longer holds what the revision says of it; ``name`` is its path."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def fetch_revision_files(
    root: Path, revision: str | None, wanted: Iterable[tuple[str, Path]], *, optional: bool = False
) -> None:
    """Copy files and folders of a revision.

    Args:
        root: The project, which may be a folder of its repository.
        revision: A branch, tag, commit or reference; None for the workspace.
        wanted: Paths in the project, and where each is put.
        optional: Leave out those that the revision does not have; one whose content the cache lost is none of them.

    Raises:
        NotThereError: What a copy cannot be made of; no name where the repository itself cannot be opened.
        dvc.scm.SCMError: No such revision.
    """
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException
    from dvc.scm import SCMError
    from dvc_data.index import DataIndexError  # of a folder whose list is gone from the cache; no DvcException

    name = ""
    try:
        # A revision's paths are the repository's. A project in a folder of it is to DVC a repository in one.
        inside = folder_in_repository(root) if revision else ""
        files = DVCFileSystem(repo=str(root), rev=revision, subrepos=bool(inside))
        for name, place in wanted:
            there = inside + name
            if optional and not _has(files, there):
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            files.get(there, str(place), recursive=files.isdir(there))  # type: ignore[no-untyped-call]
    except SCMError:  # a DvcException too
        raise
    except (FileNotFoundError, DvcException, DataIndexError) as error:
        raise NotThereError(name) from error


def _has(files: "DVCFileSystem", name: str) -> bool:
    """Return whether a revision has a file or folder of that name.

    fsspec's ``exists`` would answer with no to any error, such as a revision that is not there.
    """
    try:
        files.info(name)  # type: ignore[no-untyped-call]
    except FileNotFoundError:
        return False
    return True

"""Registry of the sets of photographs: one class a set."""

from collections.abc import Callable
from pathlib import Path

from lithoscope.config.params import FolderParameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.data.fetching.manifest import is_manifest
from lithoscope.data.sources.base import PhotographSet
from lithoscope.data.sources.folder import FolderSet
from lithoscope.data.sources.in_place import ListedSet
from lithoscope.data.sources.minerals import Minerals
from lithoscope.data.sources.specimens import Specimens


def _osf_rocks() -> PhotographSet:
    from lithoscope.data.sources.osf import OsfRocks  # its client of the web takes a tenth of a second to import

    return OsfRocks()


SETS: dict[str, Callable[[], PhotographSet]] = {
    "specimens": Specimens,
    "osf-rocks": _osf_rocks,
    "minerals": Minerals,
    "folder": FolderSet,
}
"""What makes the sets of photographs, by the value of the parameter ``dataset``."""


def photograph_set(
    name: str, layout: FolderParameters | None = None, mirror: Path | str | None = None
) -> PhotographSet:
    """Return the set of that name.

    Args:
        name: The value of the parameter ``dataset``.
        layout: How the photographs of ``dataset: folder`` are laid out; the published sets have their own layout.
        mirror: Where it lies. A manifest says itself what its photographs show.

    Raises:
        LithoscopeError: There is none; the line lists those there are.
    """
    if is_manifest(mirror):
        if name != ListedSet.name:
            raise LithoscopeError(f"mirror {mirror}: a manifest of photographs; its dataset is folder, and not {name}")
        return ListedSet(mirror)
    if name not in SETS:
        raise LithoscopeError(f"dataset = {name}: allowed: {' | '.join(SETS)}")
    return FolderSet(layout) if name == FolderSet.name else SETS[name]()

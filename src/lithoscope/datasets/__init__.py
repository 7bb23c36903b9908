"""Where photographs come from: one class a set, one registry."""

from lithoscope.datasets.base import PhotographSet
from lithoscope.datasets.folder import FolderSet
from lithoscope.datasets.minerals import Minerals
from lithoscope.datasets.osf import OsfRocks
from lithoscope.datasets.specimens import Specimens
from lithoscope.errors import LithoscopeError

SETS: dict[str, type[PhotographSet]] = {kind.name: kind for kind in (Specimens, OsfRocks, Minerals, FolderSet)}
"""The sets of photographs by the value of the parameter ``dataset``."""


def photograph_set(name: str) -> PhotographSet:
    """Return the set of that name.

    Raises:
        LithoscopeError: There is none; the line lists those there are.
    """
    if name not in SETS:
        raise LithoscopeError(f"dataset = {name}: allowed: {' | '.join(SETS)}")
    return SETS[name]()

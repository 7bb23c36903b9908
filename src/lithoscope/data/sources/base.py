"""What every set of photographs has to offer the download stage.

The stage (:mod:`lithoscope.data.sources.acquisition`) asks a set three things in turn: fill a folder from your own
source (:meth:`PhotographSet.obtain`, skipped where a mirror is given), say which files of a folder are photographs and
what they show (:meth:`PhotographSet.photographs`), and say what else is worth keeping
(:meth:`PhotographSet.companions`). A folder filled by ``obtain`` and an unpacked mirror have the same layout, that of
the published set, so the last two cannot tell them apart.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar


@dataclass(frozen=True, order=True)
class Photograph:
    """A file that should be a photograph; whether it can be read is judged later.

    Attributes:
        id: Posix path below the set's root, e.g. ``"360 Rocks/I_Andesite_01.jpg"``.
        label: The class it shows. An empty label means that no class is meant: the file is set aside.
        official_split: ``"train"``, ``"val"`` or ``"test"`` where the set says so, else ``""``.
        specimen: Name of the specimen it shows, ``""`` where the set does not say.
        photographer: Who took it, ``""`` likewise.
        locality: Where it was taken or found, ``""`` likewise.
        weight: How much it counts in training, above 0.
        reason: Why the set itself sets it aside, or ``""``.
        place: Where it lies, in full, if it stays there (:mod:`lithoscope.data.sources.in_place`); else ``""``. Of an
            address what may be recorded.
        content: SHA-256 that such a file must have, hexadecimal.
        address: Where such a file is fetched, with a query that must not be recorded; ``""`` of one that lies here.
    """

    id: str
    label: str
    official_split: str = ""
    specimen: str = ""
    photographer: str = ""
    locality: str = ""
    weight: float = 1.0
    reason: str = ""
    place: str = ""
    content: str = ""
    address: str = field(default="", repr=False)


@dataclass(frozen=True)
class Request:
    """Where a set may look for its photographs, and where it may work.

    Attributes:
        mirror: A local folder or archive that holds the set, the address of one elsewhere
            (:mod:`lithoscope.data.sources.remote`), or None for the set's own source. A set's ``obtain`` never sees a
            mirror: it is opened by the caller.
        osf_api: Base URL of the OSF API v2.
        partial: An existing folder for half-done work that survives a kill and is this set's alone; the caller holds a
            lock on it, and removes it once the photographs are catalogued. What lies in it must be named by the
            content it belongs to (a hash, an id with a version), because the source may have changed since.
        data: The folder that ``data.dvc`` owns.
        max_megapixels: The most pixels of a picture, in millions: a much larger file is left. None: none is.
    """

    mirror: Path | str | None
    osf_api: str
    partial: Path
    data: Path = Path("data")
    max_megapixels: int | None = None


class PhotographSet(ABC):
    """A set of photographs.

    Attributes:
        name: The value of the parameter ``dataset``.
        title: For people; says "synthetic" where the pictures are drawn.
        citation: Whom to cite.
        rights: What is known of the pictures' rights.
        published: How many photographs the set has as published, where that is known; a copy with fewer says so.
        synthetic: True where the pictures are drawn, not photographed.
        depth: How many folders lie around a photograph at least, those of splits not counted.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    citation: ClassVar[str]
    rights: ClassVar[str]
    published: ClassVar[int | None] = None
    synthetic: ClassVar[bool] = False
    depth: int = 1

    @abstractmethod
    def obtain(self, destination: Path, request: Request) -> None:
        """Fill an empty folder with the set, laid out as it is published, from the set's own source.

        A file that is kept in ``request.partial`` is linked or copied to ``destination``, not moved: if the run is
        killed afterwards, ``destination`` is emptied and ``obtain`` starts again with what is in ``request.partial``.

        Raises:
            LithoscopeError: The source cannot be reached or holds something else; the line says what to do.
        """

    @abstractmethod
    def photographs(self, root: Path) -> list[Photograph]:
        """List the files below ``root`` that should be photographs (see :func:`..listing.visible_files`), sorted.

        Files that cannot be read as images belong in the list too: they are set aside later, with a reason.

        Raises:
            LithoscopeError: The folder does not hold this set; the line says what is missing.
        """

    def companions(self, root: Path) -> dict[str, Path]:
        """Return other files below ``root`` to keep (human judgements), by their names in ``build/raw/human``."""
        del root
        return {}

    def coarse_classes(self, labels: Iterable[str]) -> dict[str, str]:
        """Map labels to coarser classes, where the set has them; empty where it has none."""
        del labels
        return {}

"""Which file a row of a label table means: cells name files as other programs do."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from lithoscope.data.sources.label_table import Row, split_of_table
from lithoscope.data.sources.layout import split_of_name

_SIZES = {"original", "large", "medium", "small", "square", "thumb"}  # what iNaturalist calls the files of a photograph
_UPLOADED = re.compile("[0-9a-f]{8}-(.+)")  # what Label Studio puts before the name of an upload


class FileFinder:
    """Finds the file that a cell means among those below a root.

    A cell may be a path from the table's folder, from the root or from above it, the end of one, a name, a name without
    its ending, or an address, of which the end counts. What could mean several files means none.

    Args:
        identities: Posix paths of the files.
        root: Name of the folder that they lie in.
    """

    def __init__(self, identities: Iterable[str], root: str) -> None:
        self._root = root
        self._exact = dict.fromkeys(identities)
        self._composed: dict[str, list[str]] = defaultdict(list)
        self._named: dict[str, list[str]] = defaultdict(list)
        self._stems: dict[str, list[str]] = defaultdict(list)
        for identity in self._exact:
            self._composed[_plain(identity)].append(identity)
            name = PurePosixPath(_plain(identity)).name
            self._named[name.casefold()].append(identity)
            self._stems[PurePosixPath(name).stem.casefold()].append(identity)

    def exact(self, row: Row) -> str | None:
        """Return the file that lies where the cell says, from the table's folder, the root or above it."""
        path = _path(row.file)
        places = [PurePosixPath(row.folder) / path, path]
        if self._root in path.parts[:-1]:
            last = max(number for number, part in enumerate(path.parts[:-1]) if part == self._root)
            places.append(PurePosixPath(*path.parts[last + 1 :]))
        for place in places:
            if (literal := place.as_posix()) in self._exact:
                return literal
            if len(alike := self._composed.get(_plain(literal), [])) == 1:  # two: one composed, one decomposed
                return alike[0]
        return None

    def similar(self, row: Row) -> tuple[str | None, str]:
        """Return the file's id by its name, or None and the reason."""
        path = _path(row.file)
        name = path.name
        uploaded = _UPLOADED.fullmatch(name)
        tries = [(self._named, name), (self._stems, name)]
        if uploaded:
            tries.append((self._named, uploaded[1]))
        if path.stem.casefold() in _SIZES and path.parent.name:
            tries += [(self._stems, path.parent.name), (self._named, path.parent.name)]
        for known, key in tries:
            candidates = _narrowed(known.get(_plain(key).casefold(), []), path)
            if len(candidates) > 1:  # train.csv beside train_images/ and test_images/ speaks of train_images/
                candidates = [each for each in candidates if _speaks_of(row.table, each)] or candidates
            if len(candidates) == 1:
                return candidates[0], ""
            if candidates:
                return None, f"could mean several files: {', '.join(candidates[:3])}"
        return None, "names no file that is there"


def match_rows(
    identities: Sequence[str], rows: Sequence[Row], root: str = ""
) -> tuple[dict[str, list[Row]], list[tuple[Row, str]]]:
    """Bring the files and the rows of tables together.

    Args:
        identities: Posix paths of the files.
        rows: Of all tables.
        root: Name of the folder that the files lie in.

    Returns:
        The rows of each file that has some, and the rows without a file of their own, with their reasons: none was
        found, or it repeats a row before.
    """
    finder = FileFinder(identities, root)
    exact = [finder.exact(row) if row.file else None for row in rows]
    # A file that one row names in full is not what another row means by a similar name.
    taken = set(exact)
    rest = FileFinder((identity for identity in identities if identity not in taken), root)
    matched: dict[str, list[Row]] = {}
    left: list[tuple[Row, str]] = []
    for row, found in zip(rows, exact, strict=True):
        identity, reason = (found, "") if found or not row.file else rest.similar(row)
        if not row.file:
            reason = "names no file"
        if identity is None:
            left.append((row, reason))
            continue
        before = matched.setdefault(identity, [])
        if any(other.facts() == row.facts() for other in before):
            left.append((row, f"repeats a row: {before[0].where}"))
        else:
            before.append(row)
    return matched, left


def _speaks_of(table: str, identity: str) -> bool:
    folders = PurePosixPath(identity).parts[:-1]
    split = split_of_table(table)
    of_it = split and any(split_of_name(folder) == split for folder in folders)
    return bool(of_it) or PurePosixPath(table).stem in folders


def _plain(identity: str) -> str:
    return unicodedata.normalize("NFC", identity)


def _path(cell: str) -> PurePosixPath:
    text = cell.replace("\\", "/")
    if "://" in text or text.startswith("/data/local-files/"):
        parts = urlsplit(text)
        local = parse_qs(parts.query).get("d")
        text = local[0] if local else unquote(parts.path)
    parts_below = [part for part in text.split("/") if part not in ("", ".", "..")]
    return PurePosixPath(*parts_below) if parts_below else PurePosixPath("")


def _narrowed(candidates: Sequence[str], path: PurePosixPath) -> list[str]:
    """Of files of one name, those that share most of the folders before it, and the very case where that decides."""
    left = list(candidates)
    above = PurePosixPath(_plain(path.as_posix())).parent.parts
    for depth in range(1, len(above) + 1):
        closer = [each for each in left if PurePosixPath(_plain(each)).parent.parts[-depth:] == above[-depth:]]
        if not closer:
            break
        left = closer
    return [each for each in left if PurePosixPath(each).name == path.name] or left

"""Photographs that stay where they are: a Parquet manifest lists them, and the stages read them there.

DVC hashes, copies and keeps a record of every file it is told of. Of very many photographs it is told of the manifest
alone, in which the SHA-256 of each stands, so that no stage takes one that has changed.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.files import commit_file, file_digest, partial_path
from lithoscope.core.text import safe
from lithoscope.data.fetching.addresses import bare, is_remote, why_unusable
from lithoscope.data.fetching.manifest import parquet
from lithoscope.data.sources.base import Photograph
from lithoscope.data.sources.catalogue import why_refused
from lithoscope.data.sources.folder import FolderSet
from lithoscope.data.sources.listing import printable

IN_PLACE_FROM = 10_000
"""Photographs from which on `lithoscope use` leaves a folder's files where they are: docs/scaling.md has the times."""
MANIFEST = "photographs.parquet"
"""What `lithoscope use` calls it, at the checkout's root."""
REQUIRED = ("id", "path", "label")
_TEXTS = (*REQUIRED, "specimen", "split", "photographer", "locality", "name", "coarse", "reason")


class ListedSet(FolderSet):
    """A user's photographs that a manifest lists.

    Its columns are ``id`` (SHA-256 of the file, hexadecimal), ``path`` (relative to the manifest's folder, in full, or
    an address: ``https://``, ``s3://``, ``gs://``) and ``label``; optional are ``specimen``, ``split`` (train, val or
    test), ``photographer``, ``locality``, ``weight``, ``name`` (what tables call the photograph; its path, or what may
    be recorded of its address), ``coarse`` (the coarse class) and ``reason`` (why it is set aside; then it needs no
    id).

    Args:
        manifest: The Parquet file.
    """

    def __init__(self, manifest: Path) -> None:
        super().__init__()
        self.manifest = manifest

    def photographs(self, root: Path) -> list[Photograph]:
        """List what the manifest holds, sorted; ``root`` is not looked at.

        Raises:
            LithoscopeError: It is no such manifest; the line says what is wrong.
        """
        del root
        found: dict[str, Photograph] = {}
        for number, row in enumerate(_rows(self.manifest), start=1):
            one = _photograph(row, self.manifest.absolute().parent)
            wrong = _why_wrong(one, row) or (_twice(row) if one.id in found else None)
            if wrong:
                raise LithoscopeError(f"{self.manifest}: row {number:,} ({safe(one.id or one.place)}): {wrong}")
            found[one.id] = one
            if row["coarse"] and one.label:
                self._coarse[one.label] = row["coarse"]
        labels = {one.label for one in found.values() if not one.reason} - {""}
        if len(labels) < 2:
            raise LithoscopeError(f"{self.manifest}: lists {len(labels)} classes; at least two are needed")
        return sorted(found.values())


def list_in_place(root: Path, photographs: Iterable[Photograph], contents: Mapping[str, str]) -> list[Photograph]:
    """Say of a folder's photographs where they lie and what they hold.

    Args:
        root: The folder that ids are relative to.
        photographs: What a set found in it.
        contents: The SHA-256 of files that were read already, by id; the others are read here.
    """
    found = []
    for one in photographs:
        name, reason = printable(one.id), why_refused(root, one, None)
        place = printable(str((root / one.id).absolute()))
        content = "" if reason else contents.get(name) or file_digest(root / one.id)
        told = replace(one, id=name, label=printable(one.label), reason=reason or "", place=place, content=content)
        found.append(replace(told, specimen=printable(one.specimen)))
    return found


def write_manifest(file: Path, photographs: Sequence[Photograph], coarse: Mapping[str, str]) -> None:
    """Write a manifest, whole or not at all.

    Args:
        file: Where.
        photographs: With ``place`` and ``content`` (:func:`list_in_place`).
        coarse: The coarser class of each label that has one.
    """
    columns: dict[str, list[Any]] = {
        "id": [one.content for one in photographs],
        "path": [one.place for one in photographs],
        "label": [one.label for one in photographs],
        "specimen": [one.specimen for one in photographs],
        "split": [one.official_split for one in photographs],
        "photographer": [printable(one.photographer) for one in photographs],
        "locality": [printable(one.locality) for one in photographs],
        "weight": [one.weight for one in photographs],
        "name": [one.id for one in photographs],
        "coarse": [coarse.get(one.label, "") for one in photographs],
        "reason": [one.reason for one in photographs],
    }
    arrow, files = parquet()
    partial = partial_path(file)
    files.write_table(arrow.table(columns), partial, compression="zstd")
    commit_file(partial, file)


def _rows(manifest: Path) -> Iterable[dict[str, Any]]:
    arrow, files = parquet()
    try:
        with files.ParquetFile(manifest) as opened:
            names = opened.schema_arrow.names
            missing = [name for name in REQUIRED if name not in names]
            if missing:
                raise LithoscopeError(
                    f"{manifest}: no manifest of photographs: it has no column {', '.join(missing)} "
                    f"(it has {safe(', '.join(names))}); a table of labels is given with --labels"
                )
            known = [name for name in (*_TEXTS, "weight") if name in names]
            for batch in opened.iter_batches(columns=known):
                for row in batch.to_pylist():
                    texts = {name: "" if row.get(name) is None else str(row[name]) for name in _TEXTS}
                    yield texts | {"weight": row.get("weight")}
    except (OSError, arrow.ArrowException) as error:
        raise LithoscopeError(f"{manifest}: cannot be read ({str(error).splitlines()[0]})") from None


def _photograph(row: Mapping[str, Any], folder: Path) -> Photograph:
    path = row["path"]
    recorded, name = (bare(text) if is_remote(text) else text for text in (path, row["name"]))
    return Photograph(
        id=name or recorded,
        label=row["label"],
        official_split=row["split"],
        specimen=row["specimen"],
        photographer=row["photographer"],
        locality=row["locality"],
        weight=1.0 if row["weight"] is None else float(row["weight"]),
        reason=row["reason"],
        place=recorded if is_remote(path) else str(folder / path),
        content=row["id"].lower(),
        address=path if is_remote(path) else "",
    )


def _why_wrong(one: Photograph, row: Mapping[str, Any]) -> str | None:
    if not row["path"]:
        return "it has no path"
    if one.address and (wrong := why_unusable(one.address)):
        return wrong
    if not one.reason and not re.fullmatch("[0-9a-f]{64}", one.content):
        return f"its id {row['id']!r} is no SHA-256 in hexadecimal digits"
    if one.official_split not in ("", "train", "val", "test"):
        return f"its split is {one.official_split!r}; allowed: train, val, test or nothing"
    if not (math.isfinite(one.weight) and one.weight > 0):
        return f"its weight is {one.weight}; allowed: above 0"
    return None


def _twice(row: Mapping[str, Any]) -> str:
    """Say of a name that an earlier row has that it does, and how two addresses can come to one name."""
    hint = "; what follows `?` in an address is no part of its name: give each a `name`" if "?" in row["path"] else ""
    return f"its name stands there twice{hint}"

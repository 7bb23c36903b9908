"""Parquet manifests, as far as those need them who fetch photographs."""

from importlib import import_module
from pathlib import Path
from typing import Any, TypeGuard

from lithoscope.data.fetching.addresses import bare, is_remote

_MAGIC = b"PAR1"


def is_manifest(place: Path | str | None) -> TypeGuard[Path]:
    """Say whether a path is that of a Parquet file, by its content."""
    if not isinstance(place, Path) or not place.is_file():
        return False
    with place.open("rb") as stream:
        return stream.read(len(_MAGIC)) == _MAGIC


def parquet() -> tuple[Any, Any]:
    """Return the packages that read and write Parquet, whose import takes half a second."""
    arrow, files = (import_module(name) for name in ("pyarrow", "pyarrow.parquet"))
    return arrow, files


def full_addresses(manifest: Path) -> dict[str, str]:
    """Return the addresses of a manifest of which only a part is recorded, in full, by content (SHA-256).

    Args:
        manifest: A path that may be no manifest's; then there are none.
    """
    if not is_manifest(manifest):
        return {}
    table = parquet()[1].read_table(manifest, columns=["id", "path"])
    rows = zip(*(map(str, table[name].to_pylist()) for name in ("id", "path")), strict=True)
    return {content.lower(): path for content, path in rows if is_remote(path) and bare(path) != path}

"""Stage 1: fetch the photographs, judge every file, list what can be used and what was set aside."""

import os
from collections import Counter
from pathlib import Path

import _checkout

from lithoscope.config.params import load_parameters
from lithoscope.core.stage_runner import run
from lithoscope.core.text import safe
from lithoscope.data.engines.chosen import chosen_engine
from lithoscope.data.engines.tasks import TaskEngine
from lithoscope.data.fetching.addresses import is_remote
from lithoscope.data.fetching.by_address import ByAddress
from lithoscope.data.images.reading import ReadingSettings
from lithoscope.data.sources.acquisition import acquire, finish
from lithoscope.data.sources.base import PhotographSet, Request
from lithoscope.data.sources.catalogue import Catalogue, catalogue, write_catalogue
from lithoscope.data.sources.registry import photograph_set

BUILD = Path("build")
RAW = BUILD / "raw"
OWN_SOURCE = "data"


def main() -> None:
    """Fill ``build/raw`` and write ``index.csv``, ``set_aside.csv``, ``notes.csv`` and ``dataset.json`` beside it."""
    with chosen_engine(os.environ, _checkout.partial_folder()) as engine:
        download(engine)


def download(engine: TaskEngine) -> None:
    """Do so, with photographs opened by an engine."""
    parameters = load_parameters(Path("params.yaml"))
    mirror = mirror_of(parameters.mirror)
    photographs = photograph_set(parameters.dataset, parameters.folder, mirror)
    request = Request(
        mirror=mirror,
        osf_api=parameters.osf_api,
        partial=_checkout.partial_folder() / "download" / parameters.dataset,
        max_megapixels=parameters.max_megapixels,
    )
    acquired = acquire(photographs, request, RAW)
    settings = ReadingSettings(parameters.pages, parameters.max_megapixels)
    by_address = ByAddress(_checkout.partial_folder() / "by-address", parameters.max_megapixels)
    by_address.keep_only({one.content for one in acquired.photographs if one.address})
    found = catalogue(RAW, acquired.photographs, acquired.refused, f"{RAW.as_posix()}/", settings, by_address, engine)
    write_catalogue(found, photographs, bool(acquired.companions), BUILD)
    finish(request)
    print(summary(photographs, found))


def mirror_of(value: str) -> Path | str | None:
    """Return what the parameter ``mirror`` names: a path, an address, or nothing but the set's own source."""
    if value == OWN_SOURCE:
        return None
    return value if is_remote(value) else Path(value)


def summary(photographs: PhotographSet, found: Catalogue) -> str:
    """Say in a few lines what was found."""
    splits = Counter(entry.official_split or "not split yet" for entry in found.entries)
    lines = [
        f"{photographs.title}: {len(found.entries):,} photographs of {len(found.labels())} classes "
        f"({', '.join(f'{name} {count:,}' for name, count in sorted(splits.items()))})"
    ]
    lines += [f"set aside: {safe(item.id)} ({item.reason})" for item in found.set_aside[:10]]
    if len(found.set_aside) > 10:
        lines.append(f"set aside: {len(found.set_aside):,} files in all, listed in {BUILD.as_posix()}/set_aside.csv")
    if found.notes:
        lines.append(f"notes on how photographs were read: {len(found.notes):,}, in {BUILD.as_posix()}/notes.csv")
    return "\n".join(lines)


if __name__ == "__main__":
    run(main)

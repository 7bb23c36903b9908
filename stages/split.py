"""Stage 2: decode and frame each photograph once, find duplicates, decide which train, validate and test."""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import _checkout  # first: it makes this checkout's src importable
import pandas as pd
from rich.progress import Progress

from lithoscope.config.params import load_parameters
from lithoscope.core.stage_runner import run
from lithoscope.core.text import safe
from lithoscope.core.threads import cores
from lithoscope.data.engines.chosen import chosen_engine
from lithoscope.data.engines.tasks import TaskEngine, Wanted
from lithoscope.data.fetching.addresses import is_remote
from lithoscope.data.fetching.by_address import ByAddress, Reader
from lithoscope.data.fetching.manifest import full_addresses
from lithoscope.data.images.reading import ReadingSettings
from lithoscope.data.packed.arrays import Pixels, write_squares
from lithoscope.data.splits.near_duplicates import group_numbers, near_duplicates
from lithoscope.data.splits.split import split_photographs, summarise
from lithoscope.data.splits.traits import FramedTraits, Framing, Traits

BUILD, METRICS = Path("build"), Path("metrics/data.json")
SHOWN = 20


def main() -> None:
    """Write ``build/splits.csv``, ``build/squares`` and ``metrics/data.json``."""
    with chosen_engine(os.environ, _checkout.partial_folder()) as engine:
        split(engine)


def split(engine: TaskEngine) -> None:
    """Do so, with photographs decoded by an engine."""
    parameters = load_parameters(Path("params.yaml"))
    photographs = pd.read_csv(BUILD / "index.csv", keep_default_na=False, dtype=str)
    refused = pd.read_csv(BUILD / "set_aside.csv", keep_default_na=False, dtype=str)
    settings = ReadingSettings(parameters.pages, parameters.max_megapixels)
    paths, ids, contents, hashes = (photographs[name].tolist() for name in ("path", "id", "sha256", "phash"))

    by_address = ByAddress(_checkout.partial_folder() / "by-address", parameters.max_megapixels)
    reader = None
    if any(map(is_remote, paths)):
        places, digests = dict(zip(ids, paths, strict=True)), dict(zip(ids, contents, strict=True))
        reader = Reader(places, digests, settings, by_address, full_addresses(Path(parameters.mirror)))
    framing = Framing(settings, parameters.image_size, parameters.augment.crop_border, reader)
    wanted = [
        Wanted(path, content, phash, identity, address=path if is_remote(path) else "")
        for path, content, phash, identity in zip(paths, contents, hashes, ids, strict=True)
    ]
    squares = write_squares(BUILD / "squares", len(wanted), framing.side)
    with Progress(transient=True) as progress, squares as write:
        made = progress.track(engine(framing, wanted), total=len(wanted), description="compare")
        matches = near_duplicates(hashes, written(made, write), cores())
    near = [match for match in matches if contents[match.first] != contents[match.second]]
    duplicates = group_numbers(contents, matches).tolist()
    splits = split_photographs(photographs, duplicates, parameters.split)
    figures = summarise(photographs, splits, duplicates, refused["reason"].tolist(), {"near_pairs": len(near)})

    splits.to_csv(BUILD / "splits.csv", index=False, lineterminator="\n", encoding="utf-8")
    METRICS.parent.mkdir(exist_ok=True)
    METRICS.write_text(json.dumps(figures, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")

    counts = splits["split"].value_counts()
    by_address.keep_only(())
    print(", ".join(f"{side} {counts.get(side, 0):,}" for side in ("train", "val", "test", "aside")))
    lines = [f"same picture: {ids[one.first]} and {ids[one.second]} (similarity {one.similarity:.2f})" for one in near]
    lines += [f"set aside: {row.id} ({row.reason})" for row in splits[splits["split"] == "aside"].itertuples()]
    print(*map(safe, lines[:SHOWN]), *([f"… and {len(lines) - SHOWN:,} more"] if len(lines) > SHOWN else []), sep="\n")


def written(made: Iterable[FramedTraits], write: Callable[[int, Pixels], None]) -> Iterator[Traits]:
    """Write the square of each photograph, and pass its traits on."""
    for row, one in enumerate(made):
        write(row, one.square)
        yield one.traits


if __name__ == "__main__":
    run(main)

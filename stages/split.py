"""Stage 2: decode and frame each photograph once, find duplicates, decide which train, validate and test."""

import json
from pathlib import Path

import _checkout  # first: makes this checkout's src importable
import pandas as pd
from PIL import Image
from rich.progress import Progress

from lithoscope.config.params import load_parameters
from lithoscope.core.stage_runner import run
from lithoscope.core.text import safe
from lithoscope.core.threads import cores
from lithoscope.data.fetching.addresses import is_remote
from lithoscope.data.fetching.by_address import FETCHED_AT_ONCE, ByAddress, Reader
from lithoscope.data.fetching.manifest import full_addresses
from lithoscope.data.images.reading import ReadingSettings
from lithoscope.data.images.square import to_square
from lithoscope.data.packed.arrays import Pixels, write_squares
from lithoscope.data.splits.near_duplicates import Box, group_numbers, near_duplicates
from lithoscope.data.splits.split import split_photographs, summarise

BUILD, METRICS = Path("build"), Path("metrics/data.json")
SHOWN = 20


def main() -> None:
    """Write ``build/splits.csv``, ``build/squares`` and ``metrics/data.json``."""
    parameters = load_parameters(Path("params.yaml"))
    photographs = pd.read_csv(BUILD / "index.csv", keep_default_na=False, dtype=str)
    refused = pd.read_csv(BUILD / "set_aside.csv", keep_default_na=False, dtype=str)
    settings = ReadingSettings(parameters.pages, parameters.max_megapixels)
    paths, ids, contents = (photographs[column].tolist() for column in ("path", "id", "sha256"))

    fetched = any(map(is_remote, paths))
    by_address = ByAddress(_checkout.partial_folder() / "by-address", parameters.max_megapixels)
    read = Reader(
        paths=dict(zip(ids, paths, strict=True)),
        digests=dict(zip(ids, contents, strict=True)),
        settings=settings,
        by_address=by_address,
        full_addresses=full_addresses(Path(parameters.mirror)) if fetched else {},
    )

    side, crop = parameters.image_size, parameters.augment.crop_border
    squares = write_squares(BUILD / "squares", len(paths), side)
    with Progress(transient=True) as progress, squares as write:
        task = progress.add_task("compare", total=len(paths))
        matches = near_duplicates(
            photographs["phash"].tolist(),
            lambda row: read(ids[row]),
            FETCHED_AT_ONCE if fetched else cores(),
            advance=lambda: progress.advance(task),
            keep=lambda row, image, box: write(row, framed(image, box if crop else None, side)),
        )
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


def framed(image: Image.Image, box: Box | None, side: int) -> Pixels:
    """Frame a photograph of which the inside of a border may be known already."""
    return to_square(image.crop(box) if box else image, side, crop_border=False)


if __name__ == "__main__":
    run(main)

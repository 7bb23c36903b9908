"""The photographs of a comparison: split once, as packed arrays for us and as folders of files for the others."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lithoscope.config.params import Parameters
from lithoscope.core.threads import in_order
from lithoscope.data.engines.tasks import Wanted
from lithoscope.data.images.decode import read_photograph
from lithoscope.data.images.perceptual_hash import perceptual_hash
from lithoscope.data.images.reading import DEFAULTS, UnreadablePhotograph
from lithoscope.data.packed.arrays import SPLITS, Pixels, write_classes, write_split
from lithoscope.data.splits.near_duplicates import group_numbers, near_duplicates
from lithoscope.data.splits.split import split_photographs
from lithoscope.data.splits.traits import Framing
from peers.jobs import Clock

LONG = 1280
"""Photographs in the epoch that speeds are measured in: long enough that it does not end within the steps timed."""


@dataclass(frozen=True)
class Laid:
    """What was laid out.

    Attributes:
        classes: Their names.
        counts: Photographs of each split.
        seconds: What decoding, comparing, framing and packing took, for each photograph.
        processor: The same in seconds of the processor.
    """

    classes: list[str]
    counts: dict[str, int]
    seconds: float
    processor: float


def lay_out(folder: Path, into: Path, params: Parameters) -> Laid:
    """Split photographs, one folder a class, as the pipeline does, and lay them out.

    ``arrays/`` is what our stages hand to the training. ``files/SPLIT/CLASS/NUMBER.jpg`` are links to the files
    themselves, whatever these are called, for peers that decode anew in each epoch; ``long/train`` holds those of
    the training again and again, ``long/val`` one of each class.
    """
    clock = Clock()
    table, squares = _decoded(folder, params)
    splits = split_photographs(table, table["group"].tolist(), params.split)
    ids = table["id"].tolist()
    square = dict(zip(ids, squares, strict=True))
    splits = splits[splits["split"].isin(SPLITS)]
    classes = sorted(splits["label"].unique())
    write_classes(into / "arrays", classes)
    for split in SPLITS:
        rows = splits[splits["split"] == split]
        pictures = (square[name] for name in rows["id"])
        shown = rows["label"].tolist()
        write_split(into / "arrays", split, rows["id"].tolist(), shown, pictures, side=params.image_size)
    wall, processor = (seconds / len(ids) for seconds in clock.seconds())
    names, paths = splits["id"].tolist(), [folder / path for path in splits["path"]]
    sides, labels = splits["split"].tolist(), splits["label"].tolist()
    for side, name, path in zip(sides, names, paths, strict=True):
        _link(into / "files" / side / name, path)
    train = [row for row, side in enumerate(sides) if side == "train"]
    for number in range(LONG):
        row = train[number % len(train)]
        _link(into / "long" / "train" / labels[row] / f"{number:05d}.jpg", paths[row])
    first = {labels[row]: row for row, side in reversed(list(enumerate(sides))) if side == "val"}
    for row in first.values():
        _link(into / "long" / "val" / names[row], paths[row])
    splits.to_csv(into / "splits.csv", index=False)
    laid = Laid(classes, {split: int((splits["split"] == split).sum()) for split in SPLITS}, wall, processor)
    (into / "laid.json").write_text(json.dumps(vars(laid)), encoding="utf-8")
    return laid


def _link(place: Path, target: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target.resolve())


def _decoded(folder: Path, params: Parameters) -> tuple[pd.DataFrame, list[Pixels]]:
    """Read every photograph twice, as the stages do: for its hash, and to compare and frame it."""

    def hashed(file: Path) -> str | None:
        try:
            return perceptual_hash(read_photograph(file))
        except UnreadablePhotograph:
            return None

    files = sorted(file for file in folder.glob("*/*") if file.is_file())
    found = [(file, digest) for file, digest in zip(files, in_order(hashed, files, params.threads), strict=True)]
    readable = [(file, digest) for file, digest in found if digest is not None]
    framing = Framing(DEFAULTS, params.image_size, params.augment.crop_border)
    framed = list(in_order(framing, [Wanted(str(file), phash=digest) for file, digest in readable], params.threads))
    matches = near_duplicates([digest for _, digest in readable], (one.traits for one in framed), params.threads)
    contents = [hashlib.sha256(file.read_bytes()).hexdigest() for file, _ in readable]
    rows = [
        {
            "id": f"{file.parent.name}/{number:04d}.jpg",
            "path": str(file.relative_to(folder)),
            "label": file.parent.name,
            "official_split": "",
            "sha256": content,
        }
        for number, ((file, _), content) in enumerate(zip(readable, contents, strict=True))
    ]
    table = pd.DataFrame(rows).assign(group=group_numbers(contents, matches))
    return table, [one.square for one in framed]

"""Writes the synthetic data set: pictures in one folder a split and class, their catalogue and a note."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from PIL import Image

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.synthetic.scene import PAINTERS, PICTURE_SIZE, Scene, draw_scene

SHIPPED_SEED: Final = 2
TRAIN_PER_CLASS: Final = 100
TEST_PER_CLASS: Final = 60

_README: Final = """# Specimens: synthetic drawings of seven minerals

These {total} pictures are synthetic: drawn by a program, not photographed. No photograph, texture or model of
anything real went into them. They let the whole pipeline run without a download, and they are hard enough that
colour alone does not solve them. What a network scores on them says nothing about real minerals.

- Classes: {classes}.
- `train/<class>/` holds {train} pictures a class, `test/<class>/` {test}; that is the official split.
- Each is a JPEG file of {size} × {size} pixels, named `<class>_<number>.jpg`.
- `catalogue.csv` has one row a picture: its path, label and split, and the settings of its scene. Angles are in
  degrees, lengths in half picture widths (columns ending in `_px`: in pixels), light in kelvin.

## How they were drawn
Crystals are intersections of half-spaces (pyrite's cubes and pyritohedra, quartz's prisms under rhombohedral faces,
mica's sheets), masses are broken lumps with noise, caps or bands on them. A relief is lit by a lamp, a fill light and
a sky, with shadows, reflections, thin-film colours and refraction, and photographed with a lens that is not always in
focus, a meter that is fooled, and a noisy sensor. Look-alikes overlap on purpose: tarnished pyrite and bornite,
smoky quartz and weathered micas, malachite and chrysocolla.

Every number comes from a random stream keyed by the seed {seed}, the split, the class and the picture's number.
This command draws the same pixels again:

    lithoscope specimens PATH

They are part of the project and under its licence.
"""


def _scenes(seed: int, per_class: dict[str, int]) -> Iterator[tuple[str, str, int, Scene]]:
    for split, count in per_class.items():
        for label in PAINTERS:
            for index in range(1, count + 1):
                yield split, label, index, draw_scene(seed, split, label, index)


def draw_specimens(
    destination: Path,
    *,
    seed: int = SHIPPED_SEED,
    train_per_class: int = TRAIN_PER_CLASS,
    test_per_class: int = TEST_PER_CLASS,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Draw the synthetic specimens into a folder.

    Writes ``train/<class>/<class>_NNN.jpg``, ``test/<class>/<class>_NNN.jpg``, ``README.md`` and, when all pictures
    are there, ``catalogue.csv``. A picture depends on the seed, its split, class and number alone.

    Args:
        destination: A folder that does not exist yet or is empty.
        seed: Of all random streams; the default draws the shipped set.
        train_per_class: Training pictures a class.
        test_per_class: Test pictures a class.
        progress: Called with a line of text after each class.

    Raises:
        LithoscopeError: The destination is a file or holds something already, or a count is negative.
    """
    for name, count in (("train_per_class", train_per_class), ("test_per_class", test_per_class)):
        if count < 0:
            raise LithoscopeError(f"{name} is {count}: allowed are 0 and more pictures a class")
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise LithoscopeError(f"{destination} is not an empty folder: name a new one, or delete it first")
    per_class = {"train": train_per_class, "test": test_per_class}
    total = len(PAINTERS) * (train_per_class + test_per_class)
    destination.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, str | float]] = []
    for split, label, index, scene in _scenes(seed, per_class):
        path = Path(split, label, f"{label}_{index:03d}.jpg")
        (destination / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene.pixels).save(
            destination / path, "JPEG", quality=scene.quality, subsampling="4:2:0", optimize=True
        )
        row: dict[str, str | float] = {"path": path.as_posix(), "label": label, "split": split}
        rows.append(row | {"seed": seed, "index": index} | scene.parameters)
        if progress is not None and index == per_class[split]:
            progress(f"{len(rows)} of {total} pictures drawn ({split}, {label})")
    note = _README.format(
        total=total,
        classes=", ".join(PAINTERS),
        train=train_per_class,
        test=test_per_class,
        size=PICTURE_SIZE,
        seed=seed,
    )
    (destination / "README.md").write_text(note, encoding="utf-8", newline="\n")
    columns = list(rows[0]) if rows else ["path", "label", "split", "seed", "index"]
    with (destination / "catalogue.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)

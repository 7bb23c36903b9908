"""Stage 3: pack the framed photographs of each split into an array, add augmented copies of the training ones."""

import json
from functools import partial
from pathlib import Path

import _checkout  # noqa: F401  (first: makes this checkout's src importable)
import numpy as np
import pandas as pd
from rich.progress import Progress

from lithoscope.config.params import AugmentParameters, load_parameters
from lithoscope.core.stage_runner import run
from lithoscope.data.images.reading import file_of
from lithoscope.data.loading.augment import augment_copies
from lithoscope.data.packed.arrays import SPLITS, Pixels, open_split, read_squares, write_classes, write_split
from lithoscope.data.packed.manifest import packed_photographs
from lithoscope.reporting.sheets.augmentations import draw_augmented

BUILD, PLOT, PACKED = Path("build"), Path("plots/augmented.png"), Path("plots/splits.csv")


def main() -> None:
    """Write ``build/arrays``, ``plots/augmented.png`` and ``plots/splits.csv``."""
    parameters = load_parameters(Path("params.yaml"))
    synthetic = json.loads((BUILD / "dataset.json").read_text("utf-8"))["synthetic"]
    photographs = pd.read_csv(BUILD / "splits.csv", keep_default_na=False, dtype=str)
    folder = BUILD / "arrays"
    used = photographs[photographs["split"].isin(SPLITS)]
    write_classes(folder, sorted(used["label"].unique()))
    vary = partial(vary_copies, limits=parameters.augment, seed=parameters.seed)
    with Progress(transient=True) as progress:
        for split in SPLITS:
            rows = used[used["split"] == split]
            copies = parameters.augment.copies if split == "train" else 0
            weights = rows["weight"].to_numpy(dtype=np.float64)
            task = progress.add_task(split, total=len(rows) * (1 + copies))
            write_split(
                folder,
                split,
                rows["id"].tolist(),
                rows["label"].tolist(),
                read_squares(BUILD / "squares", rows.index, parameters.image_size),
                side=parameters.image_size,
                weights=weights if split == "train" and (weights != 1).any() else None,
                copies=copies,
                vary=vary,
                advance=partial(progress.advance, task),
            )
            print(f"{split}: {len(rows):,} photographs" + f", {copies * len(rows):,} augmented copies" * (copies > 0))
    PLOT.parent.mkdir(exist_ok=True)
    index = pd.read_csv(BUILD / "index.csv", keep_default_na=False, dtype=str)
    digests = dict(zip(index["id"], index["sha256"], strict=True))
    packed = packed_photographs(folder, used, partial(digest_of, digests))
    packed.to_csv(PACKED, index=False, lineterminator="\n", encoding="utf-8")
    PLOT.write_bytes(
        draw_augmented(open_split(folder, "train"), parameters.augment, parameters.seed, synthetic=synthetic)
    )


def digest_of(digests: dict[str, str], identity: str) -> str:
    """Return the SHA-256 of the file of a photograph, which may be one of its pages."""
    return digests[file_of(identity, digests)[0]]


def vary_copies(images: Pixels, ids: list[str], copy: int, limits: AugmentParameters, seed: int) -> Pixels:
    """Make augmented copies; a :data:`lithoscope.data.packed.arrays.Vary`."""
    return augment_copies(images, ids, limits=limits, seed=seed, copy=copy)


if __name__ == "__main__":
    run(main)

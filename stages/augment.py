"""Stage 3: frame each photograph, decode it once into packed arrays, add augmented copies of the training ones."""

import json
from functools import partial
from pathlib import Path

import _checkout  # noqa: F401  (first: makes this checkout's src importable)
import numpy as np
import pandas as pd
import torch
from rich.progress import Progress

from lithoscope.config.params import Parameters, load_parameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.core.stage_runner import run
from lithoscope.core.threads import in_order
from lithoscope.data.images.decode import UnreadablePhotograph, read_photograph
from lithoscope.data.images.square import to_square
from lithoscope.data.loading.augment import AugmentationLimits, augment_batch, augment_copies
from lithoscope.data.packed.arrays import SPLITS, ArraySplit, Pixels, open_split, write_classes, write_split
from lithoscope.data.packed.manifest import packed_photographs
from lithoscope.reporting.sheets.augmentations import VariedPhotograph, draw_variations

BUILD, PLOT, PACKED = Path("build"), Path("plots/augmented.png"), Path("plots/splits.csv")
ROWS_SHOWN, VARIATIONS_SHOWN = 5, 5


def main() -> None:
    """Write ``build/arrays``, ``plots/augmented.png`` and ``plots/splits.csv``."""
    parameters = load_parameters(Path("params.yaml"))
    synthetic = json.loads((BUILD / "dataset.json").read_text("utf-8"))["synthetic"]
    photographs = pd.read_csv(BUILD / "splits.csv", keep_default_na=False, dtype=str)
    folder, limits = BUILD / "arrays", AugmentationLimits.from_parameters(parameters.augment)
    used = photographs[photographs["split"].isin(SPLITS)]
    write_classes(folder, sorted(used["label"].unique()))
    decode = partial(read_square, size=parameters.image_size, crop_border=parameters.augment.crop_border)
    vary = partial(vary_copies, limits=limits, seed=parameters.seed)
    with Progress(transient=True) as progress:
        for split in SPLITS:
            rows = used[used["split"] == split]
            copies = parameters.augment.copies if split == "train" else 0
            task = progress.add_task(split, total=len(rows) * (1 + copies))
            write_split(
                folder,
                split,
                rows["id"].tolist(),
                rows["label"].tolist(),
                in_order(decode, rows["path"], parameters.threads),
                side=parameters.image_size,
                copies=copies,
                vary=vary,
                advance=partial(progress.advance, task),
            )
            print(f"{split}: {len(rows):,} photographs" + f", {copies * len(rows):,} augmented copies" * (copies > 0))
    PLOT.parent.mkdir(exist_ok=True)
    packed_photographs(folder, used).to_csv(PACKED, index=False, lineterminator="\n", encoding="utf-8")
    PLOT.write_bytes(draw_augmented(open_split(folder, "train"), limits, parameters, synthetic))


def read_square(path: str, size: int, crop_border: bool) -> Pixels:
    """Decode and frame one photograph."""
    try:
        return to_square(read_photograph(Path(path)), size, crop_border)
    except UnreadablePhotograph as error:
        raise LithoscopeError(f"{path}: {error}; it changed since it was downloaded: `dvc repro -f download`") from None


def vary_copies(images: Pixels, ids: list[str], copy: int, limits: AugmentationLimits, seed: int) -> Pixels:
    """Make augmented copies; a :data:`lithoscope.data.packed.arrays.Vary`."""
    return augment_copies(images, ids, limits=limits, seed=seed, copy=copy)


def draw_augmented(train: ArraySplit, limits: AugmentationLimits, parameters: Parameters, synthetic: bool) -> bytes:
    """Draw a photograph of each of a few classes beside its copies and beside what the first epochs will see of it."""
    firsts = [int(np.flatnonzero(train.labels == label)[0]) for label in np.unique(train.labels)]
    spread = np.linspace(0, len(firsts) - 1, min(ROWS_SHOWN, len(firsts))).round().astype(int).tolist()
    originals, strength = len(train) // (1 + parameters.augment.copies), parameters.augment.online
    policy = parameters.augment.policy
    anew = strength > 0 or policy != "none"
    copies = min(parameters.augment.copies, VARIATIONS_SHOWN - 1 if anew else VARIATIONS_SHOWN)
    epochs = VARIATIONS_SHOWN - copies if anew else 0
    shown = []
    for row in (firsts[place] for place in spread):
        kept = np.array(train.images[row + originals * np.arange(copies + 1)])
        picture = torch.from_numpy(kept[:1]).permute(0, 3, 1, 2)
        drawn = [
            augment_batch(
                picture, [row], limits=limits, strength=strength, seed=parameters.seed, epoch=epoch, policy=policy
            )
            for epoch in range(epochs)
        ]
        online = [one[0].round().byte().permute(1, 2, 0).numpy() for one in drawn]
        shown.append(VariedPhotograph(train.classes[train.labels[row]], np.array([*kept, *online])))
    kind = "Synthetic specimens" if synthetic else "Photographs"
    copied = "augmented copy" if copies == 1 else "augmented copies"
    headings = [("as framed", 1), (copied, copies), (f"in training, epochs 0 to {epochs - 1}", epochs)]
    return draw_variations(shown, f"{kind} before and after augmentation", headings)


if __name__ == "__main__":
    run(main)

"""Parity of an export: its answers held against those of torch, photograph by photograph."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.images.square import to_square
from lithoscope.data.packed.arrays import ArraySplit, open_split
from lithoscope.evaluation.statistics.paired import Paired, compare_pairs
from lithoscope.models.saved_model import ModelDescription

TOLERANCE = 1e-4
"""The largest difference of a probability that an export of fp32 may show."""
INT8_DROP = 0.01
"""An export of int8 is refused where it is shown to be worse, and by more than this share of the photographs."""
SPECIMENS = 14
"""Synthetic pictures that parity is measured on where the model's photographs are not at hand."""


@dataclass(frozen=True)
class ParityPictures:
    """What parity is measured on.

    Attributes:
        squares: uint8 (n, size, size, 3), RGB; perhaps a memory map.
        ids: What each shows.
        labels: int64 (n,); None of pictures that show none of the classes.
        kind: Which they are: ``test photographs``, ``synthetic specimens``.
    """

    squares: npt.NDArray[np.uint8]
    ids: Sequence[str]
    labels: npt.NDArray[np.int64] | None
    kind: str


def open_packed(arrays: Path, split: str, description: ModelDescription) -> ArraySplit | None:
    """Return a packed split if it is there and is that of the model: the same classes, squares of the same side."""
    try:
        packed = open_split(arrays, split)
    except LithoscopeError:
        return None
    size = description.architecture.image_size
    fits = packed.classes == description.classes and packed.images.shape[1] == size and len(packed)
    return packed if fits else None


def parity_pictures(arrays: Path, description: ModelDescription) -> ParityPictures:
    """Return the test photographs, or where they are not at hand synthetic specimens."""
    packed = open_packed(arrays, "test", description)
    if packed is not None:
        return ParityPictures(packed.images, packed.ids, packed.labels, "test photographs")
    from lithoscope.data.synthetic import PAINTERS, draw_scene  # a second; most exports have photographs

    size, kinds = description.architecture.image_size, list(PAINTERS)
    scenes = [draw_scene(0, "parity", kinds[number % len(kinds)], number) for number in range(SPECIMENS)]
    squares = [to_square(Image.fromarray(scene.pixels), size, description.crop_border) for scene in scenes]
    return ParityPictures(np.stack(squares), [f"specimen {n}" for n in range(SPECIMENS)], None, "synthetic specimens")


def measure_parity(
    pictures: ParityPictures, expected: npt.NDArray[np.float32], found: npt.NDArray[np.float32]
) -> dict[str, Any]:
    """Return what ``model.json`` says of parity.

    Args:
        pictures: What was classified.
        expected: Torch's probabilities, float32 (n, classes).
        found: The export's.

    Returns:
        ``photographs`` (their number), ``kind``, ``largest_difference`` of a probability and ``changed_labels``, the
        ids; where labels are known also ``accuracy`` and ``accuracy_of_torch``.
    """
    changed = np.flatnonzero(expected.argmax(axis=1) != found.argmax(axis=1))
    parity: dict[str, Any] = {
        "photographs": len(pictures.ids),
        "kind": pictures.kind,
        "largest_difference": float(f"{np.abs(expected - found).max():.3g}"),
        "changed_labels": [pictures.ids[int(place)] for place in changed],
    }
    if pictures.labels is not None:
        for name, probabilities in (("accuracy", found), ("accuracy_of_torch", expected)):
            parity[name] = round(float((probabilities.argmax(axis=1) == pictures.labels).mean()), 6)
    return parity


def require_fp32_parity(parity: dict[str, Any]) -> None:
    """Refuse an export of fp32 that is another classifier.

    Raises:
        LithoscopeError: A probability differs by more than :data:`TOLERANCE`, or a label does.
    """
    largest, changed = parity["largest_difference"], parity["changed_labels"]
    if changed or not largest <= TOLERANCE:  # not a number is no parity either
        raise LithoscopeError(
            f"the exported network is not the trained one: on {parity['photographs']} {parity['kind']} probabilities "
            f"differ by up to {largest:.2g} ({TOLERANCE:g} is allowed) and {len(changed)} labels change (none may); "
            "nothing was exported; please report it, with the model's model.json"
        )


def require_int8_parity(
    pictures: ParityPictures, expected: npt.NDArray[np.float32], found: npt.NDArray[np.float32]
) -> Paired:
    """Refuse an export of int8 that is shown to name fewer photographs correctly.

    Returns:
        The paired comparison of int8 with fp32.

    Raises:
        LithoscopeError: It is shown to be worse by more than :data:`INT8_DROP`, or there are no test photographs.
    """
    paired = None
    if pictures.labels is not None:
        int8, fp32 = (
            {"0": dict(zip(pictures.ids, (answers.argmax(axis=1) == pictures.labels).tolist(), strict=True))}
            for answers in (found, expected)
        )
        paired = compare_pairs(int8, fp32, "int8", "fp32")
    if paired is None:
        raise LithoscopeError(
            "int8 needs the model's test photographs, to show that it is no worse: run `dvc repro augment` where the "
            "model was trained, or export fp32"
        )
    if paired.verdict == "worse" and -paired.difference > INT8_DROP:
        raise LithoscopeError(
            f"int8 is {paired.words} on {paired.photographs} test photographs, and more than {INT8_DROP:g} of accuracy "
            "may not be lost; nothing was exported; export fp32"
        )
    return paired

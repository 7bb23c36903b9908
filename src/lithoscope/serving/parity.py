"""Parity of an export: its answers held against those of torch, photograph by photograph."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.images.square import to_square
from lithoscope.data.packed.arrays import ArraySplit, open_split
from lithoscope.evaluation.statistics.paired import Paired, compare_pairs
from lithoscope.models.saved_model import ModelDescription
from lithoscope.serving.graph import CoveredMaps, ExportedGraph
from lithoscope.serving.occlusion import OF_MAPS, STEPS, Look, covers, evidence

TOLERANCE = 1e-4
"""The largest difference of a probability that an export of fp32 may show."""
INT8_DROP = 0.01
"""An export of int8 is refused where it is shown to be worse, and by more than this share of the photographs."""
SPECIMENS = 14
"""Synthetic pictures that parity is measured on where the model's photographs are not at hand."""


LOOKS = 4
"""Photographs on which it is compared what was looked at."""


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


def look_pictures(pictures: ParityPictures) -> npt.NDArray[np.uint8]:
    """Return the few of them on which looks are compared, evenly drawn, uint8 (n, size, size, 3)."""
    places = np.linspace(0, len(pictures.squares) - 1, min(LOOKS, len(pictures.squares))).round().astype(int)
    return np.array(pictures.squares[places])


def torch_look(graph: ExportedGraph, classes: Sequence[str], square: npt.NDArray[np.uint8]) -> Look:
    """Return what :meth:`lithoscope.serving.onnx_model.OnnxModel.look` is to find, by torch."""
    covered = CoveredMaps(graph).eval()
    with torch.inference_mode():
        before, _, *maps = graph(torch.from_numpy(square[None]))
        places = torch.from_numpy(covers())
        after = [covered(places[start : start + STEPS], *maps) for start in range(0, len(places), STEPS)]
    return Look(classes, before[0].numpy(), torch.cat(after).numpy(), OF_MAPS)


def measure_look_parity(expected: Sequence[Look], found: Sequence[Look]) -> dict[str, Any]:
    """Return how far looks are from those of torch.

    Returns:
        ``photographs``; ``largest_difference`` of a probability; ``largest_difference_of_evidence`` for the class that
        torch finds most probable, in natural logarithms.
    """
    probabilities, logarithms = [0.0], [0.0]
    for right, one in zip(expected, found, strict=True):
        probabilities += [float(np.abs(right.before - one.before).max()), float(np.abs(right.after - one.after).max())]
        label = int(right.before.argmax())
        maps = [evidence(float(each.before[label]), each.after[:, label]) for each in (right, one)]
        logarithms.append(float(np.abs(maps[0] - maps[1]).max()))
    largest = {"largest_difference": probabilities, "largest_difference_of_evidence": logarithms}
    return {"photographs": len(expected), **{name: float(f"{np.max(values):.3g}") for name, values in largest.items()}}


def require_look_parity(parity: dict[str, Any]) -> None:
    """Refuse an export of fp32 whose looks are not those of torch.

    Raises:
        LithoscopeError: A probability differs by more than :data:`TOLERANCE`.
    """
    if not parity["largest_difference"] <= TOLERANCE:
        raise LithoscopeError(
            f"what the exported network looked at is not what the trained one did: probabilities differ by up to "
            f"{parity['largest_difference']:.2g} ({TOLERANCE:g} is allowed); nothing was exported; please report it, "
            "with the model's model.json"
        )

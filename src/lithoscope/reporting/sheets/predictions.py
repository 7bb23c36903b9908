"""Contact sheet of predictions: correct and wrong ones."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from lithoscope.core.random_streams import generator
from lithoscope.reporting.sheets.contact_sheet import Tile, contact_sheet

EACH = 12


def scored_sheet(
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.floating[Any]],
    classes: Sequence[str],
    split: str,
    *,
    synthetic: bool,
) -> Image.Image:
    """Draw up to twelve photographs that were classified right and up to twelve that were not.

    Args:
        images: uint8 (n, side, side, 3), RGB; a memory map will do.
        labels: Indices of the true classes, int64 (n,).
        probabilities: (n, classes).
        classes: Names of the classes.
        split: The name of the split, for the title.
        synthetic: Whether the pictures are drawn; the title says so.
    """
    predicted = probabilities.argmax(axis=1)
    right, wrong = np.flatnonzero(predicted == labels), np.flatnonzero(predicted != labels)
    order = generator(0, "photographs shown")  # the same photographs whatever the experiment's seed
    chosen = [int(row) for part in (right, wrong) for row in order.permutation(part)[:EACH]]
    tiles = [
        Tile(
            np.array(images[row]),
            predicted=classes[predicted[row]],
            confidence=float(probabilities[row].max()),
            label=classes[labels[row]],
        )
        for row in chosen
    ]
    kind = "Synthetic specimens" if synthetic else "Photographs"
    return contact_sheet(tiles, title=f"{kind} ({split}): {len(right)} right, {len(wrong)} wrong; some of each")

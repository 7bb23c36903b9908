"""What a model looked at: occlusion, which asks nothing of a model but its probabilities.

Source: M. Zeiler & R. Fergus (2014), Visualizing and Understanding Convolutional Networks, ECCV, section 4.2: cover a
part of the photograph, see how much less probable the class becomes, and move on.

Class activation maps weigh feature maps by the head's weights, which says where the evidence lies for averages and a
linear head alone. What is exported also pools a covariance (``texture``), has other heads, several members and views,
or 8-bit integers. Occlusion means the same for each of them, and needs no gradients, so no torch.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Pixels = npt.NDArray[np.uint8]

PARTS = 8
"""Into so many parts each side is cut."""
COVER = 2
"""So many parts wide and high is what covers the photograph: a quarter of its side."""
METHOD = "occlusion"
SOURCE = "Zeiler & Fergus, ECCV 2014"
_STEPS = PARTS - COVER + 1
_LEAST = 1e-9  # of a probability, below which a float32 softmax says nothing


def covered(square: Pixels) -> Pixels:
    """Return a photograph with each of its parts covered in turn, by its own mean colour.

    That colour says as little as one can without knowing how a network was normalised, and draws the faintest edges.

    Args:
        square: uint8 (side, side, 3), side ≥ 8.

    Returns:
        uint8 (49, side, side, 3): row by row, seven places each.
    """
    cuts = _cuts(len(square))
    colour = np.rint(square.reshape(-1, 3).mean(axis=0)).astype(np.uint8)
    copies = np.repeat(square[None], _STEPS**2, axis=0)
    for place, copy in enumerate(copies):
        row, column = divmod(place, _STEPS)
        copy[cuts[row] : cuts[row + COVER], cuts[column] : cuts[column + COVER]] = colour
    return copies


def evidence(before: float, after: Floats) -> npt.NDArray[np.float64]:
    """Return how much less probable a class became where a photograph was covered.

    Args:
        before: Probability of the class in the photograph as it is.
        after: Those in the photographs of :func:`covered`, (49,).

    Returns:
        Natural logarithms of the ratio of both, float64 (8, 8), one for each part: the mean of all covers it lay under.
        Below 0 where the class became more probable.
    """
    lost = np.log(max(before, _LEAST)) - np.log(np.maximum(after.astype(np.float64), _LEAST))
    total, covers = np.zeros((PARTS, PARTS)), np.zeros((PARTS, PARTS))
    for place, value in enumerate(lost):
        row, column = divmod(place, _STEPS)
        total[row : row + COVER, column : column + COVER] += value
        covers[row : row + COVER, column : column + COVER] += 1
    return total / covers


def _cuts(side: int) -> list[int]:
    return [side * part // PARTS for part in range(PARTS + 1)]

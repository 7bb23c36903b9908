"""What a model looked at: covers over a photograph or its feature maps, which ask nothing of a model but probabilities.

Source: M. Zeiler & R. Fergus (2014), Visualizing and Understanding Convolutional Networks, ECCV, section 4.2: cover a
part of the photograph, see how much less probable the class becomes, and move on.

Class activation maps weigh feature maps by the head's weights, which says where the evidence lies for averages and a
linear head alone. What is exported also pools a covariance (``texture``), has other heads, several members and views,
or 8-bit integers. A cover means the same for each of them, and needs no gradients, so no torch. Over the feature maps
(:class:`lithoscope.serving.graph.CoveredMaps`) it costs pooling and head, over the photograph the whole network.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Pixels = npt.NDArray[np.uint8]

PARTS = 8
"""Into so many parts each side is cut."""
COVER = 2
"""So many parts wide and high is what covers the photograph: a quarter of its side."""
STEPS = PARTS - COVER + 1
"""So many places a cover has in a row."""
_LEAST = 1e-9  # of a probability, below which a float32 softmax says nothing


@dataclass(frozen=True)
class CoverMethod:
    """How it was found out what a model looked at.

    Attributes:
        name: For people.
        source: Who published it.
        note: What the numbers are, and are not.
    """

    name: str
    source: str
    note: str


_NOTE = "how much less probable the class becomes (natural logarithm) where a square with a quarter of the side, {}"
OF_PHOTOGRAPH = CoverMethod(
    "occlusion",
    "Zeiler & Fergus, ECCV 2014",
    _NOTE.format("in the photograph's mean colour, covers it; where, not why"),
)
OF_MAPS = CoverMethod(
    "occlusion of feature maps",
    "Zeiler & Fergus, ECCV 2014; Byun & Lee, CVPR workshops 2024",
    _NOTE.format("in the mean of all other features, covers its feature maps; where, not why"),
)


@dataclass(frozen=True)
class Look:
    """What a model says of a photograph, and of the same one covered here and there.

    Attributes:
        classes: In the order of the probabilities.
        before: Probabilities of the photograph as it is, (classes,).
        after: Those with each of :func:`covers`, (49, classes).
        method: What was covered.
    """

    classes: Sequence[str]
    before: Floats
    after: Floats
    method: CoverMethod


def covers() -> npt.NDArray[np.float32]:
    """Return the cover's places, float32 (49, 8, 8): row by row, seven places each; 1 for a part that is hidden."""
    places = np.zeros((STEPS**2, PARTS, PARTS), np.float32)
    for place, parts in enumerate(places):
        row, column = divmod(place, STEPS)
        parts[row : row + COVER, column : column + COVER] = 1
    return places


def covered(square: Pixels) -> Pixels:
    """Return a photograph with each of its parts covered in turn, by its own mean colour.

    That colour says as little as one can without knowing how a network was normalised, and draws the faintest edges.

    Args:
        square: uint8 (side, side, 3), side ≥ 8.

    Returns:
        uint8 (49, side, side, 3), in the order of :func:`covers`.
    """
    cuts = _cuts(len(square))
    colour = np.rint(square.reshape(-1, 3).mean(axis=0)).astype(np.uint8)
    copies = np.repeat(square[None], STEPS**2, axis=0)
    for place, copy in enumerate(copies):
        row, column = divmod(place, STEPS)
        copy[cuts[row] : cuts[row + COVER], cuts[column] : cuts[column + COVER]] = colour
    return copies


def look_at_photograph(run: Callable[[Pixels], Floats], classes: Sequence[str], square: Pixels) -> Look:
    """Cover the photograph itself: fifty answers.

    Args:
        run: From squares, uint8 (n, side, side, 3), to probabilities, (n, classes).
        classes: In the order of the probabilities.
        square: uint8 (side, side, 3).
    """
    before, *after = run(np.concatenate([square[None], covered(square)]))
    return Look(classes, before, np.stack(after), OF_PHOTOGRAPH)


def evidence(before: float, after: Floats) -> npt.NDArray[np.float64]:
    """Return how much less probable a class became where a photograph was covered.

    Args:
        before: Probability of the class in the photograph as it is.
        after: Those with each of :func:`covers`, (49,).

    Returns:
        Natural logarithms of the ratio of both, float64 (8, 8), one for each part: the mean of all covers it lay under.
        Below 0 where the class became more probable.
    """
    lost = np.log(max(before, _LEAST)) - np.log(np.maximum(after.astype(np.float64), _LEAST))
    places = covers()
    found: npt.NDArray[np.float64] = np.tensordot(lost, places, 1) / places.sum(axis=0)
    return found


def _cuts(side: int) -> list[int]:
    return [side * part // PARTS for part in range(PARTS + 1)]

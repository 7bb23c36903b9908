"""The rule that gives each photograph one answer: a name, a short set of names, a coarser name, or none of these.

The idea of backing off to the level at which an answer is sure enough: J. Deng, J. Krause, A. C. Berg & L. Fei-Fei
(2012), Hedging Your Bets: Optimizing Accuracy-Specificity Trade-offs in Large Scale Visual Recognition, CVPR.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lithoscope.evaluation.answers.conformal import prediction_sets
from lithoscope.evaluation.answers.limits import SHORT, Limits

Floats = npt.NDArray[np.floating[Any]]
Kind = Literal["name", "set", "coarser", "none"]
KINDS: tuple[Kind, ...] = ("name", "set", "coarser", "none")


@dataclass(frozen=True)
class Decision:
    """The answer to one photograph.

    Attributes:
        kind: Which of the four.
        classes: The classes of its set, the most probable first; with ``name`` one.
        coarse: The coarse class, with ``coarser``; else ``""``.
        sure: Of a name or a coarse name its probability, of a set the probability that the true class is among them.
        familiarity: 0 … 1; see :meth:`lithoscope.evaluation.answers.limits.Limits.familiarity`.
    """

    kind: Kind
    classes: tuple[str, ...]
    coarse: str
    sure: float
    familiarity: float


def decisions(probabilities: Floats, familiar: npt.NDArray[np.float64], limits: Limits) -> list[Decision]:
    """Decide on each photograph.

    None of these, where it is less familiar than held-out photographs nearly always are. Else its conformal set, where
    that is one name or a short set; else the coarse class, where one is sure enough; else the set, however long.

    Args:
        probabilities: Calibrated, (n, classes); field tests may have re-weighted them.
        familiar: The familiarity of each, (n,), of what the model itself says.
        limits: Of the model.
    """
    sets = prediction_sets(probabilities, limits.needed)
    coarse = limits.coarse_probabilities(probabilities)
    return [
        _decide(row, members, kinds, float(known), limits)
        for row, members, kinds, known in zip(probabilities, sets, coarse, familiar, strict=True)
    ]


def _decide(
    row: Floats, members: npt.NDArray[np.bool_], coarse: npt.NDArray[np.float64], familiar: float, limits: Limits
) -> Decision:
    order = [int(place) for place in np.argsort(-row, kind="stable") if members[place]]
    names = tuple(limits.classes[place] for place in order)
    sure = float(row[order].sum())
    if familiar <= limits.familiar:
        return Decision("none", names, "", sure, familiar)
    if len(names) > SHORT and limits.coarse_needed is not None and coarse.max() >= limits.coarse_needed:
        place = int(coarse.argmax())
        return Decision("coarser", names, limits.kinds()[place], float(coarse[place]), familiar)
    return Decision("name" if len(names) == 1 else "set", names, "", sure, familiar)

"""How often each kind of answer is right, on photographs that neither trained nor set a limit."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lithoscope.core.random_streams import generator
from lithoscope.evaluation.answers.conformal import prediction_sets
from lithoscope.evaluation.answers.limits import MISSED, REJECTED, Limits
from lithoscope.evaluation.answers.rule import KINDS, Decision
from lithoscope.evaluation.statistics.bootstrap import clustered_proportion

Floats = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.int64]


def is_right(decision: Decision, label: str, coarse: str) -> bool:
    """Return whether an answer is right of a photograph that shows a known class: "none of these" never is.

    Args:
        decision: The answer.
        label: The true class.
        coarse: Its coarse class, or ``""``.
    """
    if decision.kind == "coarser":
        return decision.coarse == coarse
    return decision.kind != "none" and label in decision.classes


def answer_figures(
    answers: Sequence[Decision],
    probabilities: Floats,
    labels: Labels,
    groups: Sequence[str],
    limits: Limits,
    *keys: str,
) -> dict[str, Any]:
    """Return what ``metrics/answers.json`` says of a split.

    Args:
        answers: To n photographs of known classes.
        probabilities: Calibrated, (n, classes).
        labels: int64 (n,).
        groups: The group of duplicates or the specimen of each.
        limits: That the answers were held against.
        keys: What the resamples of intervals are drawn for.

    Returns:
        ``held_out`` (how many and which), ``rejected`` (share that is called none of these, beside what was asked),
        ``coverage`` (of the sets of all photographs, beside what was asked; their mean size), and of each kind of
        answer how many there are and the share that is right. Shares have the 95 % interval of
        :func:`lithoscope.evaluation.statistics.bootstrap.clustered_proportion`.
    """

    def share(hits: npt.NDArray[np.bool_], rows: npt.NDArray[np.intp], name: str, *what: str) -> dict[str, float]:
        low, high = clustered_proportion(hits, [groups[row] for row in rows], generator(0, "answers", *what, *keys))
        return {name: round(float(hits.mean()), 6), "low": round(low, 6), "high": round(high, 6)}

    every = np.arange(len(labels))
    kinds = np.array([one.kind for one in answers])
    right = np.array(
        [is_right(one, limits.classes[label], limits.coarse[label]) for one, label in zip(answers, labels, strict=True)]
    )
    sets = prediction_sets(probabilities, limits.needed)
    figures: dict[str, Any] = {
        "n": len(labels),
        "held_out": {"photographs": limits.held_out, "source": limits.source},
        "rejected": {"asked": REJECTED, **share(kinds == "none", every, "share", "rejected")},
        "coverage": {
            "asked": 1 - MISSED,
            **share(sets[every, labels], every, "share", "coverage"),
            "mean_size": round(float(sets.sum(axis=1).mean()), 6),
        },
        "right": share(right, every, "share", "right"),
        "kinds": {},
    }
    for kind in KINDS:
        rows = np.flatnonzero(kinds == kind)
        found: dict[str, Any] = {"n": len(rows), "share": round(len(rows) / len(labels), 6)}
        if len(rows) and kind != "none":
            found |= share(right[rows], rows, "right", kind)
        if len(rows) and kind == "set":
            found["mean_size"] = round(float(np.mean([len(answers[int(row)].classes) for row in rows])), 6)
        figures["kinds"][kind] = found
    return figures

"""How many directions, how much shrinkage: chosen on photographs that none_of_these.py else only learns from."""

import numpy as np
import numpy.typing as npt
from _open_set import DIRECTIONS, RELATIVE, SHRINKAGE
from _photograph_features import Described
from _subspace import Subspace
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

CHOICE = f"The choice of directions and shrinkage for {RELATIVE}"
WIDTHS, SHRINKAGES = (64, 128, 256), (0.1, 0.25, 0.5)
Chosen = dict[tuple[int, float], tuple[float, float]]


def choice(minerals: Described, rocks: Described) -> Chosen:
    """Measure each number of directions with each shrinkage.

    A third of the minerals' learnt photographs is held out. Near: each mineral in turn is left out of what is learnt.
    Far: all are learnt, and the rocks' training photographs stand for what is none of them.

    Returns:
        The mean AUROC near, and that far, by directions and shrinkage.
    """
    folds = StratifiedGroupKFold(3, shuffle=True, random_state=1)  # type: ignore[no-untyped-call]
    fit, ask = next(iter(folds.split(minerals.labels, minerals.labels, minerals.groups)))  # type: ignore[no-untyped-call]
    near: dict[tuple[int, float], list[float]] = {}
    for left in np.unique(minerals.labels):
        rows = fit[minerals.labels[fit] != left]
        for key, values in _typicality(minerals, rows, minerals.last[ask]).items():
            near.setdefault(key, []).append(float(roc_auc_score(minerals.labels[ask] != left, values)))
    queries = np.concatenate([minerals.last[ask], rocks.last])
    known = np.arange(len(queries)) < len(ask)
    far = {key: float(roc_auc_score(known, one)) for key, one in _typicality(minerals, fit, queries).items()}
    return {key: (float(np.mean(near[key])), far[key]) for key in far}


def choice_lines(found: Chosen) -> list[str]:
    """Return the section in Markdown."""
    best = max((key for key in found if key[0] <= DIRECTIONS), key=lambda key: sum(found[key]))
    assert best == (DIRECTIONS, SHRINKAGE), f"{best} are best, not what is measured"
    return [
        "",
        f"## {CHOICE}",
        "",
        "AUROC, of photographs of the minerals that the tables above only learn from, a third of them held out. Near: "
        "mean over seven rounds of one mineral left out. Far: the rocks' training photographs, where all minerals are "
        f"learnt. Of at most {DIRECTIONS} directions, which are a megabyte of the page for the field, the highest mean "
        "of both was taken; no photograph that the tables above score took part.",
        "",
        "| directions | shrinkage | near | far | mean |",
        "| ---: | ---: | --- | --- | --- |",
        *(
            f"| {width} | {shrinkage:g} | {near:.3f} | {far:.3f} | {(near + far) / 2:.3f} |"
            for (width, shrinkage), (near, far) in found.items()
        ),
    ]


def _typicality(
    minerals: Described, rows: npt.NDArray[np.int64], queries: npt.NDArray[np.float32]
) -> dict[tuple[int, float], npt.NDArray[np.floating]]:
    features, labels = minerals.last[rows], np.unique(minerals.labels[rows], return_inverse=True)[1]
    space = Subspace.of(features, labels, max(WIDTHS))
    return {(width, some): one for some in SHRINKAGES for width, one in space.narrowed(queries, WIDTHS, some)}

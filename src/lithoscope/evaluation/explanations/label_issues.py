"""Label issues (confident learning, Northcutt et al. 2021): labels that out-of-fold predictions contradict.

Source of the rule: Northcutt, Jiang & Chuang (2021), Confident Learning: Estimating Uncertainty in Dataset Labels,
Journal of Artificial Intelligence Research 70, section 3.1. Of those it finds, the ones whose label is least probable
beside the other come first: of the 12 first ones 11 were wrong where 18 of 360 labels had been exchanged on purpose, 4
where the most confident ones came first (OSF rocks, training photographs, frozen MobileNetV2).
A suspect is a question to a person; nothing is relabelled.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from lithoscope.evaluation.folds import grouped_folds

_PENALTY = 0.01  # inverse strength: features outnumber photographs

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LabelIssue:
    """A photograph whose label is contradicted.

    Attributes:
        row: Which photograph.
        named: The class that it was named instead.
        confidence: The probability of that class.
        usual: The mean probability of that class among the photographs that have it as their label.
        own: The probability of the photograph's own label.
    """

    row: int
    named: int
    confidence: float
    usual: float
    own: float


def find_label_issues(probabilities: Floats, labels: Labels) -> list[LabelIssue]:
    """Find the photographs that are named another class at least as surely as that class's own usually are.

    Args:
        probabilities: (n, classes), of a model that did not learn from these labels; rows with NaN are left out.
        labels: int64 (n,).

    Returns:
        The one first whose label is the least probable beside the other class.
    """
    finite = np.isfinite(probabilities).all(axis=1)
    # A class that no photograph has as its label has no usual confidence, and is never a suspect's.
    usual = np.array(
        [
            probabilities[finite & (labels == name), name].mean() if (finite & (labels == name)).any() else np.inf
            for name in range(probabilities.shape[1])
        ]
    )
    found = []
    for row in np.flatnonzero(finite):
        named = int(probabilities[row].argmax())
        confidence = float(probabilities[row, named])
        if named != labels[row] and confidence >= usual[named]:
            own = float(probabilities[row, labels[row]])
            found.append(LabelIssue(int(row), named, confidence, float(usual[named]), own))
    return sorted(found, key=lambda one: (one.own / one.confidence, one.row))


def rank_by_doubt(probabilities: Floats, labels: Labels) -> npt.NDArray[np.int64]:
    """Return the photographs by how doubtful their labels are, the most doubtful first, int64 (m,).

    By the probability of the label over that of the most probable other class, as above; rows with NaN are left out.

    Args:
        probabilities: (n, classes), classes ≥ 2, of a model that did not learn from these labels.
        labels: int64 (n,).
    """
    rows = np.flatnonzero(np.isfinite(probabilities).all(axis=1))
    own = probabilities[rows, labels[rows]]
    others = probabilities[rows].copy()
    others[np.arange(len(rows)), labels[rows]] = 0
    ratio = own / np.maximum(others.max(axis=1), np.finfo(np.float64).tiny)
    return rows[np.argsort(ratio, kind="stable")].astype(np.int64)


def out_of_fold(features: Floats, labels: Labels, groups: Sequence[str], classes: int) -> npt.NDArray[np.float64]:
    """Return what a linear model says of photographs that it has not seen, nor any near-duplicate of them.

    Logistic regression on standardised features, cross-validated five times over, fewer where a class has fewer groups.

    Args:
        features: (n, k); they must not come from a network that learnt from these labels.
        labels: int64 (n,).
        groups: The group of near-duplicates each photograph belongs to.
        classes: Width of the answer.

    Returns:
        Probabilities, float64 (n, classes). Photographs of classes with fewer than two groups have NaN; so have all
        where fewer than two classes are left.
    """
    found = np.full((len(labels), classes), np.nan)
    values = features.astype(np.float64)
    # The same on any number of threads.
    with threadpool_limits(1):  # type: ignore[no-untyped-call]
        for fit, held in grouped_folds(labels, groups, "label suspects"):
            model = make_pipeline(StandardScaler(), LogisticRegression(C=_PENALTY, max_iter=500))  # type: ignore[no-untyped-call]
            model.fit(values[fit], labels[fit])
            answers = np.zeros((len(held), classes))
            answers[:, model.classes_] = model.predict_proba(values[held])
            answers[~np.isin(labels[held], model.classes_)] = np.nan  # it could not have known their class
            found[held] = answers
    return found

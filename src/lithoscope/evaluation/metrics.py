"""Classification metrics: accuracy, top-k accuracy, precision, recall, F1 and log loss from probabilities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import precision_recall_fscore_support

from lithoscope.core.nested import flatten

Floats = npt.NDArray[np.floating[Any]]
DIGITS = 6  # decimals kept in files
TOP = 3  # as in ``top3_accuracy``


@dataclass(frozen=True)
class Evaluation:
    """Figures of one split, ready to be written.

    Attributes:
        overall: ``n``, ``accuracy``, ``loss`` (mean cross-entropy, nats), ``top3_accuracy``, and precision, recall
            and F1 as ``macro`` (each class counts alike) and ``weighted`` (by its photographs) means.
        per_class: For each class precision, recall, F1 and its number of photographs ``n``.
    """

    overall: dict[str, Any]
    per_class: dict[str, dict[str, float]]


def evaluate(probabilities: Floats, labels: npt.NDArray[np.int64], classes: Sequence[str]) -> Evaluation:
    """Score probabilities (n, classes) against labels, int64 (n,).

    Precision of a class that was never predicted is 0. Classes without a photograph in the split have recall and F1
    of 0 in ``per_class`` and do not count in the macro mean.

    Raises:
        ValueError: There is nothing to score, or a probability is not finite.
    """
    if len(labels) == 0:
        raise ValueError("no photographs to score")
    if not np.isfinite(probabilities).all():
        raise ValueError("probabilities must be finite")
    every = np.arange(len(classes))
    predicted = probabilities.argmax(axis=1)
    precision, recall, f1, support = precision_recall_fscore_support(labels, predicted, labels=every, zero_division=0.0)
    present = support > 0
    shares = support / support.sum()
    overall = {
        "n": len(labels),
        "accuracy": _rounded((predicted == labels).mean()),
        "loss": _rounded(losses(probabilities, labels).mean()),
        "top3_accuracy": _rounded(in_top_k(probabilities, labels, TOP).mean()),
        "macro": {
            "precision": _rounded(precision[present].mean()),
            "recall": _rounded(recall[present].mean()),
            "f1": _rounded(f1[present].mean()),
        },
        "weighted": {
            "precision": _rounded((precision * shares).sum()),
            "recall": _rounded((recall * shares).sum()),
            "f1": _rounded((f1 * shares).sum()),
        },
    }
    per_class = {
        name: {
            "precision": _rounded(precision[index]),
            "recall": _rounded(recall[index]),
            "f1": _rounded(f1[index]),
            "n": int(support[index]),
        }
        for index, name in enumerate(classes)
    }
    return Evaluation(overall, per_class)


def losses(probabilities: Floats, labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return each photograph's cross-entropy, (n,), nats; a probability of 0 counts as the smallest float32."""
    picked = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return np.asarray(-np.log(np.clip(picked, np.finfo(np.float32).tiny, 1.0)))


def in_top_k(probabilities: Floats, labels: npt.NDArray[np.int64], k: int) -> npt.NDArray[np.bool_]:
    """Say of each photograph, bool (n,), whether its class is among the k most probable; of equals the last come first.

    That is scikit-learn's order (``top_k_accuracy_score``).
    """
    order = np.argsort(probabilities, axis=1, kind="stable")[:, ::-1][:, :k]
    return np.asarray((order == labels[:, None]).any(axis=1))


def flat(figures: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Return the numbers of nested figures under dotted names, e.g. ``macro.f1``; words and what is absent stay out."""
    return {name: float(value) for name, value in flatten(figures, prefix).items() if isinstance(value, int | float)}


def _rounded(value: Any) -> float:
    return round(float(value), DIGITS)


def prediction_table(
    ids: Sequence[str],
    split: str,
    labels: npt.NDArray[np.int64],
    probabilities: Floats,
    classes: Sequence[str],
    specimens: Sequence[str] = (),
) -> pd.DataFrame:
    """Return one row a photograph: id, split, label, predicted, confidence and ``p_<class>`` for each class.

    Where any specimen is named, a column ``specimen`` follows the id.
    """
    predicted = probabilities.argmax(axis=1)
    table = pd.DataFrame(
        {
            "id": list(ids),
            "split": split,
            "label": [classes[label] for label in labels],
            "predicted": [classes[label] for label in predicted],
            "confidence": probabilities.max(axis=1),
        }
    )
    if any(specimens):
        table.insert(1, "specimen", list(specimens))
    columns = pd.DataFrame(probabilities, columns=[f"p_{name}" for name in classes])
    return pd.concat([table, columns], axis=1)

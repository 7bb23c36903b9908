"""Figures from probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import precision_recall_fscore_support, top_k_accuracy_score

Floats = npt.NDArray[np.floating[Any]]
DIGITS = 6  # decimals kept in files


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

    def flat(self) -> dict[str, float]:
        """Return the overall figures under dotted names, e.g. ``macro.f1``."""
        return dict(_flatten("", self.overall))


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
    picked = np.clip(probabilities[np.arange(len(labels)), labels].astype(np.float64), np.finfo(np.float32).tiny, 1.0)
    k = min(3, len(classes))
    top3 = 1.0 if k == len(classes) else top_k_accuracy_score(labels, probabilities, k=k, labels=every)
    overall = {
        "n": len(labels),
        "accuracy": _rounded((predicted == labels).mean()),
        "loss": _rounded(-np.log(picked).mean()),
        "top3_accuracy": _rounded(top3),
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


def _flatten(prefix: str, figures: dict[str, Any]) -> list[tuple[str, float]]:
    pairs: list[tuple[str, float]] = []
    for name, value in figures.items():
        pairs += _flatten(f"{prefix}{name}.", value) if isinstance(value, dict) else [(prefix + name, float(value))]
    return pairs


def _rounded(value: Any) -> float:
    return round(float(value), DIGITS)


def prediction_table(
    ids: Sequence[str], split: str, labels: npt.NDArray[np.int64], probabilities: Floats, classes: Sequence[str]
) -> pd.DataFrame:
    """Return one row a photograph: id, split, label, predicted, confidence and ``p_<class>`` for each class."""
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
    columns = pd.DataFrame(probabilities, columns=[f"p_{name}" for name in classes])
    return pd.concat([table, columns], axis=1)

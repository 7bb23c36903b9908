"""Predictions that never were, drawn from a seed."""

import numpy as np

from lithoscope.gate.predictions import Predictions


def predictions(
    right: int, of: int, *, classes: int = 2, sure: float = 0.9, start: int = 0, offset: int = 0
) -> Predictions:
    """Make up a model that names ``right`` photographs of ``of`` right, those from ``start`` on (wrapping round).

    ``offset`` renames the photographs. The named class has the probability ``sure``.
    """
    labels = np.arange(of, dtype=np.int64) % classes
    correct = (np.arange(of) - start) % of < right
    predicted = np.where(correct, labels, (labels + 1) % classes)
    p_true = np.where(correct, sure, (1 - sure) / (classes - 1))
    ids = [f"{number + offset:05}.jpg" for number in range(of)]
    return Predictions("test", ids, [f"class {number}" for number in range(classes)], labels, predicted, p_true, ids)


def table(made: Predictions) -> str:
    """Write two-class predictions as ``predictions.csv``."""
    lines = ["id,split,label,predicted,confidence," + ",".join(f"p_{name}" for name in made.classes)]
    for name, label, predicted, p_true in zip(made.ids, made.labels, made.predicted, made.p_true, strict=True):
        both = [p_true, 1 - p_true] if label == 0 else [1 - p_true, p_true]
        cells = [name, made.split, made.classes[label], made.classes[predicted], f"{max(both):.6f}"]
        lines.append(",".join([*cells, *(f"{value:.6f}" for value in both)]))
    return "\n".join(lines) + "\n"

"""Batch prediction: the files of folders, and the answers as a table."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.sources.listing import printable, visible_files
from lithoscope.models.predictor import Prediction


def find_photographs(paths: Sequence[Path]) -> list[Path]:
    """Return the files named, and all files in the folders named, sorted within each folder.

    Raises:
        LithoscopeError: A path does not exist, or there is no file at all.
    """
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise LithoscopeError(f"{path}: no such file or folder")
        files += [path / name for name in visible_files(path)] if path.is_dir() else [path]
    if not files:
        raise LithoscopeError(f"{', '.join(map(str, paths))}: no files there; name photographs or a folder of them")
    return list(dict.fromkeys(files))


def prediction_table(predictions: Sequence[Prediction], classes: Sequence[str]) -> pd.DataFrame:
    """Return a row for each photograph: path, label, confidence, problem, and ``p_CLASS`` for each class."""
    rows = []
    for prediction in predictions:
        known = prediction.label is not None
        row: dict[str, object] = {
            "path": printable(str(prediction.path)),
            "label": prediction.label,
            "confidence": prediction.confidence if known else None,
            "problem": prediction.problem,
        }
        row |= {f"p_{name}": prediction.probabilities[i] if known else None for i, name in enumerate(classes)}
        rows.append(row)
    return pd.DataFrame(rows)

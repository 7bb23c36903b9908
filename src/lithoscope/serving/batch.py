"""Batch prediction: the files of folders and archives, and the answers as a table."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.sources.archives import extract, is_archive
from lithoscope.data.sources.listing import printable, visible_files
from lithoscope.models.predictor import Prediction


@contextmanager
def opened_photographs(paths: Sequence[Path]) -> Iterator[dict[Path, Path]]:
    """Find the files named, all files in the folders named, and all in the zip and tar archives named.

    Args:
        paths: Files, folders and archives; archives are unpacked for as long as the context lasts.

    Yields:
        Each file with the path that names it for people, which for one in an archive begins with the archive's; in the
        order of ``paths``, sorted within each folder.

    Raises:
        LithoscopeError: A path does not exist, there is no file at all, or an archive cannot be unpacked.
    """
    with tempfile.TemporaryDirectory(prefix="lithoscope-") as workplace:
        files: dict[Path, Path] = {}
        for number, path in enumerate(paths):
            if not path.exists():
                raise LithoscopeError(f"{path}: no such file or folder")
            if path.is_dir():
                files |= {path / name: path / name for name in visible_files(path)}
            elif is_archive(path):
                tree = Path(workplace) / str(number)
                extract(path, tree)
                files |= {tree / name: path / name for name in visible_files(tree)}
            else:
                files[path] = path
        if not files:
            raise LithoscopeError(
                f"{', '.join(map(str, paths))}: no files there; name photographs, or a folder or archive of them"
            )
        yield files


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

"""Doubtful labels of the workspace: training labels ranked by what held-out folds say, for a person to step through."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import safetensors.numpy

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.files import read_json
from lithoscope.data.packed.arrays import open_split
from lithoscope.evaluation.explanations.label_issues import rank_by_doubt
from lithoscope.evaluation.held_out import JudgedPhotographs, fold_logits
from lithoscope.evaluation.metric_intervals import read_groups
from lithoscope.models.temperature import fit_temperature, tempered
from lithoscope.reporting.doubtful_page import DoubtfulLabel, doubtful_page
from lithoscope.training.discriminant_head import standardised_discriminant

EMBEDDINGS, ARRAYS = Path("build/embeddings"), Path("build/arrays")
SHRINKAGE = 0.5
_SUGGESTED = 3


@dataclass(frozen=True)
class RankedLabels:
    """Training labels by how doubtful they are.

    Attributes:
        order: Rows, the most doubtful first, int64 (m,).
        probabilities: Of held-out folds, float32 (n, classes); NaN where there is no answer.
    """

    order: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float32]


def rank_labels(
    features: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], groups: list[str], classes: int
) -> RankedLabels:
    """Rank labels by the answers of heads that saw neither a photograph nor its duplicates.

    Args:
        features: Of a network that did not learn from these labels, (n, d).
        labels: int64 (n,).
        groups: The group of duplicates each belongs to.
        classes: How many there are.
    """
    refit = partial(standardised_discriminant, classes=classes, shrinkage=SHRINKAGE)
    photographs = JudgedPhotographs(features, labels, groups, np.empty((0, classes), np.float32))
    logits = fold_logits(photographs, refit, classes)
    rows = np.isfinite(logits).all(axis=1)
    probabilities = np.full(logits.shape, np.nan, np.float32)
    probabilities[rows] = tempered(logits[rows], fit_temperature(logits[rows], labels[rows]).value)
    return RankedLabels(rank_by_doubt(probabilities, labels), probabilities)


def write_doubtful_labels(root: Path, page: Path, most: int) -> tuple[int, int]:
    """Write a page of the most doubtful training labels, with the pictures in it. Nothing else is changed.

    Args:
        root: The checkout, in which the pipeline has run.
        page: The HTML file.
        most: How many labels at most.

    Returns:
        How many labels are on the page, and how many were ranked.

    Raises:
        LithoscopeError: The pipeline has not run, or its network began from scratch, so that its features have learnt
            the labels, wrong ones included.
    """
    table, weights = root / EMBEDDINGS / "train.csv", root / EMBEDDINGS / "train.safetensors"
    if not table.is_file() or not weights.is_file():
        raise LithoscopeError(f"{table} is missing: `dvc repro` makes it")
    arrays = safetensors.numpy.load_file(weights)
    if "last" not in arrays:
        raise LithoscopeError(
            "the network began from scratch: its features have learnt the labels, wrong ones too; allowed: a model "
            "with model.weights"
        )
    split = open_split(root / ARRAYS, "train")
    seen = pd.read_csv(table, keep_default_na=False, dtype=str)
    ids = seen["id"].tolist()
    row_of = {name: row for row, (name, copy) in enumerate(zip(split.ids, split.copies, strict=True)) if copy == 0}
    labels = np.array([split.classes.index(name) for name in seen["label"]], dtype=np.int64)
    groups = read_groups(root / "build" / "splits.csv", ids)
    ranked = rank_labels(arrays["last"], labels, groups, len(split.classes))
    shown = []
    for row in ranked.order[:most].tolist():
        said = ranked.probabilities[row]
        best = [int(one) for one in np.argsort(-said, kind="stable") if one != labels[row]][:_SUGGESTED]
        shown.append(
            DoubtfulLabel(
                ids[row],
                split.classes[labels[row]],
                float(said[labels[row]]),
                [(split.classes[one], float(said[one])) for one in best],
                np.array(split.images[row_of[ids[row]]]),
            )
        )
    index = pd.read_csv(root / "build" / "index.csv", keep_default_na=False, dtype=str)
    every = list(zip(index["id"], index["label"], strict=True))
    title = str(read_json(root / "build" / "dataset.json")["title"])
    page.write_text(doubtful_page(title, shown, every, split.classes), encoding="utf-8", newline="\n")
    return len(shown), len(ranked.order)

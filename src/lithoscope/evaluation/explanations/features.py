"""Embedding cache: the features for neighbours, projections and label issues, and where they are kept.

As for the comparison with people they come from the backbone as it was before training: a trained network's features
of the photographs that it learnt from have collapsed towards their classes, wrong labels included.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import safetensors.numpy
from rich.progress import Progress

from lithoscope.config.params import Parameters
from lithoscope.core.random_streams import generator
from lithoscope.data.packed.arrays import SPLIT_FILES, ArraySplit, open_split
from lithoscope.evaluation.embeddings.backbone import backbone_source, embedding_function, starting_weights
from lithoscope.evaluation.embeddings.layers import VIEWS as PEOPLES_VIEWS
from lithoscope.evaluation.human_judgements.embedded import JudgedEmbeddings
from lithoscope.evaluation.metric_intervals import read_groups
from lithoscope.models.predictor import Predictor

MOST = 5000
"""So many photographs of a split are embedded at most: t-SNE and the linear model take minutes for more."""
VIEWS = 1
"""Of each photograph; the comparison with people, which needs finer features, brings more."""
_AT_ONCE = 256
_SCRATCH = (
    "next-to-last layer of the trained network, which began from scratch: its features of the training photographs "
    "have collapsed towards their classes, so neighbours and map flatter, and training labels are not checked"
)


@dataclass(frozen=True)
class Seen:
    """Photographs of a split as features.

    Attributes:
        ids: Theirs.
        rows: Their rows in the packed split, ascending, int64 (n,).
        labels: Their classes, int64 (n,).
        groups: The group of near-duplicates each belongs to.
        values: float32 (n, k).
    """

    ids: list[str]
    rows: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    groups: list[str]
    values: npt.NDArray[np.float32]


@dataclass(frozen=True)
class PhotographFeatures:
    """The photographs of the training and of the split that is scored.

    Attributes:
        training: Those that were learnt from, without augmented copies.
        scored: Those that are scored.
        unlearnt: Whether the features come from a network that did not learn from the training photographs.
        words: Whose features these are.
    """

    training: Seen
    scored: Seen
    unlearnt: bool
    words: str


def photograph_features(
    root: Path,
    folder: Path,
    parameters: Parameters,
    predictor: Predictor,
    on: str,
    needed: Sequence[int],
    judged: JudgedEmbeddings | None,
) -> PhotographFeatures:
    """Take the features that the comparison with people made, or make and keep them where it made none.

    Args:
        root: The checkout, with its ``build``.
        folder: Where embeddings are kept: ``<split>.csv`` with ids, ``<split>.safetensors``, ``source.json``.
        parameters: Of the run.
        predictor: The trained model.
        on: ``test`` or ``validation``; the other one's photographs are not looked at.
        needed: Rows of the scored split that must be among them.
        judged: What the comparison with people saw, or None.

    Raises:
        LithoscopeError: The weights that training started from are not there or have changed.
    """
    weights = starting_weights(parameters, predictor)
    views = VIEWS if judged is None else PEOPLES_VIEWS
    source = backbone_source(parameters, weights, views)
    known = _known(judged) if judged is not None and weights is not None else {}
    splits = {name: open_split(root / "build" / "arrays", SPLIT_FILES[name]) for name in ("training", on)}
    rows = {name: _drawn(split, needed if name == on else ()) for name, split in splits.items()}
    found = {}
    with Progress(transient=True) as progress:
        task = progress.add_task("features of the photographs", total=sum(map(len, rows.values())))
        see = embedding_function(parameters, predictor, weights, lambda done: progress.advance(task, done), views)
        for name, split in splits.items():
            ids = [split.ids[row] for row in rows[name]]
            if all(identity in known for identity in ids):
                values = np.stack([known[identity] for identity in ids])
            else:
                chunks = np.array_split(rows[name], -(-len(ids) // _AT_ONCE))
                values = np.concatenate([see(split.images[chunk]).last for chunk in chunks])
                kind = "trained" if weights is None else "last"
                _keep(
                    folder, SPLIT_FILES[name], ids, [split.classes[n] for n in split.labels[rows[name]]], kind, values
                )
            groups = read_groups(root / "build" / "splits.csv", ids)
            found[name] = Seen(ids, rows[name], split.labels[rows[name]], groups, values)
    if judged is None:
        text = json.dumps(source | ({"of": _SCRATCH} if weights is None else {}), indent=2, ensure_ascii=False)
        (folder / "source.json").write_text(text + "\n", encoding="utf-8")
    words = f"next-to-last layer, {source['of']}" if weights is not None else _SCRATCH
    return PhotographFeatures(found["training"], found[on], weights is not None, words)


def _known(judged: JudgedEmbeddings) -> dict[str, npt.NDArray[np.float32]]:
    """Return the features of every photograph that people judged, by its id."""
    parts = [part for part in (judged.train, judged.test) if part is not None]
    return {name: row for part in parts for name, row in zip(part.space.ids, part.embedding.last, strict=True)}


def _drawn(split: ArraySplit, needed: Sequence[int]) -> npt.NDArray[np.int64]:
    """Return the rows that are embedded, ascending: all photographs, or where there are very many a draw of them."""
    own = int((split.copies == 0).sum())  # photographs stand before their augmented copies
    drawn = generator(0, "photographs embedded").permutation(own)[:MOST]
    return np.union1d(drawn, np.asarray(needed, dtype=np.int64)).astype(np.int64)


def _keep(
    folder: Path, name: str, ids: Sequence[str], labels: Sequence[str], kind: str, values: npt.NDArray[np.float32]
) -> None:
    """Write one row a photograph; what the comparison with people wrote stays."""
    target = folder / f"{name}.safetensors"
    if target.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    safetensors.numpy.save_file({kind: np.ascontiguousarray(values)}, target)
    table = pd.DataFrame({"id": ids, "label": labels})
    table.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n", encoding="utf-8")

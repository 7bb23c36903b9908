"""Embeddings of the photographs that people judged, kept as files.

What a map is fitted to must come from a network that was not trained on the same photographs: towards the end of
training the features of a class collapse to a point (Papyan, Han & Donoho 2020, Prevalence of neural collapse during
the terminal phase of deep learning training, PNAS 117), and with them all that people see within a class.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import safetensors.numpy
from rich.progress import Progress

from lithoscope.config.params import Parameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.data.packed.arrays import Pixels, open_split
from lithoscope.evaluation.embeddings.backbone import (
    backbone_source,
    embed_trained,
    embedding_function,
    starting_weights,
)
from lithoscope.evaluation.embeddings.layers import Embedding
from lithoscope.evaluation.human_judgements.figures import FittedMaps, Judged
from lithoscope.evaluation.human_judgements.human_data import DIMENSIONS, HumanData, HumanSpace
from lithoscope.evaluation.human_judgements.regressions import principal_components
from lithoscope.models.predictor import Predictor


@dataclass(frozen=True)
class JudgedEmbeddings:
    """Photographs that people judged, as networks see them.

    Attributes:
        source: Whose embeddings these are, in words and numbers.
        train: The training and validation photographs; None where the only network was trained on them.
        groups: Of ``train``: near-duplicates share one.
        test: The test photographs; None where they are not to be looked at.
        trained: The trained network's next-to-last layer for ``test``, float32 (n, features).
        unsupervised: The maps for the test where ``train`` is None.
    """

    source: dict[str, str | int]
    train: Judged | None
    groups: list[str]
    test: Judged | None
    trained: npt.NDArray[np.float32]
    unsupervised: FittedMaps

    def save(self, folder: Path) -> None:
        """Write ``<split>.safetensors`` with one row a photograph, ``<split>.csv`` with their ids, ``source.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        for split, judged in (("train", self.train), ("test", self.test)):
            if judged is None:
                continue
            tensors = {"last": judged.embedding.last, "layers": judged.embedding.layers}
            if split == "test":
                tensors["trained"] = self.trained
            safetensors.numpy.save_file(
                {name: np.ascontiguousarray(values) for name, values in tensors.items() if values.size},
                folder / f"{split}.safetensors",
            )
            rows = pd.DataFrame({"id": judged.space.ids, "label": judged.space.labels})
            rows.to_csv(folder / f"{split}.csv", index=False, lineterminator="\n", encoding="utf-8")
        text = json.dumps(self.source, indent=2, ensure_ascii=False) + "\n"
        (folder / "source.json").write_text(text, encoding="utf-8")


def embed_photographs(
    build: Path, data: HumanData, parameters: Parameters, predictor: Predictor, *, test: bool
) -> JudgedEmbeddings:
    """Run the photographs that people judged through the backbone as it was before training.

    A network from scratch has no such backbone; there its trained self serves, for the test alone.

    Args:
        build: Where the arrays and the split lie.
        data: What people said.
        parameters: Of the run: the model's weights, device, precision.
        predictor: The trained model.
        test: Whether the test photographs may be looked at.

    Raises:
        LithoscopeError: The weights that training started from are not there or have changed.
    """
    weights = starting_weights(parameters, predictor)
    with Progress(transient=True) as progress:
        count = len(data.train.ids) + len(data.test.ids) * test
        task = progress.add_task("embeddings for the comparison with people", total=count)
        see = embedding_function(parameters, predictor, weights, lambda done: progress.advance(task, done))
        learnt, groups = _judged(build, data.train, ("train", "val") if weights else ("train",), see)
        tested = _judged(build, data.test, ("test",), see)[0] if test else None
    trained = np.empty((0, 0), np.float32)
    if test:
        own, _ = _judged(build, data.test, ("test",), lambda images: embed_trained(predictor, images))
        trained = own.embedding.last
    return JudgedEmbeddings(
        source=backbone_source(parameters, weights),
        train=learnt if weights else None,
        groups=groups,
        test=tested,
        trained=trained,
        unsupervised=FittedMaps(principal_components(learnt.embedding.last, len(DIMENSIONS))),
    )


def _judged(
    build: Path, space: HumanSpace, splits: Sequence[str], see: Callable[[Pixels], Embedding]
) -> tuple[Judged, list[str]]:
    """Embed the photographs of some splits; return those that people judged, in people's order, and their groups."""
    ids, seen = list[str](), list[Embedding]()
    for name in splits:
        split = open_split(build / "arrays", name)
        own = int((split.copies == 0).sum())  # photographs stand before their augmented copies
        if own:
            ids += split.ids[:own]
            seen.append(see(split.images[:own]))
    places = {identity: place for place, identity in enumerate(ids)}
    kept = [row for row, identity in enumerate(space.ids) if identity in places]
    if len(kept) < 3:
        raise LithoscopeError(
            f"{build / 'arrays'}: holds {len(kept)} of the {len(space.ids)} photographs that people judged; run "
            "`dvc repro -f split`"
        )
    rows = [places[space.ids[row]] for row in kept]
    embedding = Embedding(
        np.concatenate([one.last for one in seen])[rows],
        np.concatenate([one.layers for one in seen])[rows],
        seen[0].blocks,
    )
    table = pd.read_csv(build / "splits.csv", keep_default_na=False, dtype=str)
    group = dict(zip(table["id"], table["group"], strict=True))
    judged = Judged(_rows_of(space, kept), embedding)
    return judged, [group[identity] for identity in judged.space.ids]


def _rows_of(space: HumanSpace, rows: list[int]) -> HumanSpace:
    return HumanSpace(
        [space.ids[row] for row in rows],
        [space.labels[row] for row in rows],
        space.tokens[rows],
        space.coordinates[rows],
        None if space.supplementary is None else space.supplementary[rows],
    )

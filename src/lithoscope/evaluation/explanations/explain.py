"""Explanations as a part of the pipeline: ``build/explained``, which may hold real photographs."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.progress import Progress

from lithoscope.config.params import Parameters
from lithoscope.data.packed.arrays import open_split
from lithoscope.evaluation.explanations.attribution import Floats, Method, choose_method, evidence, members_of
from lithoscope.evaluation.explanations.features import PhotographFeatures, photograph_features
from lithoscope.evaluation.explanations.images import Album
from lithoscope.evaluation.explanations.projection import Projection, project
from lithoscope.evaluation.explanations.records import ExampleRecords, ScoredSplit
from lithoscope.evaluation.explanations.selection import most_confident, most_confident_by_class
from lithoscope.evaluation.human_judgements.compare import EMBEDDINGS
from lithoscope.evaluation.human_judgements.embedded import JudgedEmbeddings
from lithoscope.models.predictor import Predictor

FOLDER = Path("build/explained")
EXPLAINED, MAP = FOLDER / "explained.json", FOLDER / "map.csv"
EXAMPLES, MISTAKES = 6, 12  # right and wrong ones each; at most
DIGITS = 6  # decimals kept in files


def explain(
    root: Path, parameters: Parameters, predictor: Predictor, scored: ScoredSplit, judged: JudgedEmbeddings | None
) -> tuple[list[Path], str]:
    """Write ``build/explained``: examples with their evidence, mistakes with their neighbours, suspects, a map.

    Also keeps the features it needs in ``build/embeddings``, where the comparison with people made none.

    Args:
        root: The checkout.
        parameters: Of the run.
        predictor: The trained model.
        scored: What was scored; the photographs of the other split are not looked at.
        judged: What the comparison with people saw, or None.

    Returns:
        Paths of the two tables, and a line that says what was explained.

    Raises:
        LithoscopeError: The weights that training started from are not there or have changed.
    """
    shutil.rmtree(root / FOLDER, ignore_errors=True)
    (root / FOLDER).mkdir(parents=True)
    right = scored.predicted == scored.labels
    mistakes = most_confident(scored.confidence, ~right, MISTAKES)
    examples = [
        row
        for among in (right, ~right)
        for row in most_confident_by_class(scored.confidence, among, scored.labels, EXAMPLES)
    ]
    features = photograph_features(root, root / EMBEDDINGS, parameters, predictor, scored.split, mistakes, judged)
    method, maps = _evidence(predictor, scored, sorted({*examples, *mistakes}))
    projection = project(
        np.concatenate([features.training.values, features.scored.values]),
        np.repeat([True, False], [len(features.training.ids), len(features.scored.ids)]),
    )
    classes = predictor.description.classes
    training = open_split(root / "build" / "arrays", "train").images
    records = ExampleRecords(Album(root / FOLDER), scored, training, features, classes)
    found: dict[str, Any] = {
        "attribution": {"method": method.name, "layer": method.layer, "source": method.source, "note": method.note},
        "examples": records.examples(examples, maps),
        "mistakes": records.mistakes(mistakes, maps),
        "suspects": records.suspects(),
        "embedding": _embedding(projection, features),
        "split": scored.split,
        "synthetic": predictor.description.synthetic,
    }
    text = json.dumps(_rounded(found), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    (root / EXPLAINED).write_text(text, encoding="utf-8")
    table = _map(projection, features, scored, classes)
    table.to_csv(root / MAP, index=False, lineterminator="\n", encoding="utf-8", float_format="%.4f")
    line = (
        f"explained: {method.name} of {len(maps)} photographs, {len(mistakes)} mistakes with their nearest training "
        f"photographs, {len(found['suspects'])} labels that a person may want to look at"
    )
    return [root / EXPLAINED, root / MAP], line


def _evidence(predictor: Predictor, scored: ScoredSplit, rows: Sequence[int]) -> tuple[Method, dict[int, Floats]]:
    """Return where each photograph speaks for the class that it was named."""
    architecture = predictor.description.architecture
    method = choose_method(members_of(predictor)[0], architecture.model.name, architecture.image_size)
    with Progress(transient=True) as progress:
        task = progress.add_task(f"what the model looked at ({method.name})", total=len(rows))
        found = evidence(
            predictor,
            np.array(scored.images[list(rows)]),
            scored.predicted[list(rows)],
            method,
            lambda done: progress.advance(task, done),
        )
    return method, dict(zip(rows, found, strict=True))


def _embedding(projection: Projection, features: PhotographFeatures) -> dict[str, Any]:
    learnt, scored = len(features.training.ids), len(features.scored.ids)
    return {
        "pca": {"explained_variance": list(projection.explained)},
        "tsne": {"note": projection.note} if projection.tsne is None else {"perplexity": projection.perplexity},
        "features": f"{features.words}; the components are fitted to the {learnt:,} training photographs, t-SNE to all",
        "photographs": learnt + scored,
    }


def _map(
    projection: Projection, features: PhotographFeatures, scored: ScoredSplit, classes: Sequence[str]
) -> pd.DataFrame:
    """Return one row a photograph, training first; training photographs were not named, so they have no prediction."""
    training, other = features.training, features.scored
    names = np.asarray(classes, dtype=object)
    table = pd.DataFrame(
        {
            "photograph": [*training.ids, *other.ids],
            "split": ["training"] * len(training.ids) + [scored.split] * len(other.ids),
            "label": names[np.concatenate([training.labels, other.labels])],
            "predicted": [""] * len(training.ids) + names[scored.predicted[other.rows]].tolist(),
        }
    )
    for name, values in (("pca", projection.pca), ("tsne", projection.tsne)):
        for column in range(2):
            table[f"{name}_{column + 1}"] = np.nan if values is None else values[:, column]
    return table


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(value, DIGITS) if isinstance(value, float) else value

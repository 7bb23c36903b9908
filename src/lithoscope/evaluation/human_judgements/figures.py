"""Human-judgement figures: from embeddings to the numbers of ``metrics/people.json``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lithoscope.evaluation.embeddings.layers import Embedding
from lithoscope.evaluation.human_judgements.human_data import DIMENSIONS, SUPPLEMENTARY, HumanSpace
from lithoscope.evaluation.human_judgements.procrustes import (
    bootstrap,
    chance,
    column_correlations,
    fit,
    interval,
    with_intervals,
)
from lithoscope.evaluation.human_judgements.regressions import (
    FeatureBlocks,
    FittedRidge,
    Map,
    cross_validated,
    fit_ridge,
    principal_components,
)
from lithoscope.evaluation.human_judgements.rsa import similarity

Floats = npt.NDArray[np.float64]
COLUMNS = ["split", "id", "dimension", "people", "model", "authors"]
"""Of the table that is drawn: one row a photograph and dimension, all in people's units."""


@dataclass(frozen=True)
class Judged:
    """Photographs that people judged and a network embedded, row by row.

    Attributes:
        space: What people said of them.
        embedding: What the backbone before training makes of them; or of a network from scratch the trained one.
    """

    space: HumanSpace
    embedding: Embedding

    def candidates(self) -> dict[str, FeatureBlocks]:
        """Return what a ridge may start from: the next-to-last layer alone, or the statistics of several layers."""
        last = self.embedding.last
        return {
            "last layer": FeatureBlocks(last, (last.shape[1],)),
            "several layers": FeatureBlocks(self.embedding.layers, self.embedding.blocks),
        }


@dataclass(frozen=True)
class FittedMaps:
    """Maps from embeddings to people's dimensions, fitted on the training photographs.

    Attributes:
        components: Of the next-to-last layer; it knows nothing of people.
        features: The name of the candidate that cross-validation chose.
        ridge: From those features to the 8 dimensions, or None where the embeddings do not allow it.
        supplementary: To the 5 supplementary ones, or None.
    """

    components: Map
    features: str = ""
    ridge: FittedRidge | None = None
    supplementary: FittedRidge | None = None


def compare_training(judged: Judged, groups: Sequence[str]) -> tuple[dict[str, Any], FittedMaps, Floats]:
    """Fit the maps on the training photographs, and say by cross-validation how well they do there.

    Args:
        judged: The training photographs; their embeddings must come from a network that was not trained on them.
        groups: Near-duplicates share one.

    Returns:
        Figures; the maps; what each photograph was predicted as by ridges that did not see it, float64 (n, 8).
    """
    people, candidates = judged.space.coordinates, judged.candidates()
    predicted = {name: cross_validated(one, people, groups) for name, one in candidates.items()}
    chosen = min(predicted, key=lambda name: fit(people, predicted[name]).disparity)
    ridge = fit_ridge(candidates[chosen], people, groups)
    supplementary = None
    if judged.space.supplementary is not None:
        supplementary = fit_ridge(candidates[chosen], judged.space.supplementary, groups)
    components = principal_components(judged.embedding.last, len(DIMENSIONS))
    arranged = components(judged.embedding.last)
    resampled = bootstrap(people, arranged, predicted[chosen])
    figures = {
        "photographs": len(people),
        "components": with_intervals(fit(people, arranged), resampled[:, 0], DIMENSIONS),
        "ridge": {
            **with_intervals(fit(people, predicted[chosen]), resampled[:, 1], DIMENSIONS),
            "features": chosen,
            "penalty": ridge.penalty,
            "candidates": {
                name: {"mean_r": one.mean_r, "disparity": one.disparity}
                for name, one in ((name, fit(people, values)) for name, values in predicted.items())
            },
        },
        "chance": chance(people, predicted[chosen]),
        "similarity": {"last layer": similarity(people, judged.embedding.last, "correlation", interval=False)},
    }
    return figures, FittedMaps(components, chosen, ridge, supplementary), predicted[chosen]


def compare_test(
    judged: Judged, maps: FittedMaps, authors: Floats | None, trained: npt.NDArray[np.float32]
) -> tuple[dict[str, Any], Floats | None]:
    """Score the maps on the test photographs, beside chance and beside the authors' network.

    Args:
        judged: The test photographs.
        maps: Of :func:`compare_training`.
        authors: What the authors' network predicts for the same photographs, float64 (n, 8).
        trained: The trained network's next-to-last layer, float32 (n, features).

    Returns:
        Figures; what each photograph is predicted as, float64 (n, 8), or None where there is no ridge.
    """
    people = judged.space.coordinates
    arranged = maps.components(judged.embedding.last)
    features, predicted = judged.candidates().get(maps.features), None
    if maps.ridge is not None and features is not None:
        predicted = maps.ridge.predict(features.values)
    named = {"components": arranged, "ridge": predicted, "authors": authors}
    configurations = {name: values for name, values in named.items() if values is not None}
    resampled = bootstrap(people, *configurations.values())
    figures: dict[str, Any] = {"photographs": len(people)}
    for place, (name, values) in enumerate(configurations.items()):
        figures[name] = with_intervals(fit(people, values), resampled[:, place], DIMENSIONS)
    best = "components" if predicted is None else "ridge"
    if authors is not None:
        differences = (
            resampled[:, list(configurations).index(best)] - resampled[:, list(configurations).index("authors")]
        )
        difference = {}
        for place, name in enumerate(("mean_r", "disparity")):
            difference[name] = figures[best][name] - figures["authors"][name]
            low, high = interval(differences[:, place], difference[name])
            difference |= {f"{name}_low": low, f"{name}_high": high}
        figures["difference_from_authors"] = difference
    figures["chance"] = chance(people, configurations[best])
    if maps.supplementary is not None and features is not None and judged.space.supplementary is not None:
        values = maps.supplementary.predict(features.values)
        correlations = column_correlations(judged.space.supplementary, values)
        figures["supplementary"] = {
            "mean_r": correlations.mean(),
            "r": dict(zip(SUPPLEMENTARY, correlations.tolist(), strict=True)),
        }
    figures["similarity"] = _similarities(judged, predicted, authors, trained)
    return figures, predicted


def _similarities(
    judged: Judged, predicted: Floats | None, authors: Floats | None, trained: npt.NDArray[np.float32]
) -> dict[str, Any]:
    people = judged.space.coordinates
    found: dict[str, Any] = {
        "last layer": similarity(people, judged.embedding.last, "correlation"),
        "last layer, trained": similarity(people, trained, "correlation"),
    }
    if predicted is not None:
        found["ridge"] = similarity(people, predicted, "euclidean")
    if authors is not None:
        found["authors"] = similarity(people, authors, "euclidean")
    found["ceiling"] = "unknown: the published solution is one for all people, so how far they differ cannot be told"
    return found


def table(split: str, space: HumanSpace, predicted: Floats | None, authors: Floats | None) -> pd.DataFrame:
    """Return one row a photograph and dimension, with what was fitted to people's solution in people's units."""
    people = space.coordinates
    shown = [None if values is None else fit(people, values).aligned for values in (predicted, authors)]
    rows = [
        [split, identity, name, people[row, column], *(None if one is None else one[row, column] for one in shown)]
        for row, identity in enumerate(space.ids)
        for column, name in enumerate(DIMENSIONS)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)

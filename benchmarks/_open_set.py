"""Scores that tell known classes from everything else, and how well they do: AUROC, false positives, intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from _subspace import Subspace
from sklearn.model_selection import StratifiedGroupKFold

from lithoscope.core.random_streams import generator
from lithoscope.evaluation.answers.novelty import Reference, decidedness, familiarity
from lithoscope.models.temperature import fit_temperature, tempered
from lithoscope.training.discriminant_head import standardised_discriminant

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]

HEAD_SHRINKAGE, INNER, RESAMPLES = 0.5, 3, 1000
DIRECTIONS, SHRINKAGE = 128, 0.1
"""Of the subspace, chosen by _choice.py."""
PLAIN, NEIGHBOURS, RELATIVE = "confidence", "nearest neighbours", "relative Mahalanobis"
CHOSEN = f"{RELATIVE}, {DIRECTIONS} directions"
PAIRS = (
    *(("GEN", NEIGHBOURS), ("GEN", RELATIVE), ("GEN", CHOSEN), ("GEN", NEIGHBOURS, CHOSEN)),
    *(("fDBD", RELATIVE), ("fDBD", CHOSEN)),
)
HELD_AGAINST, PAIR = f"GEN and {NEIGHBOURS}", f"GEN and {RELATIVE}"


def open_set_scores(features: Floats, labels: Labels, groups: Labels, queries: Floats) -> dict[str, Floats]:
    """Fit a discriminant head to photographs of the known classes, and score others; higher is more surely known.

    The temperature, and what ``familiarity`` is held against, come from folds within the photographs that are learnt.

    Args:
        features: Of the photographs that are learnt, (n, d).
        labels: 0 … classes-1, (n,).
        groups: Of duplicates, (n,).
        queries: Features of those to be scored, (m, d).
    """
    classes = int(labels.max()) + 1
    fit = partial(standardised_discriminant, classes=classes, shrinkage=HEAD_SHRINKAGE)
    kept: dict[str, Floats] = {name: np.empty(len(labels)) for name in ("fDBD", NEIGHBOURS, RELATIVE, CHOSEN)}
    held_logits = np.empty((len(labels), classes))
    folds = StratifiedGroupKFold(INNER, shuffle=True, random_state=0)  # type: ignore[no-untyped-call]
    for learnt, held in folds.split(labels, labels, groups):  # type: ignore[no-untyped-call]
        weights, biases = fit(features[learnt].astype(np.float64), labels[learnt])
        held_logits[held] = features[held] @ weights.T + biases
        kept["fDBD"][held] = _fdbd(weights, held_logits[held], features[held] - features[learnt].mean(axis=0))
        kept[NEIGHBOURS][held] = Reference.of(features[learnt]).similarity(features[held])
        kept[CHOSEN][held] = _typicality(features[learnt], labels[learnt], features[held])[DIRECTIONS]
        kept[RELATIVE][held] = -mahalanobis(features[learnt], labels[learnt], features[held])[1]
    temperature = fit_temperature(held_logits, labels).value
    weights, biases = fit(features.astype(np.float64), labels)
    logits = queries @ weights.T + biases
    said = tempered(logits, temperature)
    kept["GEN"] = decidedness(tempered(held_logits, temperature))
    distance, relative = mahalanobis(features, labels, queries)
    found = {
        **{PLAIN: said.max(axis=1), "largest logit": logits.max(axis=1), "GEN": decidedness(said)},
        **{
            "fDBD": _fdbd(weights, logits, queries - features.mean(axis=0)),
            NEIGHBOURS: Reference.of(features).similarity(queries),
        },
        **{"Mahalanobis": -distance, RELATIVE: -relative},
    }
    typicality = _typicality(features, labels, queries)
    found |= {f"{RELATIVE}, {width} directions": one for width, one in typicality.items()}
    for names in PAIRS:
        limits = [np.sort(kept[name]) for name in names]
        found[joined(names)] = familiarity([found[name] for name in names], limits)
    return {name: np.asarray(one, dtype=np.float64) for name, one in found.items()}


def joined(names: Sequence[str]) -> str:
    """Return what scores are called whose lowest share counts."""
    return " and ".join([", ".join(names[:-1]), names[-1]])


def _typicality(features: Floats, labels: Labels, queries: Floats) -> dict[int, Floats]:
    return dict(Subspace.of(features, labels, DIRECTIONS).narrowed(queries, (DIRECTIONS // 2, DIRECTIONS), SHRINKAGE))


def _fdbd(weights: Floats, logits: Floats, centred: Floats) -> Floats:
    """Mean distance to the decision boundaries over that to the features' mean (Liu & Qin 2024, ICML)."""
    best = logits.argmax(axis=1)
    apart = np.linalg.norm(weights[:, None] - weights[None], axis=2) + np.eye(len(weights))
    distances = (logits.max(axis=1, keepdims=True) - logits) / apart[best]
    return np.asarray(distances.sum(axis=1) / (len(weights) - 1) / np.linalg.norm(centred, axis=1))


def mahalanobis(features: Floats, labels: Labels, queries: Floats) -> tuple[Floats, Floats]:
    """Return the distance to the nearest class (Lee et al. 2018), and less that to all photographs (Ren et al. 2021).

    Of standardised features, covariances shrunk as the head's. Photographs are fewer than features, so that all is
    done in their span.
    """
    known = Reference.of(features)
    learnt, seen = (features - known.mean) / known.scale, (queries - known.mean) / known.scale
    middles = np.stack([learnt[labels == one].mean(axis=0) for one in range(int(labels.max()) + 1)])
    nearest = _distances(learnt - middles[labels], seen, middles).min(axis=1)
    return nearest, nearest - _distances(learnt, seen, np.zeros((1, learnt.shape[1]), learnt.dtype))[:, 0]


def _distances(residuals: Floats, seen: Floats, middles: Floats) -> Floats:
    n, width = residuals.shape
    ridge = HEAD_SHRINKAGE * float((residuals**2).sum()) / n / width
    values, vectors = np.linalg.eigh((residuals @ residuals.T).astype(np.float64) / n)
    kept = values > 1e-9 * values.max()
    values = values[kept]
    directions = residuals.T @ (vectors[:, kept] / np.sqrt(n * values)).astype(residuals.dtype)
    less = 1 - ridge / ((1 - HEAD_SHRINKAGE) * values + ridge)
    within = (seen @ directions)[:, None] - (middles @ directions)[None]
    whole = (seen**2).sum(axis=1)[:, None] + (middles**2).sum(axis=1)[None] - 2 * seen @ middles.T
    return np.asarray((whole - (within**2 * less).sum(axis=2)) / ridge)


@dataclass(frozen=True)
class Round:
    """The scores of one round; photographs are numbered over all rounds, so that a resample draws them in all.

    Attributes:
        known: Scores of photographs of known classes by the score's name, (n,) each.
        others: Scores of what is none of them, (m,) each.
        known_ids: Numbers of the photographs, int64 (n,).
        other_ids: The same, (m,).
    """

    known: Mapping[str, Floats]
    others: Mapping[str, Floats]
    known_ids: Labels
    other_ids: Labels


def figures(rounds: list[Round], *keys: str, against: Mapping[str, str] | None = None) -> dict[str, dict[str, float]]:
    """Return AUROC and false positives at 95 % of each score, means over rounds, with bootstrap intervals.

    Each resample draws photographs, known ones and others, with replacement. ``gain`` is the AUROC less that of the
    plain confidence in the same resamples: a paired comparison.

    Args:
        rounds: Of the same scores.
        keys: What the resamples are drawn for.
        against: What a score is compared with besides, by its name; :data:`HELD_AGAINST` for those that it lacks.

    Returns:
        By the score's name: ``auroc``, ``fpr``, ``gain`` and ``more`` (as ``gain``, but less that of ``against``),
        each also with ``_low`` and ``_high``.
    """
    besides = against or {}
    drawn = generator(0, "none of these", *keys)
    sizes = [
        1 + max(int(ids.max()) for ids in column)
        for column in ([one.known_ids for one in rounds], [one.other_ids for one in rounds])
    ]
    times = [drawn.multinomial(n, np.full(n, 1 / n), size=RESAMPLES).astype(np.float64) for n in sizes]
    times = [
        np.concatenate([np.ones((1, n)), some]) for n, some in zip(sizes, times, strict=True)
    ]  # first: all of them
    names = list(rounds[0].known)
    found = {name: np.mean([_measured(one, name, *times) for one in rounds], axis=0) for name in names}
    table = {}
    for name in names:
        columns = {
            "auroc": found[name][0],
            "fpr": found[name][1],
            "gain": found[name][0] - found[PLAIN][0],
            "more": found[name][0] - found[besides.get(name, HELD_AGAINST)][0],
        }
        table[name] = {
            key: value
            for column, values in columns.items()
            for key, value in zip(
                (column, f"{column}_low", f"{column}_high"),
                (float(values[0]), *map(float, np.nanquantile(values[1:], [0.025, 0.975]))),
                strict=True,
            )
        }
    return table


def _measured(one: Round, name: str, known_times: Floats, other_times: Floats) -> Floats:
    """Return AUROC and false-positive rate of each resample, float64 (2, resamples)."""
    order = np.argsort(one.known[name], kind="stable")
    known, others = one.known[name][order], one.others[name]
    weights, other = known_times[:, one.known_ids[order]], other_times[:, one.other_ids]
    total, other_total = weights.sum(axis=1), np.maximum(other.sum(axis=1), 1e-9)
    below = (known[:, None] > others[None]) + 0.5 * (known[:, None] == others[None])
    auroc = ((weights @ below) * other).sum(axis=1) / total / other_total
    limit = known[(np.cumsum(weights, axis=1) <= 0.05 * total[:, None]).sum(axis=1).clip(max=len(known) - 1)]
    fpr = ((others[None] >= limit[:, None]) * other).sum(axis=1) / other_total
    empty = other.sum(axis=1) == 0
    return np.array([np.where(empty, np.nan, auroc), np.where(empty, np.nan, fpr)])

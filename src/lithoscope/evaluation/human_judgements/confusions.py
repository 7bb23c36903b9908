"""Human and model confusion matrices: the same new photographs named in ten ways."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lithoscope.core.random_streams import generator
from lithoscope.evaluation.human_judgements.human_data import HumanSpace
from lithoscope.evaluation.human_judgements.trials import CONDITIONS, WAYS, Namings, categories_of
from lithoscope.evaluation.statistics.proportions import wilson

Floats = npt.NDArray[np.float64]
RESAMPLES = 2000
SPLITS = 200


@dataclass(frozen=True)
class ModelNamings:
    """What the model says of the photographs of one condition.

    Attributes:
        category: Of the condition's ten, int64 (photographs,).
        token: Number of each photograph, int64 (photographs,).
        probabilities: Of the ten, adding up to 1, float64 (photographs, 10).
    """

    category: npt.NDArray[np.int64]
    token: npt.NDArray[np.int64]
    probabilities: Floats

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Whether the most probable of the ten is the right one, (photographs,)."""
        found: npt.NDArray[np.bool_] = self.probabilities.argmax(axis=1) == self.category
        return found


def naming_figures(
    namings: Namings, test: HumanSpace, probabilities: dict[str, Floats], classes: list[str], coarse: dict[str, str]
) -> dict[str, Any]:
    """Compare the model's and the people's naming of the same photographs, in each condition.

    Args:
        namings: The people's trials with new photographs.
        test: The photographs.
        probabilities: The model's, float (classes,) by the photographs' ids.
        classes: Their labels.
        coarse: Kind of each class.

    Returns:
        For each condition the figures of :func:`condition_figures`; or ``note``, why there are none.
    """
    figures: dict[str, Any] = {}
    for condition, name in CONDITIONS.items():
        trials, categories = namings.of(condition), categories_of(condition, coarse)
        if len(categories) != WAYS or not set(categories) <= set(classes):
            figures[name] = {"note": f"left out: the set does not have this condition's {WAYS} categories"}
            continue
        model = model_namings(trials, test, probabilities, [classes.index(label) for label in categories], categories)
        wanted = {(int(c), int(t)) for c, t in zip(trials.category, trials.token, strict=True)}
        if len(model.category) < len(wanted) or not wanted:
            figures[name] = {
                "note": f"left out: {len(model.category)} of the {len(wanted)} photographs that people named are there"
            }
            continue
        figures[name] = {"categories": ", ".join(categories), **condition_figures(trials, model)}
    return figures


def model_namings(
    trials: Namings, test: HumanSpace, probabilities: dict[str, Floats], columns: list[int], categories: list[str]
) -> ModelNamings:
    """Restrict the model's probabilities to a condition's categories and to the photographs its people named."""
    shown = set(zip(trials.category.tolist(), trials.token.tolist(), strict=True))
    rows = [
        (categories.index(label), int(token), probabilities[identity][columns])
        for identity, label, token in zip(test.ids, test.labels, test.tokens, strict=True)
        if identity in probabilities and label in categories and (categories.index(label), int(token)) in shown
    ]
    values = np.array([row[2] for row in rows], dtype=np.float64).reshape(-1, len(columns))
    totals = np.maximum(values.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    return ModelNamings(
        np.array([row[0] for row in rows], dtype=np.int64),
        np.array([row[1] for row in rows], dtype=np.int64),
        values / totals,
    )


def condition_figures(trials: Namings, model: ModelNamings) -> dict[str, Any]:
    """Return how well people and the model name the photographs, and how far their mistakes agree.

    Returns:
        ``people``: how many, how many trials, accuracy and its interval over people. ``model``: how many photographs,
        accuracy, its Wilson interval, and the share of people that it outdoes (ties count half). ``agreement``:
        Pearson's correlation of the two confusion matrices' cells, ``all`` of them (mostly the diagonal) and those
        ``off_diagonal``, i.e. of mistakes, with ``off_diagonal_p`` (how often renaming the model's categories at
        random does as well) and ``off_diagonal_ceiling`` (what people's own noise leaves to the best model); and of
        each photograph's share of right answers, ``photographs``.
    """
    right = trials.category == trials.named
    names, places = np.unique(trials.person, return_inverse=True)
    each = np.bincount(places, weights=right) / np.bincount(places)
    drawn = generator(0, "people", "naming", *map(int, names[:1]))
    means = each[drawn.integers(0, len(each), (RESAMPLES, len(each)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    n, hits = len(model.category), int(model.right.sum())
    model_low, model_high = wilson(hits, n)
    share = hits / n
    return {
        "chance": 1 / WAYS,
        "people": {
            "people": len(names),
            "trials": len(trials),
            "accuracy": float(right.mean()),
            "low": float(low),
            "high": float(high),
        },
        "model": {
            "photographs": n,
            "accuracy": share,
            "low": model_low,
            "high": model_high,
            "outdoes": float((each < share - 1e-9).mean() + (np.abs(each - share) <= 1e-9).mean() / 2),
        },
        "agreement": agreement(trials, model),
    }


def agreement(trials: Namings, model: ModelNamings) -> dict[str, float]:
    """Return how far two confusion matrices and two series of accuracies agree; see :func:`condition_figures`."""
    people = people_confusion(trials)
    own = np.array([model.probabilities[model.category == row].mean(axis=0) for row in range(WAYS)])
    off = ~np.eye(WAYS, dtype=bool)
    found = _pearson(own[off], people[off])
    drawn = generator(0, "people", "confusions")
    orders = [drawn.permutation(WAYS) for _ in range(RESAMPLES)]
    as_good = sum(_pearson(own[np.ix_(order, order)][off], people[off]) >= found - 1e-12 for order in orders)
    shares = [
        (trials.named[(trials.category == category) & (trials.token == token)] == category).mean()
        for category, token in zip(model.category, model.token, strict=True)
    ]
    probability = model.probabilities[np.arange(len(model.category)), model.category]
    return {
        "all": _pearson(own.ravel(), people.ravel()),
        "off_diagonal": found,
        "off_diagonal_p": (1 + as_good) / (1 + len(orders)),
        "off_diagonal_ceiling": noise_ceiling(trials),
        "photographs": _pearson(probability, np.array(shares)),
    }


def people_confusion(trials: Namings) -> Floats:
    """Return how often each category (row) was named each (column), as shares of the row, float64 (10, 10)."""
    counts = np.zeros((WAYS, WAYS))
    np.add.at(counts, (trials.category, trials.named), 1)
    shares: Floats = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares


def noise_ceiling(trials: Namings) -> float:
    """Return the correlation with people's mistakes that a model without any error of its own would have.

    The confusions of one random half of the people are correlated with the other half's; by the Spearman-Brown
    formula (Spearman 1910, Brown 1910) that gives the reliability of all people's, whose root bounds any correlation
    with them. Mean over random halves; 0 where halves do not agree at all.
    """
    names = np.unique(trials.person)
    off, halves = ~np.eye(WAYS, dtype=bool), []
    drawn = generator(0, "people", "halves")
    for _ in range(SPLITS):
        first = np.isin(trials.person, drawn.permutation(names)[: len(names) // 2])
        one, other = (people_confusion(_select(trials, rows))[off] for rows in (first, ~first))
        halves.append(_pearson(one, other))
    half = max(float(np.mean(halves)), 0.0)
    return float(np.sqrt(2 * half / (1 + half)))


def _select(trials: Namings, rows: npt.NDArray[np.bool_]) -> Namings:
    return Namings(*(values[rows] for values in vars(trials).values()))


def _pearson(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]) -> float:
    if np.ptp(first) < 1e-12 or np.ptp(second) < 1e-12:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])

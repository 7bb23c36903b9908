"""Representational similarity: rank correlations of distances."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from lithoscope.evaluation.human_judgements.rsa import similarity


@pytest.fixture
def people() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(40, 3))


def test_the_same_arrangement_turned_and_scaled_is_alike_in_full(people: np.ndarray) -> None:
    turned = 5 * people[:, [2, 0, 1]] * [1, -1, 1] + 9
    assert similarity(people, turned, "euclidean")["spearman"] == pytest.approx(1)


def test_it_is_spearmans_correlation_of_the_pairs(people: np.ndarray) -> None:
    model = np.random.default_rng(1).normal(size=(40, 12)) + people @ np.ones((3, 12))
    upper = np.triu_indices(40, 1)
    distances = 1 - np.asarray(np.corrcoef(model))[upper], cdist(people, people)[upper]
    one, other = (np.argsort(np.argsort(values)) for values in distances)
    found = similarity(people, model, "correlation")
    assert found["spearman"] == pytest.approx(np.corrcoef(one, other)[0, 1], abs=1e-9)
    assert found["low"] < found["spearman"] < found["high"]


def test_unrelated_arrangements_are_not_alike_and_the_interval_says_so(people: np.ndarray) -> None:
    found = similarity(people, np.random.default_rng(2).normal(size=(40, 12)), "euclidean")
    assert found["low"] < 0 < found["high"]


def test_an_arrangement_in_one_place_is_like_nothing(people: np.ndarray) -> None:
    assert similarity(people, np.ones((40, 3)), "euclidean", interval=False) == {"spearman": 0.0}

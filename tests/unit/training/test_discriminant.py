from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from lithoscope.training.discriminant_head import SPREAD, shrinkage_discriminant, standardised_discriminant
from lithoscope.training.discriminant_sums import DiscriminantSums

Fit = Callable[..., tuple[Any, Any]]
RNG = np.random.default_rng(0)
LABELS = np.repeat(np.arange(4), 6)
FEATURES = RNG.normal(0, 1, (4, 40))[LABELS] + RNG.normal(0, 2, (24, 40))


@pytest.mark.parametrize("shrinkage", [0.1, 0.6, 1.0])
@pytest.mark.parametrize("columns", [5, 40], ids=["fewer features than pictures", "more features than pictures"])
def test_it_decides_as_scikit_learns_discriminant_with_the_same_shrinkage_and_equal_priors(
    columns: int, shrinkage: float
) -> None:
    features = FEATURES[:, :columns]
    weights, biases = shrinkage_discriminant(features, LABELS, 4, shrinkage)
    # scikit-learn shrinks each class's covariance by itself and averages them, which is the same for equal classes
    # up to how the trace is averaged: equal as well.
    reference = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage, priors=[0.25] * 4)  # type: ignore[no-untyped-call]
    fitted = reference.fit(features, LABELS)
    new = RNG.normal(0, 2, (200, columns))
    logits, scores = new @ weights.T + biases, fitted.decision_function(new)
    # What all classes share does not count, nor does the scale, which is ours.
    logits, scores = (values - values.mean(axis=1, keepdims=True) for values in (logits, scores))
    np.testing.assert_allclose(logits / logits.std(), scores / scores.std(), atol=1e-9)
    assert (logits.argmax(axis=1) == fitted.predict(new)).all()


@pytest.mark.parametrize("shrinkage", [0.3, 1.0])
def test_more_features_than_pictures_take_the_smaller_system_to_the_same_answer(shrinkage: float) -> None:
    assert FEATURES.shape == (24, 40)
    weights, biases = shrinkage_discriminant(FEATURES, LABELS, 4, shrinkage)
    # The same pictures over again: the larger system, the same estimates.
    twice, twice_biases = shrinkage_discriminant(np.tile(FEATURES, (2, 1)), np.tile(LABELS, 2), 4, shrinkage)
    np.testing.assert_allclose(weights, twice, rtol=1e-9)
    np.testing.assert_allclose(biases, twice_biases, rtol=1e-9)


def test_the_logits_have_the_spread_that_training_starts_well_from() -> None:
    weights, biases = shrinkage_discriminant(FEATURES, LABELS, 4, 0.3)
    assert (FEATURES @ weights.T + biases).std() == pytest.approx(SPREAD)


def test_full_shrinkage_is_the_nearest_class_mean() -> None:
    weights, biases = shrinkage_discriminant(FEATURES, LABELS, 4, 1.0)
    means = np.stack([FEATURES[label == LABELS].mean(axis=0) for label in range(4)])
    new = RNG.normal(0, 2, (100, 40))
    nearest = ((new[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    assert ((new @ weights.T + biases).argmax(axis=1) == nearest).all()


def test_large_classes_do_not_win_by_their_size() -> None:
    labels = np.array([0] * 50 + [1] * 5)
    features = np.where(labels[:, None] == 0, -1.0, 1.0) + np.random.default_rng(1).normal(0, 0.1, (55, 3))
    weights, biases = shrinkage_discriminant(features, labels, 2, 0.5)
    middle = (features[labels == 0].mean(axis=0) + features[labels == 1].mean(axis=0)) / 2
    logits = middle @ weights.T + biases
    assert logits[0] == pytest.approx(logits[1], abs=1e-6)


def test_a_class_without_a_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="every class"):
        shrinkage_discriminant(FEATURES, LABELS, 5, 0.5)


@pytest.mark.parametrize("fit", [shrinkage_discriminant, standardised_discriminant])
def test_a_picture_of_weight_3_counts_as_one_that_stands_there_three_times(fit: Fit) -> None:
    counted = np.where(np.arange(24) % 6 == 0, 3.0, 1.0)
    repeated = np.repeat(np.arange(24), counted.astype(int))
    weights, biases = fit(FEATURES, LABELS, 4, 0.3, counted)
    thrice, thrice_biases = fit(FEATURES[repeated], LABELS[repeated], 4, 0.3)
    np.testing.assert_allclose(weights, thrice, rtol=1e-9)
    np.testing.assert_allclose(biases, thrice_biases, rtol=1e-9)
    assert not np.allclose(weights, fit(FEATURES, LABELS, 4, 0.3)[0], rtol=1e-3)


@pytest.mark.parametrize("shrinkage", [0.1, 0.85, 1.0])
@pytest.mark.parametrize("counted", [None, np.random.default_rng(3).uniform(0.5, 3, 3000)], ids=["alike", "weights"])
def test_sums_over_pictures_give_what_the_pictures_give(shrinkage: float, counted: Any) -> None:
    labels = RNG.integers(0, 4, 3000)
    features = RNG.normal(0, 1, (4, 40))[labels] + RNG.normal(0, 2, (3000, 40)) * RNG.uniform(0.1, 3, 40) + 100
    features[:, 3] = 7.0  # tells nothing
    weights, biases = standardised_discriminant(features, labels, 4, shrinkage, counted)
    sums = DiscriminantSums(40, 4)
    for rows in np.array_split(np.arange(3000), 50):
        sums.add(features[rows], labels[rows], None if counted is None else counted[rows])
    summed, summed_biases = sums.fit(shrinkage, SPREAD)
    np.testing.assert_allclose(summed, weights, atol=1e-9 * np.abs(weights).max())
    np.testing.assert_allclose(features @ summed.T + summed_biases, features @ weights.T + biases, atol=1e-9)


def test_sums_that_lack_a_class_are_refused() -> None:
    sums = DiscriminantSums(40, 5)
    sums.add(FEATURES, LABELS)
    with pytest.raises(ValueError, match="every class"):
        sums.fit(0.5, SPREAD)

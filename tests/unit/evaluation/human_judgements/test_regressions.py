"""Maps from features to people's dimensions see training photographs only, and know duplicates."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from lithoscope.core.errors import LithoscopeError
from lithoscope.evaluation.human_judgements.regressions import (
    PENALTIES,
    FeatureBlocks,
    cross_validated,
    fit_ridge,
    principal_components,
)

pytestmark = pytest.mark.slow

N = 60


@pytest.fixture
def features() -> FeatureBlocks:
    rng = np.random.default_rng(0)
    return FeatureBlocks(rng.normal(size=(N, 90)) * rng.uniform(1, 50, 90) + 10, (10, 80))


def groups(n: int = N) -> list[str]:
    return [str(row) for row in range(n)]


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def test_a_linear_law_is_found_and_holds_for_photographs_not_seen(features: FeatureBlocks) -> None:
    law = np.zeros((90, 2))
    law[:5] = np.random.default_rng(1).normal(size=(5, 2))
    targets = (features.values / features.values.std(axis=0)) @ law
    assert correlation(cross_validated(features, targets, groups()), targets) > 0.7
    ridge = fit_ridge(features, targets, groups())
    assert ridge.penalty == min(PENALTIES)
    assert correlation(ridge.predict(features.values), targets) > 0.99


def test_noise_is_answered_with_the_highest_penalty_and_no_correlation(features: FeatureBlocks) -> None:
    targets = np.random.default_rng(2).normal(size=(N, 3))
    assert fit_ridge(features, targets, groups()).penalty == max(PENALTIES)
    assert abs(correlation(cross_validated(features, targets, groups()), targets)) < 0.25


def test_it_is_the_ridge_of_standardised_columns_with_blocks_that_count_alike(features: FeatureBlocks) -> None:
    targets = np.random.default_rng(3).normal(size=(N, 2))
    ridge = fit_ridge(features, targets, groups())
    centre, spread = features.values.mean(axis=0), features.values.std(axis=0)
    weights = np.concatenate([np.full(10, (10 * 2) ** -0.5), np.full(80, (80 * 2) ** -0.5)])
    other = np.random.default_rng(4).normal(size=(7, 90)) * 20
    plain = Ridge(alpha=ridge.penalty)  # type: ignore[no-untyped-call]
    plain.fit((features.values - centre) / spread * weights, targets)
    expected = plain.predict((other - centre) / spread * weights)  # type: ignore[no-untyped-call]
    np.testing.assert_allclose(ridge.predict(other), expected, atol=1e-8)


def test_a_small_block_is_not_drowned_by_a_wide_one() -> None:
    rng = np.random.default_rng(5)
    small, wide = rng.normal(size=(N, 3)), rng.normal(size=(N, 600))
    values, targets = np.hstack([small, wide]), small @ rng.normal(size=(3, 2))
    apart = cross_validated(FeatureBlocks(values, (3, 600)), targets, groups())
    together = cross_validated(FeatureBlocks(values, (603,)), targets, groups())
    assert correlation(apart, targets) > correlation(together, targets) + 0.2


def test_duplicates_never_help_each_other_across_folds() -> None:
    """Pairs with the same features and the same random target: only a leak could predict them."""
    rng = np.random.default_rng(6)
    values, targets = np.repeat(rng.normal(size=(N, 40)), 2, axis=0), np.repeat(rng.normal(size=(N, 2)), 2, axis=0)
    pairs = [str(row // 2) for row in range(2 * N)]
    features = FeatureBlocks(values, (40,))
    assert abs(correlation(cross_validated(features, targets, pairs), targets)) < 0.25
    assert correlation(cross_validated(features, targets, groups(2 * N)), targets) > 0.3


def test_components_know_nothing_of_people_and_are_those_of_the_training(features: FeatureBlocks) -> None:
    arranged = principal_components(features.values, 8)(features.values)
    assert arranged.shape == (N, 8)
    spread = arranged.var(axis=0)
    assert (np.diff(spread) < 0).all()
    np.testing.assert_allclose(arranged.mean(axis=0), 0, atol=1e-9)
    moved = principal_components(features.values, 8)(features.values + features.values.std(axis=0))
    assert np.abs(moved.mean(axis=0)).max() > 0.1


def test_folds_need_photographs() -> None:
    with pytest.raises(LithoscopeError, match="at least 3 training photographs that are no duplicates, not 1"):
        fit_ridge(FeatureBlocks(np.zeros((4, 2)), (2,)), np.zeros((4, 2)), ["a"] * 4)

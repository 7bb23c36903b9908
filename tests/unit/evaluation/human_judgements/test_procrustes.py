"""Procrustes: what is undone by the fit, what it gives by chance, and how sure it is."""

import numpy as np
import pytest
from scipy.spatial import procrustes
from scipy.stats import special_ortho_group

from lithoscope.evaluation.human_judgements.procrustes import (
    bootstrap,
    chance,
    column_correlations,
    fit,
    with_intervals,
)


@pytest.fixture
def people() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(60, 4)) * [3, 2, 1, 0.5] + [5, 0, -2, 1]


def test_moving_turning_mirroring_and_scaling_are_undone(people: np.ndarray) -> None:
    turned = 7 * people @ special_ortho_group.rvs(4, random_state=0) * [1, 1, 1, -1] - 3
    found = fit(people, turned)
    assert found.disparity == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(found.correlations, 1)
    np.testing.assert_allclose(found.aligned, people, atol=1e-9)


def test_a_disparity_worked_out_by_hand() -> None:
    """Two lines of which one bends: with traces of 1, the disparity is 1 − (the sum of singular values)²."""
    straight = np.array([[-1.0, 0], [0, 0], [1, 0]])
    bent = np.array([[0.0, 1], [0, 0], [1, 0]])
    a, b = (x - x.mean(axis=0) for x in (straight, bent))
    products = (a / np.linalg.norm(a)).T @ (b / np.linalg.norm(b))
    expected = 1 - np.sqrt((products**2).sum()) ** 2  # of rank 1: its one singular value is its norm
    assert fit(straight, bent).disparity == pytest.approx(expected)
    assert expected == pytest.approx(0.25)


def test_peoples_axes_stay_and_the_other_is_turned_to_them(people: np.ndarray) -> None:
    """Which way round makes no difference to the disparity, but it does to the correlations of named dimensions."""
    noisy = people @ special_ortho_group.rvs(4, random_state=1) + np.random.default_rng(1).normal(size=people.shape)
    found, swapped = fit(people, noisy), fit(noisy, people)
    ours, theirs, disparity = procrustes(people, noisy)
    assert found.disparity == pytest.approx(disparity)
    assert swapped.disparity == pytest.approx(disparity)
    expected = [np.corrcoef(ours[:, k], theirs[:, k])[0, 1] for k in range(4)]
    np.testing.assert_allclose(found.correlations, expected)
    assert np.abs(found.correlations - swapped.correlations).max() > 0.05
    assert found.mean_r == pytest.approx(np.mean(expected))


def test_fewer_dimensions_and_a_single_place_can_be_fitted(people: np.ndarray) -> None:
    assert 0 < fit(people, people[:, :2]).disparity < 0.2
    nothing = fit(people, np.ones_like(people))
    assert nothing.disparity == 1
    assert nothing.mean_r == 0
    np.testing.assert_allclose(nothing.aligned, np.broadcast_to(people.mean(axis=0), people.shape))


def test_correlations_after_the_fit_are_positive_by_construction(people: np.ndarray) -> None:
    by_chance = chance(people, people)
    for kind in ("permuted", "random"):
        assert 0.1 < by_chance[kind]["mean_r"] < by_chance[kind]["mean_r_95"] < 0.5
        assert 0.5 < by_chance[kind]["disparity_95"] < by_chance[kind]["disparity"] < 1
    unrelated = fit(people, np.random.default_rng(5).normal(size=people.shape))
    assert unrelated.mean_r > 0.1
    assert chance(people, people) == by_chance


def test_the_interval_holds_the_figure_and_narrows_with_more_photographs() -> None:
    rng = np.random.default_rng(2)
    widths = []
    for count in (40, 400):
        one = rng.normal(size=(count, 3))
        other = one + rng.normal(size=one.shape)
        values = with_intervals(fit(one, other), bootstrap(one, other)[:, 0], ("a", "b", "c"))
        assert values["mean_r_low"] < values["mean_r"] < values["mean_r_high"]
        assert values["disparity_low"] < values["disparity"] < values["disparity_high"]
        assert set(values["r"]) == {"a", "b", "c"}
        widths.append(values["mean_r_high"] - values["mean_r_low"])
    assert widths[1] < widths[0] / 2


def test_that_a_resample_is_fitted_better_does_not_move_the_interval() -> None:
    """Of an arrangement that knows nothing, nearly all resamples look better than the whole."""
    rng = np.random.default_rng(4)
    one, other = rng.normal(size=(2, 30, 6))
    resampled, whole = bootstrap(one, other)[:, 0], fit(one, other)
    assert (resampled[:, 0] > whole.mean_r).mean() > 0.9
    values = with_intervals(whole, resampled, tuple("abcdef"))
    for name in ("mean_r", "disparity"):
        below, above = values[name] - values[f"{name}_low"], values[f"{name}_high"] - values[name]
        assert below == pytest.approx(above, rel=0.4)


def test_resamples_are_shared_so_that_differences_of_like_arrangements_are_sure(people: np.ndarray) -> None:
    other = people + np.random.default_rng(3).normal(size=people.shape)
    both = bootstrap(people, other, 5 * other + 1)
    np.testing.assert_allclose(both[:, 0], both[:, 1])
    assert both[:, 0, 0].std() > 0.005


def test_a_column_that_does_not_vary_correlates_with_nothing(people: np.ndarray) -> None:
    flat = people.copy()
    flat[:, 1] = 3
    found = column_correlations(people, flat)
    np.testing.assert_allclose(found, [1, 0, 1, 1])

import numpy as np
import pytest

from lithoscope.evaluation.statistics.bootstrap import (
    RESAMPLES,
    basic_interval,
    cluster_draws,
    clustered_proportion,
    percentile_interval,
    resampled_sums,
)
from lithoscope.evaluation.statistics.proportions import wilson

pytestmark = pytest.mark.slow


def test_every_resample_draws_as_many_clusters_as_there_are() -> None:
    times = np.concatenate(list(cluster_draws(7, np.random.default_rng(0))))
    assert times.shape == (RESAMPLES, 7)
    assert (times.sum(axis=1) == 7).all()
    # Drawn with replacement: a cluster is missing in (6/7)^7 of the resamples.
    assert (times == 0).mean() == pytest.approx((6 / 7) ** 7, abs=0.01)


def test_the_percentile_interval_leaves_a_fortieth_out_at_each_end() -> None:
    assert percentile_interval(np.arange(1001.0)) == pytest.approx((25.0, 975.0))


def test_the_basic_interval_lies_on_the_other_side_of_the_figure() -> None:
    # Resamples lie 1 above the figure, so the figure is taken to lie 1 above the truth.
    assert basic_interval(np.linspace(10, 12, 1001), 10.0) == pytest.approx((8.05, 9.95))


def test_resampled_sums_keep_the_columns_of_a_row_together() -> None:
    values = np.stack([np.arange(50.0), -np.arange(50.0), np.ones(50)], axis=1)
    sums = resampled_sums(values, [str(row) for row in range(50)], np.random.default_rng(0))
    assert sums.shape == (RESAMPLES, 3)
    np.testing.assert_allclose(sums[:, 0], -sums[:, 1])
    assert (sums[:, 2] == 50).all()
    assert sums[:, 0].std() == pytest.approx(np.sqrt(50) * np.arange(50).std(), rel=0.05)


def test_rows_of_a_group_are_drawn_together_and_so_spread_more() -> None:
    values = np.repeat(np.arange(25.0), 2)[:, None]
    alone = resampled_sums(values, [str(row) for row in range(50)], np.random.default_rng(0))
    pairs = resampled_sums(values, [str(row // 2) for row in range(50)], np.random.default_rng(0))
    assert pairs.std() == pytest.approx(np.sqrt(2) * alone.std(), rel=0.05)


def test_single_cases_have_wilsons_interval_and_copies_do_not_narrow_it() -> None:
    hits = np.arange(40) % 4 > 0
    ids = [f"{row}" for row in range(40)]
    once = clustered_proportion(hits, ids, np.random.default_rng(0))
    assert once == wilson(30, 40)
    copied = clustered_proportion(hits.repeat(5), [each for each in ids for _ in range(5)], np.random.default_rng(0))
    assert copied == pytest.approx(once, abs=0.01)
    assert clustered_proportion(np.ones(40, bool), ids[:8] * 5, np.random.default_rng(0)) == wilson(8, 8)


def test_independent_cases_in_clusters_keep_nearly_all_their_weight() -> None:
    drawn = np.random.default_rng(1)
    hits, groups = drawn.random(400) < 0.7, [str(row // 4) for row in range(400)]
    low, high = clustered_proportion(hits, groups, drawn)
    whole = wilson(int(hits.sum()), 400)
    assert high - low >= whole[1] - whole[0] - 1e-12
    assert high - low < 1.25 * (whole[1] - whole[0])


def test_the_interval_of_a_clustered_proportion_covers_the_truth() -> None:
    drawn, covered, naive = np.random.default_rng(2), 0, 0
    for _ in range(200):
        chances = drawn.beta(1.4, 0.6, 30)  # mean 0.7: specimens differ in how hard they are
        hits = drawn.random((30, 6)) < chances[:, None]
        groups = [str(row) for row in range(30) for _ in range(6)]
        low, high = clustered_proportion(hits.ravel(), groups, drawn)
        covered += low <= 0.7 <= high
        low, high = wilson(int(hits.sum()), 180)
        naive += low <= 0.7 <= high
    assert covered >= 184
    assert naive < 160, "as if photographs of a specimen were independent"

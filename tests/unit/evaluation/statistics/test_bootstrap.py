import numpy as np
import pytest

from lithoscope.evaluation.statistics.bootstrap import (
    RESAMPLES,
    basic_interval,
    cluster_draws,
    percentile_interval,
    resampled_sums,
)


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

import numpy as np
import pytest
import torch
from sklearn.metrics import brier_score_loss

import lithoscope.core.torchvision_compat  # noqa: F401  (before torchmetrics, which imports torchvision)
from lithoscope.evaluation.calibration import (
    BINS,
    bin_numbers,
    brier_score,
    calibration_error,
    error_if_calibrated,
    reliability_table,
)
from lithoscope.evaluation.statistics.proportions import wilson

# Confidences .62, .64 and .9; the first and the last are classified correctly.
THREE = np.array([[0.62, 0.38], [0.64, 0.36], [0.1, 0.9]])
LABELS = np.array([0, 1, 1])


def test_bins_are_of_equal_width_and_hold_their_upper_end() -> None:
    assert bin_numbers(np.array([1 / 15, 1 / 15 + 1e-9, 0.5, 1.0, 1e-12])).tolist() == [0, 1, 7, 14, 0]


def test_the_calibration_error_is_that_of_a_calculation_by_hand() -> None:
    # .62 and .64 lie in one bin, (9/15, 10/15]: mean confidence .63, accuracy 1/2; .9 is alone: |1 - .9|.
    assert calibration_error(THREE, LABELS) == pytest.approx(2 / 3 * 0.13 + 1 / 3 * 0.1)


def test_errors_in_opposite_directions_cancel_within_a_bin_only() -> None:
    assert calibration_error(np.array([[0.65, 0.35]] * 20), np.array([0] * 13 + [1] * 7)) == pytest.approx(0)
    assert calibration_error(np.array([[0.65, 0.35]] * 20), np.zeros(20, np.int64)) == pytest.approx(0.35)


def test_the_brier_score_is_the_sum_over_classes() -> None:
    by_hand = (0.38**2 + 0.38**2 + 0.64**2 + 0.64**2 + 0.1**2 + 0.1**2) / 3
    assert brier_score(THREE, LABELS) == pytest.approx(by_hand)
    assert brier_score(THREE, LABELS) == pytest.approx(2 * brier_score_loss(LABELS, THREE[:, 1]))
    assert brier_score(np.array([[1.0, 0.0]]), np.array([1])) == 2.0
    assert THREE[0, 0] == 0.62  # the caller's array is left alone


def test_a_calibrated_model_shows_an_error_that_shrinks_with_more_photographs() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 1600)
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    few = error_if_calibrated(probabilities[:100], np.random.default_rng(1))
    many = error_if_calibrated(probabilities, np.random.default_rng(1))
    assert many[0] == pytest.approx(few[0] / 4, rel=0.15)
    assert few[0] < few[1] < 2 * few[0]
    labels = (rng.random(1600) > confidence).astype(np.int64)
    assert calibration_error(probabilities, labels) < many[1]
    assert calibration_error(probabilities, 1 - labels) > 5 * many[1]


def test_the_reliability_table_has_a_row_a_bin_and_both_temperatures() -> None:
    after = np.array([[0.55, 0.45], [0.55, 0.45], [0.2, 0.8]])
    table = reliability_table(THREE, after, LABELS)
    assert len(table) == BINS
    assert table["confidence"].tolist() == table["perfect"].tolist()
    assert table["confidence"][0] == pytest.approx(1 / 30)
    assert table["n_before"].sum() == table["n_after"].sum() == 3
    both = table[table["n_before"] == 2].iloc[0]
    assert (both["before"], both["mean_confidence_before"]) == (0.5, pytest.approx(0.63))
    assert (both["low_before"], both["high_before"]) == pytest.approx(wilson(1, 2))
    assert table.loc[table["n_after"] > 0, "after"].tolist() == [0.5, 1.0]
    empty = table[table["n_before"] == 0]
    assert len(empty) == BINS - 2
    assert empty[["before", "mean_confidence_before", "low_before", "high_before"]].isna().all(axis=None)


@pytest.mark.parametrize("classes", [2, 7])
def test_the_calibration_error_is_that_of_torchmetrics(classes: int) -> None:
    from torchmetrics.functional.classification import multiclass_calibration_error

    rng = np.random.default_rng(classes)
    probabilities = rng.dirichlet(np.full(classes, 0.4), 900)
    labels = np.array([rng.choice(classes, p=row**0.5 / (row**0.5).sum()) for row in probabilities])
    expected = multiclass_calibration_error(
        torch.from_numpy(probabilities), torch.from_numpy(labels), classes, n_bins=BINS, norm="l1"
    )
    assert calibration_error(probabilities, labels) == pytest.approx(float(expected), abs=1e-6)

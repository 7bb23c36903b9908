import numpy as np
import pytest
from mapie.classification import SplitConformalClassifier
from sklearn.linear_model import LogisticRegression

from lithoscope.evaluation.answers.conformal import (
    fewest,
    lower_quantile,
    needed_probability,
    prediction_sets,
    upper_quantile,
)


def answered(seed: int, n: int) -> tuple[np.ndarray, np.ndarray, LogisticRegression, np.ndarray]:
    drawn = np.random.default_rng(seed)
    labels = drawn.integers(0, 4, n)
    points = drawn.normal(size=(n, 2)) + np.array([[0, 0], [1.5, 0], [0, 1.5], [1.5, 1.5]])[labels]
    model = LogisticRegression()  # type: ignore[no-untyped-call]
    model.fit(points[: n // 3], labels[: n // 3])
    return points, labels, model, model.predict_proba(points)  # type: ignore[no-untyped-call]


def test_sets_are_those_of_mapie() -> None:
    points, labels, model, probabilities = answered(0, 300)
    calibration, test = slice(100, 200), slice(200, 300)
    oracle = SplitConformalClassifier(model, confidence_level=0.9, conformity_score="lac", prefit=True)
    oracle.conformalize(points[calibration], labels[calibration])
    _, sets = oracle.predict_set(points[test])
    needed = needed_probability(probabilities[calibration], labels[calibration], 0.1)
    ours = prediction_sets(probabilities[test], needed)
    empty = ~sets[:, :, 0].any(axis=1)  # mapie leaves them empty, we name the most probable class
    np.testing.assert_array_equal(ours[~empty], sets[~empty, :, 0])
    assert (ours[empty].sum(axis=1) == 1).all()
    assert 1 < ours.sum(axis=1).mean() < 4


def test_sets_hold_the_true_class_as_often_as_was_asked() -> None:
    held = []
    for seed in range(60):
        _, labels, _, probabilities = answered(seed, 240)
        needed = needed_probability(probabilities[80:160], labels[80:160], 0.1)
        held.append(prediction_sets(probabilities[160:], needed)[np.arange(80), labels[160:]].mean())
    assert np.mean(held) == pytest.approx(0.9, abs=0.02)


def test_a_set_always_holds_the_most_probable_class() -> None:
    sets = prediction_sets(np.array([[0.2, 0.5, 0.3], [0.4, 0.3, 0.3]]), needed=0.99)
    np.testing.assert_array_equal(sets, [[False, True, False], [True, False, False]])


@pytest.mark.parametrize(("risk", "count"), [(0.1, 9), (0.05, 19), (0.5, 1)])
def test_a_quantile_needs_so_many_scores(risk: float, count: int) -> None:
    assert fewest(risk) == count
    assert upper_quantile(np.arange(count, dtype=float), risk) == count - 1
    assert lower_quantile(np.arange(count, dtype=float), risk) == 0
    for quantile in (upper_quantile, lower_quantile):
        with pytest.raises(ValueError, match=f"at least {count} are needed"):
            quantile(np.arange(count - 1, dtype=float), risk)


def test_quantiles_of_a_hundred_scores() -> None:
    scores = np.random.default_rng(0).permutation(np.arange(1.0, 101.0))
    assert upper_quantile(scores, 0.1) == 91  # ⌈101 · .9⌉
    assert lower_quantile(scores, 0.05) == 5  # ⌊101 · .05⌋

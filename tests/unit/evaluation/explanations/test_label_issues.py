"""A planted wrong label is found; an honest one is not accused because its class is hard."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lithoscope.core.random_streams import integer_seed
from lithoscope.evaluation.explanations.label_issues import find_label_issues, out_of_fold


def test_the_threshold_is_the_usual_confidence_of_the_class_that_was_named() -> None:
    probabilities = np.array(
        [
            [0.9, 0.1],
            [0.7, 0.3],  # labelled 0: on average .8
            [0.85, 0.15],
            [0.75, 0.25],
            [0.2, 0.8],
            [np.nan, np.nan],  # labelled 1
        ]
    )
    (found,) = find_label_issues(probabilities, np.array([0, 0, 1, 1, 1, 1]))
    assert (found.row, found.named) == (2, 0), ".75 is less than photographs labelled 0 usually get"
    assert (found.confidence, found.usual, found.own) == pytest.approx((0.85, 0.8, 0.15))


def test_the_label_that_is_least_probable_beside_the_other_comes_first() -> None:
    probabilities = np.array([[0.6, 0.4, 0], [0.7, 0.25, 0.05], [0.75, 0.24, 0.01], [0.7, 0.01, 0.29], [0.1, 0.9, 0]])
    assert [one.row for one in find_label_issues(probabilities, np.array([0, 1, 1, 1, 1]))] == [3, 2, 1]


def test_a_class_that_nothing_is_labelled_as_is_never_the_better_label() -> None:
    assert find_label_issues(np.array([[0.1, 0.9], [0.2, 0.8]]), np.array([0, 0])) == []


def clouds(each: int = 20) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], each)
    return rng.normal(0, 1, (3 * each, 12)) + 4 * np.eye(12)[labels], labels.astype(np.int64)


def test_a_planted_wrong_label_is_the_first_suspect() -> None:
    features, labels = clouds()
    assert find_label_issues(out_of_fold(features, labels, [str(n) for n in range(60)], 3), labels) == []
    for row, label in ((3, 2), (24, 0), (45, 1)):
        planted = labels.copy()
        planted[row] = label
        found = find_label_issues(out_of_fold(features, planted, [str(n) for n in range(60)], 3), planted)
        assert [(one.row, one.named) for one in found] == [(row, labels[row])]


def test_near_duplicates_do_not_vouch_for_each_other() -> None:
    """Two copies of one photograph with a wrong label: a model that learnt from one would believe the other."""
    features, labels = clouds()
    features[8] = features[7]
    features[7:9] += 40 * np.eye(12)[11]  # in this feature unlike all others
    labels[7:9] = 2
    groups = [str(n) for n in range(60)]
    apart = out_of_fold(features, labels, groups, 3)
    groups[8] = groups[7]
    together = out_of_fold(features, labels, groups, 3)
    assert (apart[7].argmax(), together[7].argmax()) == (2, 1)


def test_a_class_without_two_groups_cannot_be_checked() -> None:
    features, labels = clouds()
    labels[-1] = 3
    answers = out_of_fold(features, labels, [str(n) for n in range(60)], 5)
    assert np.isnan(answers[-1]).all()
    assert np.isfinite(answers[:-1]).all()
    np.testing.assert_allclose(answers[:-1].sum(axis=1), 1)
    assert np.isnan(out_of_fold(features, np.zeros(60, np.int64), ["a"] * 60, 5)).all()


def test_it_predicts_as_scikit_learns_cross_validation_over_the_same_folds() -> None:
    """scikit-learn's own would call a class that a fold's training photographs lack impossible, and warn of it."""
    features, labels = clouds()
    groups = np.arange(60) // 2
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))  # type: ignore[no-untyped-call]
    seed = integer_seed(0, "label suspects") % 2**32
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed)  # type: ignore[no-untyped-call]
    expected = cross_val_predict(model, features, labels, groups=groups, cv=folds, method="predict_proba")
    np.testing.assert_allclose(out_of_fold(features, labels, [f"{n:02}" for n in groups], 3), expected, rtol=1e-9)

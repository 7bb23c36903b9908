import numpy as np
import pytest

from lithoscope.evaluation.metrics import evaluate, prediction_table

CLASSES = ["a", "b", "c", "d"]
PROBABILITIES = np.array(
    [[0.7, 0.1, 0.1, 0.1], [0.4, 0.3, 0.2, 0.1], [0.1, 0.6, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4], [0.1, 0.5, 0.2, 0.2]],
    dtype=np.float32,
)
LABELS = np.array([0, 1, 1, 2, 0])


def test_the_overall_figures_are_those_of_a_calculation_by_hand() -> None:
    overall = evaluate(PROBABILITIES, LABELS, CLASSES).overall
    assert overall["n"] == 5
    assert overall["accuracy"] == pytest.approx(2 / 5)
    assert overall["loss"] == pytest.approx(-np.log([0.7, 0.3, 0.6, 0.3, 0.1]).mean(), abs=1e-6)
    # The last photograph's label has the smallest probability: the only one outside the top three.
    assert overall["top3_accuracy"] == pytest.approx(4 / 5)
    # a: precision 1/2, recall 1/2; b: 1/2, 1/2; c: 0, 0. Class d has no photograph and does not count.
    assert overall["macro"] == {
        "precision": pytest.approx(1 / 3),
        "recall": pytest.approx(1 / 3),
        "f1": pytest.approx(1 / 3),
    }
    assert overall["weighted"]["recall"] == pytest.approx(2 / 5)


def test_each_class_has_its_figures_and_its_number_of_photographs() -> None:
    per_class = evaluate(PROBABILITIES, LABELS, CLASSES).per_class
    assert per_class["a"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "n": 2}
    assert per_class["c"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "n": 1}
    assert per_class["d"]["n"] == 0


def test_a_probability_of_zero_gives_a_large_but_finite_loss() -> None:
    overall = evaluate(np.array([[1.0, 0.0]]), np.array([1]), ["a", "b"]).overall
    assert 80 < overall["loss"] < 100


def test_with_three_classes_or_fewer_the_top_three_hold_everything() -> None:
    assert evaluate(np.array([[0.9, 0.1]]), np.array([1]), ["a", "b"]).overall["top3_accuracy"] == 1.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_probability_that_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        evaluate(np.array([[bad, 0.0]]), np.array([0]), ["a", "b"])


def test_nothing_to_score_is_refused() -> None:
    with pytest.raises(ValueError, match="no photographs"):
        evaluate(np.empty((0, 2)), np.empty(0, np.int64), ["a", "b"])


def test_the_prediction_table_has_a_row_a_photograph() -> None:
    table = prediction_table(["x", "y"], "test", np.array([0, 1]), np.array([[0.2, 0.8], [0.1, 0.9]]), ["a", "b"])
    assert list(table.columns) == ["id", "split", "label", "predicted", "confidence", "p_a", "p_b"]
    assert table.to_dict("records")[0] == {
        "id": "x",
        "split": "test",
        "label": "a",
        "predicted": "b",
        "confidence": 0.8,
        "p_a": 0.2,
        "p_b": 0.8,
    }

import numpy as np
import pytest
from sklearn.metrics import f1_score

from lithoscope.core.errors import LithoscopeError
from lithoscope.evaluation.metrics import evaluate, prediction_table
from lithoscope.gate.predictions import METRICS, read_predictions

from helpers.made_up_predictions import predictions, table


def test_metrics_are_those_of_the_evaluation() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(4), 50)
    labels = rng.integers(0, 3, 50)  # the fourth class has no photograph, and is named all the same
    classes = ["a", "b", "c", "d"]
    text = prediction_table([str(n) for n in range(50)], "test", labels, probabilities, classes).to_csv(index=False)
    expected = evaluate(probabilities, labels, classes).overall
    read = read_predictions(text, "predictions.csv")
    for name, value in [
        ("accuracy", expected["accuracy"]),
        ("loss", expected["loss"]),
        ("macro_f1", expected["macro"]["f1"]),
    ]:
        assert METRICS[name].of(read) == pytest.approx(value, abs=2e-6)
    predicted = probabilities.argmax(axis=1)
    assert METRICS["macro_f1"].of(read) == pytest.approx(f1_score(labels, predicted, labels=[0, 1, 2], average="macro"))


def test_what_was_written_is_read_back() -> None:
    made = predictions(7, 9)
    read = read_predictions(table(made), "predictions.csv")
    assert read.ids == made.ids
    assert (read.labels == made.labels).all()
    assert (read.predicted == made.predicted).all()
    np.testing.assert_allclose(read.p_true, made.p_true, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("00002.jpg", "00001.jpg"), "00001.jpg stands there more than once"),
        (("0.900000", "nan"), "p_class 0 is nan, no probability"),
        (("0.900000", "1.5"), "is 1.5, no probability"),
        (("0.900000", "many"), "could not convert"),
        ((",split,", ",side,"), "without the column split"),
        (("p_class 1", "p_class 7"), "the class class 1 has no column p_class 1"),
        (("p_class ", "class "), "without the column p_<class>"),
    ],
)
def test_a_damaged_table_is_refused_in_a_line(change: tuple[str, str], expected: str) -> None:
    with pytest.raises(LithoscopeError, match=expected) as caught:
        read_predictions(table(predictions(7, 9)).replace(*change), "predictions.csv in main")
    assert str(caught.value).startswith("predictions.csv in main: ")


@pytest.mark.parametrize("text", ["", "id,split,label,predicted,p_a\n"])
def test_an_empty_table_is_refused(text: str) -> None:
    with pytest.raises(LithoscopeError):
        read_predictions(text, "predictions.csv")


def test_photographs_of_one_specimen_are_one_group_where_the_table_names_specimens() -> None:
    names, classes = ["1.jpg", "2.jpg", "3.jpg"], ["a", "b"]
    table = prediction_table(
        names, "test", np.array([0, 0, 1]), np.full((3, 2), 0.5), classes, specimens=["B7", "B7", ""]
    )
    assert table["specimen"].tolist() == ["B7", "B7", ""]
    read = read_predictions(table.to_csv(index=False), "here")
    assert read.groups == ["specimen B7", "specimen B7", "3.jpg"]
    assert "specimen" not in prediction_table(names, "test", np.array([0, 0, 1]), np.full((3, 2), 0.5), classes)

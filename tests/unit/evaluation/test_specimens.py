"""Accuracy per specimen averages the answers of its photographs."""

import numpy as np

from lithoscope.evaluation.specimens import specimen_figures
from lithoscope.evaluation.statistics.proportions import wilson

PROBABILITIES = np.array([[0.9, 0.1], [0.4, 0.6], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3]])
LABELS = np.array([0, 0, 0, 1, 1])


def test_the_mean_answer_is_judged_once() -> None:
    found = specimen_figures(PROBABILITIES, LABELS, ["A", "A", "A", "", ""], ["A", "A", "A", "4", "5"])
    low, high = wilson(2, 3)
    assert found == {
        "n": 3,
        "named": 1,
        "photographs": 3,
        "accuracy": round(2 / 3, 6),
        "low": round(low, 6),
        "high": round(high, 6),
    }


def test_one_name_under_two_labels_is_two_specimens() -> None:
    found = specimen_figures(PROBABILITIES, LABELS, ["A"] * 5, ["A"] * 5)
    assert (found["n"], found["named"], found["accuracy"]) == (2, 2, 1.0)
    assert (found["low"], found["high"]) == tuple(round(end, 6) for end in wilson(1, 1)), "one group is one case"


def test_without_names_there_is_nothing_to_say() -> None:
    assert specimen_figures(PROBABILITIES, LABELS, [""] * 5, list("abcde")) == {}
    assert specimen_figures(PROBABILITIES, LABELS, (), list("abcde")) == {}

import numpy as np

from lithoscope.evaluation.explanations.selection import most_confident, most_confident_by_class

CONFIDENCE = np.array([0.9, 0.5, 0.9, 0.99, 0.7, 0.6])
ALL = np.ones(6, dtype=bool)


def test_the_surest_come_first_and_of_equals_the_first() -> None:
    assert most_confident(CONFIDENCE, ALL, 4) == [3, 0, 2, 4]
    assert most_confident(CONFIDENCE, CONFIDENCE < 0.9, 4) == [4, 5, 1]
    assert most_confident(CONFIDENCE, ~ALL, 4) == []


def test_each_class_has_its_surest_before_any_has_two() -> None:
    labels = np.array([0, 1, 0, 0, 2, 2])
    assert most_confident_by_class(CONFIDENCE, ALL, labels, 3) == [3, 4, 1]
    assert most_confident_by_class(CONFIDENCE, ALL, labels, 4) == [3, 0, 4, 1]
    assert most_confident_by_class(CONFIDENCE, labels == 2, labels, 3) == [4, 5]

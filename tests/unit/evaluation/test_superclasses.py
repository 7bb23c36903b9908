import numpy as np
import pytest

from lithoscope.evaluation.statistics.proportions import wilson
from lithoscope.evaluation.superclasses import coarse_figures

CLASSES = ["basalt", "chert", "granite", "shale", "slate"]
KINDS = {"basalt": "igneous", "granite": "igneous", "chert": "sedimentary", "shale": "sedimentary", "slate": "meta"}


def test_the_figures_are_those_of_a_calculation_by_hand() -> None:
    # right, basalt taken for granite (within), basalt for chert, slate for shale, right
    found = coarse_figures(np.array([0, 2, 1, 3, 4]), np.array([0, 0, 0, 4, 4]), CLASSES, KINDS)
    assert (found["n"], found["errors"], found["accuracy"]) == (5, 3, 0.6)
    assert (found["low"], found["high"]) == pytest.approx(wilson(3, 5), abs=1e-6)
    assert (found["within"]["count"], found["within"]["share"]) == (1, pytest.approx(1 / 3, abs=1e-6))
    # Of basalt's 4 wrong answers 1 is igneous, of slate's none: (1/4 + 1/4 + 0) / 3.
    assert found["within"]["by_chance"] == pytest.approx(1 / 6, abs=1e-6)


def test_without_a_mistake_nothing_is_said_of_where_they_go() -> None:
    found = coarse_figures(np.array([0, 1]), np.array([0, 1]), CLASSES, KINDS)
    assert (found["accuracy"], found["errors"]) == (1.0, 0)
    assert "within" not in found


def test_a_set_without_coarse_classes_has_no_figures() -> None:
    assert coarse_figures(np.array([0]), np.array([0]), CLASSES, {}) == {}


def test_photographs_of_a_class_without_a_coarse_one_are_left_out_and_taking_others_for_it_is_wrong() -> None:
    some = {name: kind for name, kind in KINDS.items() if name != "slate"}
    found = coarse_figures(np.array([4, 4, 0]), np.array([4, 0, 0]), CLASSES, some)
    assert (found["n"], found["accuracy"], found["within"]["count"]) == (2, 0.5, 0)

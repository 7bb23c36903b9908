from dataclasses import replace

import numpy as np

from lithoscope.evaluation.answers.figures import answer_figures, is_right
from lithoscope.evaluation.answers.limits import Limits
from lithoscope.evaluation.answers.rule import decisions

from helpers.answered_photographs import CLASSES, COARSE, fitted


def limits(coarse_needed: float | None = 0.8) -> Limits:
    made = fitted(coarse=COARSE)
    assert made is not None
    return replace(made, familiar=0.05, needed=0.12, coarse_needed=coarse_needed)


ROWS = np.array(
    [
        [0.90, 0.02, 0.02, 0.02, 0.02, 0.02],  # one name
        [0.55, 0.35, 0.02, 0.02, 0.03, 0.03],  # two
        [0.30, 0.30, 0.13, 0.12, 0.13, 0.02],  # five, four of them igneous
        [0.20, 0.15, 0.15, 0.10, 0.20, 0.20],  # five of both kinds
        [0.90, 0.02, 0.02, 0.02, 0.02, 0.02],  # one name, but of something unfamiliar
    ]
)
FAMILIAR = np.array([0.5, 0.5, 0.5, 0.5, 0.05])


def test_each_photograph_gets_one_of_four_answers() -> None:
    found = decisions(ROWS, FAMILIAR, limits())
    assert [one.kind for one in found] == ["name", "set", "coarser", "set", "none"]
    assert found[0].classes == ("Basalt",)
    assert found[1].classes == ("Basalt", "Gabbro")
    np.testing.assert_allclose(found[1].sure, 0.9)
    assert (found[2].coarse, round(found[2].sure, 6)) == ("igneous", 0.85)
    assert len(found[3].classes) == 5


def test_without_a_coarse_class_that_is_sure_enough_the_set_stays_however_long() -> None:
    assert [one.kind for one in decisions(ROWS, FAMILIAR, limits(None))] == ["name", "set", "set", "set", "none"]
    assert decisions(ROWS, FAMILIAR, limits(0.86))[2].kind == "set"


def test_what_counts_as_right() -> None:
    name, several, coarse, _, none = decisions(ROWS, FAMILIAR, limits())
    assert is_right(name, "Basalt", "igneous")
    assert not is_right(name, "Gabbro", "igneous")
    assert is_right(several, "Gabbro", "igneous")
    assert not is_right(several, "Granite", "igneous")
    assert is_right(coarse, "Granite", "igneous")
    assert not is_right(coarse, "Marble", "metamorphic")
    assert not is_right(none, "Basalt", "igneous")


def test_figures_count_each_kind_and_what_of_it_is_right() -> None:
    labels = np.array([0, 2, 2, 0, 0])
    made = limits()
    found = answer_figures(decisions(ROWS, FAMILIAR, made), ROWS, labels, list("abcde"), made, "test")
    assert {kind: one["n"] for kind, one in found["kinds"].items()} == {"name": 1, "set": 2, "coarser": 1, "none": 1}
    assert found["kinds"]["name"]["right"] == 1
    assert found["kinds"]["set"]["right"] == 0.5
    assert found["kinds"]["set"]["mean_size"] == 3.5
    assert found["rejected"]["share"] == 0.2
    assert found["coverage"]["share"] == 0.8
    assert found["coverage"]["low"] < 0.8 < found["coverage"]["high"]
    assert found["right"]["share"] == 0.6
    assert CLASSES[labels[1]] == "Granite"

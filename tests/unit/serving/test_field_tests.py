from pathlib import Path

import numpy as np
import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.serving.field_tests import (
    ERROR,
    Allowed,
    known_properties,
    likelihoods,
    most_informative,
    read_properties,
    reweight,
)

MINERALS = ["biotite", "bornite", "chrysocolla", "malachite", "muscovite", "pyrite", "quartz"]
EVEN = np.full((1, 7), 1 / 7)


def test_hardness_settles_what_looks_alike() -> None:
    table = known_properties(MINERALS)
    found = reweight(EVEN, MINERALS, {"hardness": "6-7"}, table)[0]
    assert found.sum() == pytest.approx(1)
    assert {MINERALS[place] for place in np.argsort(-found)[:2]} == {"pyrite", "quartz"}
    assert found[[5, 6]].sum() > 0.9
    black = reweight(EVEN, MINERALS, {"hardness": "6-7", "streak": "black"}, table)[0]
    assert black[5] > 0.9


def test_outcomes_follow_bayes_rule() -> None:
    table = {"a": Allowed(outcomes={"acid": ("fizzes",)}), "b": Allowed(outcomes={"acid": ("none", "powdered")})}
    found = likelihoods("acid", "fizzes", ["a", "b", "unknown"], table)
    np.testing.assert_allclose(found, [1 - ERROR + ERROR / 3, ERROR / 3, 1 / 3])
    assert likelihoods("acid", "none|powdered", ["b"], table)[0] == pytest.approx(1 - ERROR + 2 * ERROR / 3)
    prior = np.array([[0.2, 0.3, 0.5]])
    after = reweight(prior, ["a", "b", "unknown"], {"acid": "fizzes"}, table)
    np.testing.assert_allclose(after, prior * found / (prior * found).sum())


def test_outcomes_of_a_test_sum_to_one_for_each_class() -> None:
    table = known_properties(MINERALS)
    steps = [f"{low}-{low + 1}" for low in range(1, 10)]
    summed = sum(likelihoods("hardness", step, MINERALS, table) for step in steps)
    np.testing.assert_allclose(summed, 1, atol=0.03)  # what lies outside 1 … 10 is cut off


def test_a_hardness_without_a_range_is_one_of_half_a_step_either_way() -> None:
    table = known_properties(MINERALS)
    np.testing.assert_array_equal(
        likelihoods("hardness", "6", MINERALS, table), likelihoods("hardness", "5.5-6.5", MINERALS, table)
    )


def test_the_test_that_settles_most_comes_next() -> None:
    table = known_properties(MINERALS)
    between = np.zeros((2, 7))
    between[0, [0, 4]] = 0.5  # biotite or muscovite: both white, none magnetic, none fizzes
    between[1, [3, 2]] = 0.5  # malachite fizzes, chrysocolla does not
    (first, bits), (second, more) = most_informative(between, MINERALS, table)
    assert first in ("hardness", "lustre")
    assert 0 < bits < 0.5
    assert second == "acid"
    assert 0.5 < more < 1
    assert most_informative(between, MINERALS, table, done=["acid"])[1][0] != "acid"
    assert most_informative(between, MINERALS, {})[0] == ("", 0.0)


def test_tables_come_along_for_the_sets_we_know_and_for_no_other() -> None:
    assert set(known_properties(MINERALS)) == set(MINERALS)
    assert known_properties([*MINERALS, "kryptonite"]) == {}
    rocks = ["Marble", "Quartzite", "Rock Gypsum"]
    table = known_properties(rocks)
    assert table["Marble"].outcomes["acid"] == ("fizzes", "powdered")
    assert all(one.source for one in table.values())


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "properties.csv"
    path.write_text("class,hardness,acid\nTuff,3-4,\nChalk,,fizzes\n", encoding="utf-8")
    assert read_properties(path) == {
        "Tuff": Allowed((3.0, 4.0), {}, ""),
        "Chalk": Allowed(None, {"acid": ("fizzes",)}, ""),
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("class,hardness\nTuff,soft\n", "line 2: hardness 'soft'; allowed: a number or a range of Mohs 1-10"),
        ("class,hardness\nTuff,7-6\n", "line 2: hardness '7-6'"),
        ("class,streak\nTuff,pink\n", "line 2: streak 'pink'; allowed: white, grey"),
        ("name\nTuff\n", "no column class"),
    ],
)
def test_mistakes_in_a_table_are_said_with_their_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "properties.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LithoscopeError) as found:
        read_properties(path)
    assert said in str(found.value)
    assert "\n" not in str(found.value)


def test_a_test_that_nobody_knows_is_refused() -> None:
    with pytest.raises(LithoscopeError, match="no test is called 'taste'"):
        likelihoods("taste", "salty", ["a"], {})
    with pytest.raises(LithoscopeError, match="is missing"):
        read_properties(Path("nowhere.csv"))

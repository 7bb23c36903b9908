"""The trials of the naming experiment: what counts, and what is refused."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.sources.osf import OsfRocks
from lithoscope.evaluation.human_judgements.trials import CONDITIONS, MIXED, categories_of, read_namings

from helpers.made_up_people import CATEGORIES, trials

ALL = [
    *CATEGORIES,
    *MIXED,
    "Amphibolite",
    "Gneiss",
    "Hornfels",
    "Migmatite",
    "Phyllite",
    "Quartzite",
    "Schist",
    "Slate",
    "Bituminous Coal",
    "Breccia",
    "Chert",
    "Conglomerate",
    "Rock Salt",
    "Shale",
]


def write(path: Path, table: pd.DataFrame) -> Path:
    table.to_csv(path, index=False)
    return path


def test_only_new_photographs_count_and_the_tenth_answer_is_0(tmp_path: Path) -> None:
    table = trials(people=2, right=1.0)
    namings = read_namings(write(tmp_path / "t.csv", table), "")
    assert len(namings) == 2 * 10 * 2
    assert set(namings.token.tolist()) == {3, 4}
    assert (namings.category == namings.named).all()
    assert set(namings.named.tolist()) == set(range(10))
    assert (table.loc[table["Subtype"] == 10, "Response"] == 0).all()


def test_conditions_are_told_apart(tmp_path: Path) -> None:
    table = pd.concat([trials(people=3), trials(people=5, condition=4)])
    namings = read_namings(write(tmp_path / "t.csv", table), "")
    assert [len(namings.of(condition)) for condition in CONDITIONS] == [60, 0, 100]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"Response": 11}, "column Response leaves 0 … 10"),
        ({"Token": 0}, "column Token leaves 1 … 4"),
        ({"Condition": 3}, "column Condition: allowed: 1, 2, 4"),
        ({"Correct": 0}, "contradict each other"),
        ({"Token": 1}, "no trial with a new photograph"),
        ({"Subtype": "two"}, "not the table of trials"),
    ],
)
def test_trials_that_cannot_be_are_one_line(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    path = write(tmp_path / "human_categorization_120.csv", trials(people=1, right=1.0).assign(**change))
    with pytest.raises(LithoscopeError, match=words) as caught:
        read_namings(path, "get it anew")
    assert str(caught.value).startswith(str(path))
    assert str(caught.value).endswith("get it anew")


def test_a_column_that_is_missing_is_one_line(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", trials().drop(columns="Response"))
    with pytest.raises(LithoscopeError, match="Response") as caught:
        read_namings(path, "get it anew")
    assert "\n" not in str(caught.value)


def test_subtypes_are_numbered_as_the_files_are_sorted() -> None:
    coarse = OsfRocks().coarse_classes(ALL)
    assert len(coarse) == 30
    assert categories_of(1, coarse) == CATEGORIES
    assert categories_of(2, coarse)[0::9] == ["Amphibolite", "Slate"]
    assert categories_of(4, coarse) == list(MIXED)
    assert [coarse[label][0] for label in MIXED] == list("iiiimmssss")

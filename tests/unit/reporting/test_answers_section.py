"""Answers that know their limits, on the page."""

from pathlib import Path
from typing import Any

from lithoscope.reporting.page import render_page

from helpers.made_up_findings import add
from helpers.made_up_run import make_run
from helpers.read_pages import Page, inputs_of, render, section

KINDS: dict[str, dict[str, float]] = {
    "name": {"n": 80, "share": 0.8, "right": 0.95, "low": 0.88, "high": 0.98},
    "set": {"n": 14, "share": 0.14, "right": 0.857143, "low": 0.6, "high": 0.96, "mean_size": 2.25},
    "coarser": {"n": 0, "share": 0},
    "none": {"n": 6, "share": 0.06},
}
FOUND: dict[str, Any] = {
    "status": "on",
    "n": 100,
    "held_out": {"photographs": 61, "source": "validation photographs"},
    "rejected": {"asked": 0.05, "share": 0.06, "low": 0.028, "high": 0.125},
    "coverage": {"asked": 0.9, "share": 0.93, "low": 0.863, "high": 0.966, "mean_size": 1.2},
    "right": {"share": 0.88, "low": 0.802, "high": 0.93},
    "kinds": KINDS,
    "in_sample": False,
}


def with_answers(root: Path, **changed: Any) -> str:
    parameters = make_run(root)
    add(root / "metrics/answers.json", test=FOUND | changed)
    return Page(section(render_page(inputs_of(root, parameters)), "answers")).text


def test_each_kind_stands_with_how_often_it_is_right(tmp_path: Path) -> None:
    text = with_answers(tmp_path)
    assert "88.0 % [80.2, 93.0] of 100 answers to test photographs hold the truth" in text
    assert "A name one class alone is probable enough 80 80.0 % 95.0 % [88.0, 98.0]" in text
    assert "A set of names 2.2 names on average" in text or "A set of names 2.3 names on average" in text
    assert "None of these less familiar than held-out photographs nearly always are 6 6.0 % 0" in text
    assert "A coarser name" not in text
    assert "61 held-out photographs (validation photographs)" in text
    assert "measured 93.0 % [86.3, 96.6], with 1.20 classes on average" in text
    assert "measured 6.0 % [2.8, 12.5]" in text
    assert "flatters" not in text


def test_limits_set_by_the_photographs_that_are_scored_flatter_and_say_so(tmp_path: Path) -> None:
    assert "so this flatters" in with_answers(tmp_path, in_sample=True)


def test_coarser_names_stand_there_where_there_are_some(tmp_path: Path) -> None:
    coarser = {"n": 5, "share": 0.05, "right": 0.8, "low": 0.38, "high": 0.96}
    text = with_answers(tmp_path, kinds=KINDS | {"coarser": coarser})
    assert "A coarser name no short set is sure enough, but the kind is 5 5.0 % 80.0 %" in text


def test_without_limits_the_reason_is_given(tmp_path: Path) -> None:
    text = Page(section(render(tmp_path), "answers")).text
    assert "Every photograph gets a name: 12 held-out photographs are too few, 19 are needed." in text

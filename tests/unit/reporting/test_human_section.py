"""The comparison with people on the page."""

from pathlib import Path

from lithoscope.reporting.page import render_page

from helpers.made_up_findings import add, write_people
from helpers.made_up_run import make_run
from helpers.read_pages import Page, inputs_of, render, section


def people(root: Path, part: str = "test") -> str:
    parameters = make_run(root)
    write_people(root, part=part)
    return section(render_page(inputs_of(root, parameters)), "people")


def test_a_set_without_human_data_says_so_in_a_line(tmp_path: Path) -> None:
    text = Page(section(render(tmp_path), "people")).text
    assert text == "Beside people Not compared with people: folder has no human data: nothing to compare with."


def test_the_headline_stands_beside_the_authors_network_with_the_difference(tmp_path: Path) -> None:
    text = Page(people(tmp_path)).text
    assert "Mean r 0.767 [0.738, 0.794], disparity 0.371 [0.338, 0.408]; the authors' own network has 0.740" in text
    assert "Mean r: better, difference +0.027 [+0.007, +0.047]." in text
    assert "Disparity: not shown to differ, difference −0.028 [−0.056, +0.003]." in text
    assert "Chance: photographs in random order 0.209 1 in 20: 0.241" in text


def test_every_dimension_is_drawn_and_each_photograph(tmp_path: Path) -> None:
    part = people(tmp_path)
    assert part.count('<svg class="figure"') == 1 + 8
    assert "lightness: people" in part


def test_naming_shows_people_and_model_and_what_was_left_out(tmp_path: Path) -> None:
    text = Page(people(tmp_path)).text
    assert "igneous 62.4 % [53.1, 88.8], 45 people 75.0 % [53.1, 88.8], n = 20 78 %" in text
    assert "0.41 p = 0.002; ceiling 0.88" in text
    assert "mixed left out: 3 of the 20 photographs that people named are there" in text


def test_on_validation_only_the_training_photographs_are_compared(tmp_path: Path) -> None:
    text = Page(people(tmp_path, part="training")).text
    assert "The model's arrangement of 12 training photographs" in text
    assert "authors" not in text


def test_a_worse_mean_r_and_a_higher_disparity_are_called_worse(tmp_path: Path) -> None:
    parameters = make_run(tmp_path)
    write_people(tmp_path)
    inputs = inputs_of(tmp_path, parameters)
    difference = {"mean_r": -0.1, "mean_r_low": -0.2, "mean_r_high": -0.05}
    difference |= {"disparity": 0.1, "disparity_low": 0.02, "disparity_high": 0.2}
    add(tmp_path / "metrics/people.json", test=dict(inputs.people["test"]) | {"difference_from_authors": difference})
    text = Page(section(render_page(inputs_of(tmp_path, parameters)), "people")).text
    assert "Mean r: worse, difference −0.100" in text
    assert "Disparity: worse, difference +0.100" in text

"""The map of the embedding."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pandas as pd

from lithoscope.reporting.map_section import hues, scatter
from lithoscope.reporting.page import render_page

from helpers.made_up_findings import write_explained
from helpers.made_up_run import make_run
from helpers.read_pages import Page, inputs_of, section


def places(rows: list[tuple[str, str, str, float, float]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["split", "label", "predicted", "pca_1", "pca_2"])
    return table.assign(photograph=[f"{n}.jpg" for n in range(len(table))])


def test_right_answers_are_dots_wrong_ones_crosses_training_ones_rings() -> None:
    table = places([("test", "a", "a", 0, 0), ("test", "a", "b", 1, 1), ("training", "b", "", 2, 0)])
    svg = ET.fromstring(scatter(table, ["pca_1", "pca_2"], ["a", "b"], "a map"))
    groups = [(group.get("class"), [(mark.tag, mark.get("class")) for mark in group]) for group in svg]
    assert groups == [("k0", [("circle", None)]), ("k1", [("circle", "own")]), ("k0", [("path", None)])]
    titles = [title.text for title in svg.iter("title")]
    assert titles == ["a (test: 0.jpg)", "b (training: 2.jpg)", "a, called b (test: 1.jpg)"]


def test_distances_keep_their_proportion_and_up_is_up() -> None:
    table = places([("test", "a", "a", 0, 0), ("test", "a", "a", 4, 0), ("test", "a", "a", 0, 2)])
    svg = ET.fromstring(scatter(table, ["pca_1", "pca_2"], ["a"], "a map"))
    (x0, y0), (x1, _), (_, y2) = [(float(dot.get("cx", 0)), float(dot.get("cy", 0))) for dot in svg.iter("circle")]
    assert abs((x1 - x0) - 2 * (y0 - y2)) < 0.2
    assert y2 < y0
    assert all(0 <= value <= 400 for value in (x0, x1, y0, y2))


def test_photographs_in_one_place_are_still_drawn() -> None:
    svg = scatter(places([("test", "a", "a", 3, 3)] * 2), ["pca_1", "pca_2"], ["a"], "a map")
    assert svg.count('cx="200.0" cy="200.0"') == 2


def test_names_never_become_markup() -> None:
    label = "<script>alert(1)</script>"
    svg = scatter(places([("test", label, "</title><b>", 0, 0)]), ["pca_1", "pca_2"], [label], "<a map>")
    assert [title.text for title in ET.fromstring(svg).iter("title")] == [f"{label}, called </title><b> (test: 0.jpg)"]


def test_every_class_has_a_hue_of_its_own() -> None:
    for classes in (1, 2, 7, 12, 30, 100):
        assert len({style.split(";")[0] for style in hues(classes)}) == classes
    first, second = (float(style.split(";")[0].removeprefix("--h:")) for style in hues(30)[:2])
    assert abs((first - second + 180) % 360 - 180) > 60  # neighbours in the list are told apart


def test_both_arrangements_stand_on_the_page_with_what_they_mean(tmp_path: Path) -> None:
    parameters = make_run(tmp_path)
    write_explained(tmp_path)
    part = section(render_page(inputs_of(tmp_path, parameters)), "map")
    text = Page(part).text
    assert part.count('<svg class="map"') == 2
    assert "Each of 48 photographs is a mark" in text
    assert "12 test, 36 training" in text
    assert "The two axes hold 31 % and 18 % of the variance." in text
    assert "Perplexity 5." in text
    assert part.count('aria-pressed="false"') == 3


def test_without_t_sne_the_reason_stands_in_its_place(tmp_path: Path) -> None:
    parameters = make_run(tmp_path)
    write_explained(tmp_path, tsne=False)
    part = section(render_page(inputs_of(tmp_path, parameters)), "map")
    assert part.count('<svg class="map"') == 1
    assert "t-SNE: too few photographs." in Page(part).text

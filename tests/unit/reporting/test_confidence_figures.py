"""Figures about confidences."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from lithoscope.evaluation.calibration import reliability_table
from lithoscope.evaluation.selective import accuracy_by_coverage
from lithoscope.reporting.confidence_figures import confidence_histogram, reliability_diagram, selective_curve
from lithoscope.reporting.svg import VARIABLES


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter("text")]


def reliability(seed: int = 0, n: int = 60) -> pd.DataFrame:
    drawn = np.random.default_rng(seed)
    probabilities = drawn.dirichlet([0.5] * 4, n)
    return reliability_table(probabilities**0.7, probabilities, drawn.integers(0, 4, n))


def coverage(n: int = 40) -> pd.DataFrame:
    confidence = np.linspace(0.3, 0.99, n)
    return accuracy_by_coverage(confidence, np.arange(n) > n // 3)


def test_histogram_counts_right_and_wrong() -> None:
    svg = confidence_histogram([1.0, 0.9, 0.4, 0.0], [True, True, False, True])
    texts = [element.text for element in ET.fromstring(svg).iter("text")]
    assert "right: 3" in texts
    assert "wrong: 1" in texts


def test_histogram_of_nothing_is_still_a_figure() -> None:
    assert "right: 0" in confidence_histogram([], [])


def test_reliability_names_both_curves_only_where_there_are_two() -> None:
    both, one = (reliability_diagram(reliability(), calibrated=calibrated) for calibrated in (True, False))
    assert {"after calibration", "before", "perfect"} <= set(texts(both))
    assert "before" not in texts(one)
    assert "without a temperature" in one


def test_reliability_follows_the_figures() -> None:
    assert reliability_diagram(reliability(0), calibrated=True) != reliability_diagram(reliability(1), calibrated=True)


def test_a_bin_without_photographs_leaves_no_mark() -> None:
    table = reliability(n=1)
    assert "nan" not in reliability_diagram(table, calibrated=True).lower()


def test_the_chosen_confidence_is_marked_where_there_is_one() -> None:
    table = coverage()
    assert "confidence 0.80" in texts(selective_curve(table, 0.95, 0.8, 0.4))
    assert not [text for text in texts(selective_curve(table, 0.95, None, None)) if "confidence" in text]
    assert not [text for text in texts(selective_curve(table, 0.95, 0.99, 0.0)) if "confidence" in text]


def test_the_target_is_written_on_its_line() -> None:
    assert "90 % right" in texts(selective_curve(coverage(), 0.9, None, None))


def test_the_targets_name_is_out_of_the_way_of_a_model_that_nearly_always_reaches_it() -> None:
    def from_the_left(wrong: int) -> float:
        right = np.arange(40) >= wrong  # the least sure ones are wrong
        svg = selective_curve(accuracy_by_coverage(np.linspace(0.3, 0.99, 40), right), 0.9, None, None)
        (name,) = (element for element in ET.fromstring(svg).iter("text") if element.text == "90 % right")
        place = re.search(r"translate\(([\d.]+)", name.get("transform", "")) or re.search(
            r"^([\d.]+)", name.get("x", "")
        )
        assert place is not None
        return float(place[1])

    assert from_the_left(1) < 100 < from_the_left(20)


@pytest.mark.parametrize("n", [1, 2, 300])
def test_any_number_of_photographs_can_be_drawn(n: int) -> None:
    assert "classified correctly" in texts(selective_curve(coverage(n), 0.95, None, None))


def test_colours_are_the_pages() -> None:
    svg = confidence_histogram([0.9, 0.4], [True, False]) + reliability_diagram(reliability(), calibrated=True)
    svg += selective_curve(coverage(), 0.95, 0.8, 0.4)
    assert not re.search(r"#[0-9a-f]{6}", svg)
    assert set(re.findall(r"var\((--\w+)\)", svg)) <= set(VARIABLES.values())

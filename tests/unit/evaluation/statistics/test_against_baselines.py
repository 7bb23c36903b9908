import numpy as np
import pytest

from lithoscope.evaluation.statistics.against_baselines import against_baselines, comparison_lines, difference_in_words
from lithoscope.evaluation.statistics.proportions import wilson


def first(count: int, of: int = 200) -> np.ndarray:
    return np.arange(of) < count


IDS = [f"{row}.jpg" for row in range(200)]


def test_a_network_that_beats_every_baseline_is_said_to() -> None:
    baselines = {"majority_class": first(20), "colour_histogram": first(120)}
    table = against_baselines(IDS, IDS, first(160), baselines, "test")
    assert table["beats_baselines"] is True
    assert table["network"]["accuracy"] == 0.8
    assert (table["network"]["low"], table["network"]["high"]) == pytest.approx(wilson(160, 200), abs=1e-6)
    colour = table["colour_histogram"]
    assert (colour["accuracy"], colour["difference"], colour["verdict"]) == (0.6, 0.2, "better")
    assert colour["difference_low"] == pytest.approx(0.145, abs=0.011)  # binomial: 40 of 200
    assert colour["p"] == pytest.approx(2 * 0.5**40)
    lines = comparison_lines(table)
    assert lines[0] == "the network beats every baseline"
    assert lines[1].startswith("against always naming the most frequent class: better by .70 [.6")
    assert lines[2].startswith("against a linear model on colour histograms: better by .20 [.1")
    assert lines[2].endswith("p < .001: shown")


@pytest.mark.parametrize(("right", "verdict"), [(121, "not shown"), (120, "not shown"), (80, "worse")])
def test_a_network_that_does_not_beat_one_is_said_not_to(right: int, verdict: str) -> None:
    baselines = {"majority_class": first(20), "colour_histogram": first(120)}
    table = against_baselines(IDS, IDS, first(right), baselines, "test")
    assert table["colour_histogram"]["verdict"] == verdict
    assert table["beats_baselines"] is False
    assert comparison_lines(table)[0] == "the network does not beat its baselines"


def test_copies_of_one_photograph_show_nothing() -> None:
    every, baseline = np.ones(200, dtype=bool), {"majority_class": first(180)}
    apart = against_baselines(IDS, IDS, every, baseline, "test")
    together = against_baselines(IDS, ["a"] * 180 + ["b"] * 20, every, baseline, "test")
    assert apart["majority_class"]["verdict"] == "better"
    assert together["majority_class"]["verdict"] == "not shown"
    assert together["majority_class"]["difference"] == apart["majority_class"]["difference"]


def test_an_entry_is_put_in_words() -> None:
    entry = {"difference": 0.04, "difference_low": -0.01, "difference_high": 0.09, "p": 0.11}
    assert difference_in_words(entry) == "better by .04 [−.01, .09], p = .11: not shown"

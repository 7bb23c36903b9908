"""Calibration and selective prediction on the page."""

from pathlib import Path
from typing import Any

from lithoscope.reporting.confidence_section import calibration, selective
from lithoscope.reporting.markdown import markdown_summary
from lithoscope.reporting.page import render_page

from helpers.made_up_findings import add, read_json
from helpers.made_up_run import make_run
from helpers.read_pages import Page, inputs_of, render, section


def with_figures(root: Path, **options: Any) -> str:
    """Make a run with other figures of selective prediction and calibration, and render it."""
    changes = {name: options.pop(name) for name in ("selective", "calibration", "ece") if name in options}
    parameters = make_run(root, **options)
    split = parameters["evaluate.on"]
    add(root / "metrics/evaluation.json", **{split: read_json(root / "metrics/evaluation.json")[split] | changes})
    return render_page(inputs_of(root, parameters))


def test_before_and_after_stand_beside_each_other_with_their_intervals(tmp_path: Path) -> None:
    text = Page(section(render(tmp_path), "calibration")).text
    assert "n = 12 Before After" in text
    assert "Expected calibration error 0.200 [0.140, 0.900] 0.120 [0.140, 0.900]" in text
    assert "Brier score 0.500 [0.110, 0.900] 0.400 [0.110, 0.900]" in text
    assert "The temperature is 1.4 , fitted on 30 validation photographs alone" in text


def test_without_a_temperature_the_reason_is_given_and_nothing_called_calibrated(tmp_path: Path) -> None:
    text = Page(section(render(tmp_path, calibrated=False), "calibration")).text
    assert "No temperature was fitted: made up without one. The confidences on this page are the network's own." in text
    assert "Before" not in text
    assert "after calibration" not in text


def test_a_temperature_that_was_given_is_not_called_fitted(tmp_path: Path) -> None:
    parameters = make_run(tmp_path, calibrated=False)
    figures = read_json(tmp_path / "metrics/evaluation.json")["test"]
    figures["calibration"]["temperature"] = 1.25
    add(tmp_path / "metrics/evaluation.json", test=figures)
    add(tmp_path / "metrics/train.json", calibration={"temperature": 1.25, "photographs": 0, "reason": "given"})
    inputs = inputs_of(tmp_path, parameters)
    text = Page(section(render_page(inputs), "calibration")).text
    assert "The temperature is 1.25 , given; every confidence" in text
    assert "Before After" in text
    assert "fitted on" not in text
    assert "Temperature 1.25, given as a parameter; calibration error 0.200 before" in markdown_summary(inputs)


def test_an_error_that_a_calibrated_model_would_show_is_no_evidence(tmp_path: Path) -> None:
    for ece, words in ((0.15, "0.150 is no evidence of miscalibration."), (0.151, "0.151 is more than that.")):
        text = Page(section(with_figures(tmp_path / str(ece), ece=ece), "calibration")).text
        assert words in text
        assert "an error of 0.080 on average, and of at most 0.150" in text


def test_on_validation_photographs_both_say_that_they_flatter(tmp_path: Path) -> None:
    source = render(tmp_path, on="validation")
    assert "the figures “after” flatter" in Page(section(source, "calibration")).text
    assert "flatter" not in section(render(tmp_path / "test"), "calibration")


def test_too_few_photographs_for_a_threshold_are_said(tmp_path: Path) -> None:
    text = Page(section(render(tmp_path), "selective")).text
    assert "No confidence can be named from which on it is right 95 % of the time:" in text
    assert "too few photographs: at least 99 are needed (there are 12 validation photographs to choose it by)" in text


def test_a_threshold_is_told_with_what_it_does_on_the_scored_photographs(tmp_path: Path) -> None:
    chosen = {"target": 0.95, "threshold": 0.81, "validation_photographs": 240, "in_sample": False}
    did = {"coverage": 0.5, "n": 6, "accuracy": 1.0, "low": 0.61, "high": 1.0}
    text = Page(section(with_figures(tmp_path, selective=chosen | did), "selective")).text
    assert "From a confidence of 81.0 % on it should be right 95 % of the time." in text
    assert "Chosen on 240 validation photographs" in text
    assert "it names 6 of 12 (50 %), 100.0 % of them right [61.0, 100.0]." in text
    assert "flatters" not in text
    assert "confidence 0.81" in text  # in the figure


def test_a_threshold_that_no_photograph_reaches_is_said(tmp_path: Path) -> None:
    chosen = {"target": 0.95, "threshold": 0.99, "validation_photographs": 240, "in_sample": False}
    text = Page(section(with_figures(tmp_path, selective=chosen | {"coverage": 0.0, "n": 0}), "selective")).text
    assert "No test photograph is that sure." in text


def test_levels_count_the_answers_that_are_at_least_so_sure(tmp_path: Path) -> None:
    inputs = inputs_of(tmp_path, make_run(tmp_path, each=20))
    confidence = inputs.predictions["confidence"].to_numpy()
    for row in selective(inputs)["levels"]:
        assert row["n"] == (confidence >= row["level"]).sum()
        if row["n"]:
            assert row["low"] <= row["accuracy"] <= row["high"]


def test_the_gap_is_mean_confidence_less_accuracy(tmp_path: Path) -> None:
    inputs = inputs_of(tmp_path, make_run(tmp_path, each=20))
    found = calibration(inputs)
    assert found["gap"] == inputs.predictions["confidence"].mean() - found["accuracy"]

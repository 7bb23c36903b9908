"""The few lines at the end of ``make repro``."""

from pathlib import Path
from typing import Any

import pytest

from lithoscope.core.files import read_json
from lithoscope.reporting.headline import headline

from helpers.made_up_findings import write_json
from helpers.made_up_run import make_run


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({}, "epoch 6 of 6, validation loss 0.771"),
        ({"validation": False}, "last of 6 epochs, no validation"),
        ({"members": 3}, "3 networks, mean epoch"),
    ],
)
def test_the_training_is_told_in_a_line(tmp_path: Path, options: dict[str, Any], line: str) -> None:
    make_run(tmp_path, **options)
    write_json(tmp_path / "metrics/data.json", {"photographs": 60})
    assert f"training    {line}" in headline(tmp_path)
    assert "60 photographs" in headline(tmp_path)
    assert read_json(tmp_path / "metrics/train.json")["epochs"] == 6


def test_figures_stand_with_their_intervals_and_beside_the_baselines(tmp_path: Path) -> None:
    make_run(tmp_path)
    write_json(tmp_path / "metrics/data.json", {"photographs": 60})
    figures = read_json(tmp_path / "metrics/evaluation.json")
    del figures["test"]["interval"]
    write_json(tmp_path / "metrics/evaluation.json", figures)
    assert "[" not in headline(tmp_path).split("loss ")[1].split("\n")[0]  # an earlier version's file
    figures["test"] |= {"loss": 0.688, "interval": {"loss": {"low": 0.611, "high": 0.77}}}
    write_json(tmp_path / "metrics/evaluation.json", figures)
    entry = {"accuracy": 0.3, "difference": 0.04, "difference_low": -0.01, "difference_high": 0.09, "p": 0.11}
    comparisons = {"network": {}, "colour_histogram": entry, "beats_baselines": False}
    write_json(tmp_path / "metrics/comparisons.json", {"test": comparisons})
    printed = headline(tmp_path)
    assert "loss 0.688 [0.611, 0.770], top-3" in printed
    assert "the network does not beat its baselines" in printed
    assert "linear model on colour histograms: better by .04 [−.01, .09], p = .11: not shown" in printed

"""The built-in specimens must be neither trivial nor a matter of colour: read from the committed figures."""

import json
from pathlib import Path
from typing import Any

import pytest

from lithoscope.intervals import wilson
from lithoscope.params import load_parameters


@pytest.fixture(scope="module")
def committed(checkout: Path) -> dict[str, Any]:
    if load_parameters(checkout / "params.yaml").dataset != "specimens":
        pytest.skip("the workspace holds the figures of another set")
    network = json.loads((checkout / "metrics" / "evaluation.json").read_text(encoding="utf-8"))["test"]
    colours = json.loads((checkout / "metrics" / "baselines.json").read_text(encoding="utf-8"))["test"]
    return {"n": network["n"], "network": network["accuracy"], "colours": colours["colour_histogram"]}


def test_colours_alone_stay_clearly_below_the_network(committed: dict[str, Any]) -> None:
    n = committed["n"]
    assert n == 7 * 60
    lowest, _ = wilson(round(committed["network"] * n), n)
    _, highest = wilson(round(committed["colours"] * n), n)
    assert highest < lowest


def test_neither_is_perfect_nor_at_chance(committed: dict[str, Any]) -> None:
    assert 2 / 7 < committed["colours"] < committed["network"] < 1

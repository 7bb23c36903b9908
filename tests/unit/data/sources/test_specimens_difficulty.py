"""The built-in specimens must be neither trivial nor a matter of colour: read from the committed figures."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lithoscope.evaluation.statistics.proportions import wilson


@pytest.fixture(scope="module")
def committed(checkout: Path) -> dict[str, Any]:
    def show(name: str) -> Any:
        command = ["git", "show", f"HEAD:{name}"]
        return json.loads(subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True).stdout)

    network, colours = (show(f"metrics/{name}.json")["test"] for name in ("evaluation", "baselines"))
    return {"n": network["n"], "network": network["accuracy"], "colours": colours["colour_histogram"]}


def test_colours_alone_stay_clearly_below_the_network(committed: dict[str, Any]) -> None:
    n = committed["n"]
    assert n == 7 * 60
    lowest, _ = wilson(round(committed["network"] * n), n)
    _, highest = wilson(round(committed["colours"] * n), n)
    assert highest < lowest


def test_neither_is_perfect_nor_at_chance(committed: dict[str, Any]) -> None:
    assert 2 / 7 < committed["colours"] < committed["network"] < 1

"""How the page writes numbers and parameters."""

import shlex

import pytest

from lithoscope.core.text import count, number, percent
from lithoscope.reporting.formatting import experiment, parameter

from helpers.made_up_run import PARAMETERS


def test_shares_and_figures() -> None:
    assert percent(0.8761) == "87.6\N{NARROW NO-BREAK SPACE}%"
    assert percent(1, 0) == "100\N{NARROW NO-BREAK SPACE}%"
    assert number(0.12345) == "0.123"


@pytest.mark.parametrize("absent", [None, float("nan")])
def test_a_missing_figure_is_a_dash(absent: float | None) -> None:
    assert percent(absent) == number(absent) == "–"


def test_counts_agree_with_their_noun() -> None:
    assert count(1, "copy", "copies") == "1 copy"
    assert count(2, "copy", "copies") == "2 copies"
    assert count(0, "epoch") == "0 epochs"
    assert count(12345) == "12\N{NARROW NO-BREAK SPACE}345"


@pytest.mark.parametrize("path", ["/home/somebody/My Rocks (1)", r"C:\Users\somebody\My Rocks (1)", "~/My Rocks (1)"])
def test_only_the_name_of_an_absolute_path_is_shown(path: str) -> None:
    assert parameter(path) == "…/My Rocks (1)"


def test_other_parameters_are_shown_as_the_file_has_them() -> None:
    shown = [parameter(value) for value in ("data", "imagenet", None, True, 0.002, 1e-5, 7)]
    assert shown == ["data", "imagenet", "null", "true", "0.002", "1e-05", "7"]


def test_experiment_sets_every_parameter_but_the_source_of_the_photographs() -> None:
    words = shlex.split(experiment(PARAMETERS | {"model.weights": "/home/somebody/weights.pth"}).replace("\\\n", ""))
    settings = dict(word.split("=", 1) for word in words[3:] if word != "-S")
    assert words[:3] == ["dvc", "exp", "run"]
    place = {
        "dataset",
        "mirror",
        "osf_api",
        *(f"folder.{key}" for key in ("depth", "specimens", "labels", "table", "columns")),
    }
    assert set(PARAMETERS) - set(settings) == {*place, "model.weights"}
    assert settings["lr"] == "0.002"
    assert settings["augment.flip"] == "true"

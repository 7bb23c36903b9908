"""Figures as SVG that follow the page's colours."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from lithoscope.reporting.learning_curves import learning_curve
from lithoscope.reporting.svg import VARIABLES


def history(epochs: int) -> pd.DataFrame:
    steps = np.arange(1, epochs + 1)
    return pd.DataFrame(
        {
            "phase": "all",
            "epoch": steps,
            "train_loss": 2 / steps,
            "val_loss": 2.2 / steps,
            "train_accuracy": 0.5,
            "val_accuracy": 0.4,
        }
    )


@pytest.mark.parametrize("quantity", ["loss", "accuracy"])
@pytest.mark.parametrize("epochs", [1, 2, 30])
def test_curves_name_both_lines_and_the_best_epoch(quantity: str, epochs: int) -> None:
    texts = [element.text for element in ET.fromstring(learning_curve(history(epochs), quantity, epochs)).iter("text")]
    assert {"training", "validation", "best epoch", "epoch"} <= set(texts)


def test_best_epoch_moves_the_mark() -> None:
    assert learning_curve(history(9), "loss", 3) != learning_curve(history(9), "loss", 7)


def test_missing_validation_figures_leave_the_training_curve() -> None:
    table = history(5).assign(val_loss=float("nan"))
    texts = [element.text for element in ET.fromstring(learning_curve(table, "loss", 5)).iter("text")]
    assert "training" in texts
    assert "validation" not in texts
    assert 'aria-label="loss by epoch on training photographs"' in learning_curve(table, "loss", 5)


def test_the_epochs_of_the_head_alone_are_marked() -> None:
    table = history(9)
    plain = learning_curve(table, "loss", 9)
    one, three = (learning_curve(table.assign(phase=["head"] * n + ["all"] * (9 - n)), "loss", 9) for n in (1, 3))
    assert "head alone" not in plain
    assert "head alone" in one
    assert one != three


def test_the_kept_epoch_is_called_as_asked() -> None:
    assert "last epoch" in learning_curve(history(5), "loss", 5, "last epoch")


def test_figures_take_every_colour_from_the_page() -> None:
    svg = learning_curve(history(9), "loss", 3)
    assert not re.search(r"#[0-9a-f]{6}", svg)
    assert {"--train", "--validation"} <= set(re.findall(r"var\((--\w+)\)", svg))
    assert set(re.findall(r"var\((--\w+)\)", svg)) <= set(VARIABLES.values())


def test_figures_on_one_page_share_no_id_and_no_style() -> None:
    one, two = learning_curve(history(9), "loss", 3), learning_curve(history(9), "accuracy", 3)
    identifiers = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (one, two)]
    assert identifiers[0]
    assert not identifiers[0] & identifiers[1]
    for svg, own in zip((one, two), identifiers, strict=True):
        assert set(re.findall(r'url\(#([^)]+)\)|\bhref="#([^"]+)"', svg)) <= {(name, "") for name in own} | {
            ("", name) for name in own
        }
    assert "<style" not in one


def test_figures_name_no_host_and_no_date() -> None:
    svg = learning_curve(history(9), "loss", 3)
    assert "http" not in svg
    assert "202" not in re.sub(r"[\d.]+", lambda number: "" if "." in number[0] else number[0], svg)

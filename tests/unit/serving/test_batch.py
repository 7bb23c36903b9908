"""``lithoscope predict`` on files whose names are hard to write down."""

import os
from pathlib import Path

import pandas as pd
import pytest

from lithoscope.cli import main as cli
from lithoscope.models.classifier import Architecture
from lithoscope.models.saved_model import ModelDescription, save_model

from helpers.lively_networks import lively
from helpers.photographs_on_disk import photograph


@pytest.fixture
def model(tmp_path: Path) -> Path:
    architecture = Architecture("cnn", 32, 2, 0.5)
    description = ModelDescription(architecture, ["basalt", "gneiss"], False, "folder", False, None)
    save_model(tmp_path / "model", description, lively(architecture, 0).state_dict())
    return tmp_path / "model"


def test_names_that_are_no_utf_8_or_steer_a_terminal_are_shown_as_escapes(
    model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new"
    for name in (b"gr\xfcn.png", b"a\x1b[2J.png"):
        photograph(folder / os.fsdecode(name))
    (folder / os.fsdecode(b"br\xf6ken\x1b[2J.png")).write_bytes(b"no photograph")
    table = tmp_path / os.fsdecode(b"t\xe4ble.csv")
    assert cli.main(["predict", str(folder), "--model", str(model), "--output", str(table)]) == 1
    rows = pd.read_csv(table, keep_default_na=False).set_index("path")["label"].to_dict()
    broken, plain, strange = f"{folder}/br\\xf6ken\x1b[2J.png", f"{folder}/gr\\xfcn.png", f"{folder}/a\x1b[2J.png"
    assert set(rows) == {broken, plain, strange}
    assert rows[broken] == ""
    assert {rows[plain], rows[strange]} <= {"basalt", "gneiss"}
    printed = capfd.readouterr()
    shown = "".join(printed.out.split())  # a narrow terminal folds the names
    assert "gr\\xfcn.png" in shown
    assert "a\\x1b[2J.png" in shown
    assert f"wrote {tmp_path}/t\\xe4ble.csv\n" in printed.out
    (error,) = printed.err.splitlines()
    assert error.startswith(f"error: {folder}/br\\xf6ken\\x1b[2J.png: ")
    assert "\x1b" not in printed.out + printed.err

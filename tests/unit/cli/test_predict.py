"""``lithoscope predict`` on archives, on stacks, and on files whose names are hard to write down."""

import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from lithoscope.cli import main as cli
from lithoscope.data.images.reading import ReadingSettings
from lithoscope.models.predictor import Predictor
from lithoscope.models.saved_model import ModelDescription, load_description, save_model

from helpers.lively_networks import lively
from helpers.made_up_settings import plain_architecture
from helpers.photographs_on_disk import photograph


@pytest.fixture
def model(tmp_path: Path) -> Path:
    architecture = plain_architecture("cnn", 32, 2, 0.5)
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


def test_an_archive_is_classified_like_the_folder_it_holds(
    model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, temporary = tmp_path / "new", tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    for number in range(3):
        photograph(folder / "basalt" / f"{number}.png", number)
    tables = []
    for kind in ("zip", "gztar"):
        archive = Path(shutil.make_archive(str(tmp_path / "photos"), kind, folder))
        table, sheet = tmp_path / "table.csv", tmp_path / "sheet.png"
        arguments = ["predict", str(archive), "--model", str(model), "--output", str(table), "--sheet", str(sheet)]
        assert cli.main(arguments) == 0
        assert sheet.stat().st_size
        tables.append(pd.read_csv(table))
        assert tables[-1]["path"].tolist() == [f"{archive}/basalt/{number}.png" for number in range(3)]
    assert cli.main(["predict", str(folder), "--model", str(model), "--output", str(table)]) == 0
    plain = pd.read_csv(table).drop(columns="path")
    for unpacked in tables:
        pd.testing.assert_frame_equal(unpacked.drop(columns="path"), plain)
    assert "photos.zip/basalt/0.png" in "".join(capfd.readouterr().out.split())
    assert not list(temporary.iterdir()), "nothing unpacked is left"


def test_prediction_reads_pages_and_large_scans_as_the_training_did(model: Path, tmp_path: Path) -> None:
    description = load_description(model)
    pages = [np.full((40, 40, 3), level, np.uint8) for level in (40, 200, 90)]
    tifffile.imwrite(tmp_path / "stack.tif", np.stack(pages), photometric="rgb")
    network = lively(description.architecture, 0)
    for reading, level in ((ReadingSettings(), 40), (ReadingSettings(pages="max"), 200)):
        save_model(model, replace(description, reading=reading), network.state_dict())
        square = Predictor.load(model).read_square(tmp_path / "stack.tif")
        assert (square == level).all()


def test_each_page_of_a_stack_has_a_line_of_its_own(model: Path, tmp_path: Path) -> None:
    photograph(tmp_path / "new" / "a.png")
    pages = [np.full((40, 40, 3), level, np.uint8) for level in (40, 200)]
    tifffile.imwrite(tmp_path / "new" / "stack.tif", np.stack(pages), photometric="rgb")
    description = replace(load_description(model), reading=ReadingSettings(pages="each"))
    save_model(model, description, lively(description.architecture, 0).state_dict())
    archive, table = shutil.make_archive(str(tmp_path / "photos"), "zip", tmp_path / "new"), tmp_path / "table.csv"
    assert cli.main(["predict", archive, "--model", str(model), "--output", str(table)]) == 0
    names = [f"{archive}/{name}" for name in ("a.png", "stack.tif", "stack.tif#page=2")]
    assert pd.read_csv(table)["path"].tolist() == names

"""``lithoscope predict`` with limits, field tests and specimens."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lithoscope.cli import main as cli
from lithoscope.cli.predict import _caption, _line
from lithoscope.data.images.framed import read_framed
from lithoscope.evaluation.answers.limits import HeldOut, fit_limits
from lithoscope.serving.onnx_model import OnnxModel, Outputs
from lithoscope.serving.rows import AnswerRow

from helpers.exports import exported
from helpers.photographs_on_disk import photograph

CLASSES = ["Basalt", "Marble"]
PROPERTIES = "class,acid\nBasalt,none\nMarble,fizzes\n"


@pytest.fixture(scope="module")
def plain(once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    def make(folder: Path) -> None:
        exported(folder, CLASSES)

    return once("predicting with limits", make) / "export"


@pytest.fixture
def model(plain: Path, tmp_path: Path) -> Path:
    """An export with limits, which 40 photographs of noise set."""
    folder = Path(shutil.copytree(plain, tmp_path / "export"))
    squares = np.random.default_rng(0).integers(0, 256, (80, 32, 32, 3), dtype=np.uint8)
    said = OnnxModel.load(folder).run(squares)
    labels = said.probabilities[:40].argmax(axis=1).astype(np.int64)
    held_out = HeldOut(said.probabilities[:40], said.features[:40], labels, "validation photographs")
    limits = fit_limits(held_out, said.features[40:], CLASSES, {})
    assert limits is not None
    limits.save(folder / "limits")
    return folder


@pytest.fixture
def specimens(tmp_path: Path) -> Path:
    folder = tmp_path / "new"
    for specimen, seeds in (("hand piece 1", (1, 2, 3)), ("hand piece 2", (4,))):
        for seed in seeds:
            photograph(folder / specimen / f"{seed}.png", seed)
    return folder


def rows(arguments: list[str], tmp_path: Path, status: int = 0) -> list[dict[str, Any]]:
    table = tmp_path / "answers.jsonl"
    assert cli.main(["predict", *arguments, "--output", str(table)]) == status
    return [json.loads(line) for line in table.read_text("utf-8").splitlines()]


def seen(model: Path, files: list[Path]) -> Outputs:
    asked = OnnxModel.load(model)
    settings, size, crop = asked.description.reading, asked.description.image_size, asked.description.crop_border
    return asked.run(np.stack([read_framed(file, settings, size, crop).square for file in files]))


def test_every_photograph_gets_one_answer_and_why(model: Path, specimens: Path, tmp_path: Path) -> None:
    found = rows([str(specimens), "--model", str(model)], tmp_path)
    assert len(found) == 4
    assert {row["answer"] for row in found} <= {"name", "set", "coarser", "none"}
    assert all(row["named"] and row["why"] for row in found)


def test_a_probability_is_stated_of_what_is_told_and_not_of_the_label_behind_it() -> None:
    said = np.array([0.6, 0.3, 0.1], np.float32)
    plain = AnswerRow("a.png", "biotite", 0.6, said)
    two = AnswerRow("a.png", "biotite", 0.6, said, shown="biotite or bornite", extra={"sure": 0.9})
    none = AnswerRow("a.png", "biotite", 0.6, said, shown="none of these", extra={"sure": None})
    assert [one.stated for one in (plain, two, none)] == [0.6, 0.9, None]
    assert _line(none, ["biotite", "bornite", "pyrite"], 1, 8).split() == ["none", "of", "these", "a.png"]


def test_no_probable_class_is_left_out_where_the_answer_is_another_word_for_it() -> None:
    classes, said = ["biotite", "bornite", "pyrite"], np.array([0.2, 0.7, 0.1], np.float32)
    plain = AnswerRow("a.png", "bornite", 0.7, said)
    named = AnswerRow("a.png", "bornite", 0.7, said, shown="bornite", extra={"sure": 0.7})
    two = AnswerRow("a.png", "bornite", 0.7, said, shown="bornite or biotite", extra={"sure": 0.9})
    none = AnswerRow("a.png", "bornite", 0.7, said, shown="none of these", extra={"sure": None, "why": "not familiar"})
    first, second = "bornite 0.700", "biotite 0.200"
    for row, expected in ((plain, second), (named, second), (two, f"{first}, {second}"), (none, f"{first}, {second}")):
        assert _line(row, classes, 2, 8).endswith(f"a.png  ({expected})")
        assert _line(row, classes, 1, 8).endswith("a.png")
    assert _caption(none, classes, 2) == {
        "predicted": "none of these",
        "confidence": None,
        "remarks": ("Not familiar.", "bornite 70%, biotite 20%"),
        "note": "a.png",
    }


def test_photographs_of_a_folder_are_one_specimen(model: Path, specimens: Path, tmp_path: Path) -> None:
    (specimens / "hand piece 1" / "broken.png").write_bytes(b"no photograph")
    found = rows([str(specimens), "--model", str(model), "--specimens"], tmp_path, status=1)
    assert [row["path"] for row in found] == [
        f"{specimens}/hand piece 1/broken.png",
        f"{specimens}/hand piece 1",
        f"{specimens}/hand piece 2",
    ]
    assert [row["photographs"] for row in found] == [None, 3, 1]
    expected = seen(model, sorted((specimens / "hand piece 1").glob("[0-9].png"))).probabilities.mean(axis=0)
    assert [found[1][f"p_{name}"] for name in CLASSES] == pytest.approx(expected.tolist(), abs=2e-6)


def test_field_tests_reweight_by_bayes_rule(model: Path, specimens: Path, tmp_path: Path) -> None:
    own = tmp_path / "properties.csv"
    own.write_text(PROPERTIES, encoding="utf-8")
    asked = [str(specimens), "--model", str(model), "--properties", str(own)]
    before, after = rows(asked, tmp_path), rows([*asked, "--acid", "fizzes"], tmp_path)
    odds = (0.95 + 0.05 / 3) / (0.05 / 3)
    for one, other in zip(before, after, strict=True):
        prior = one["p_Marble"] / one["p_Basalt"]
        assert other["p_Marble"] / other["p_Basalt"] == pytest.approx(prior * odds, rel=1e-3)
        assert other["familiarity"] == one["familiarity"]


def test_field_tests_of_each_stand_in_a_table(model: Path, specimens: Path, tmp_path: Path) -> None:
    own, tests = tmp_path / "properties.csv", tmp_path / "tests.csv"
    own.write_text(PROPERTIES, encoding="utf-8")
    tests.write_text("file,acid\nhand piece 2,fizzes\n", encoding="utf-8")
    asked = [str(specimens), "--model", str(model), "--properties", str(own), "--specimens"]
    before, after = rows(asked, tmp_path), rows([*asked, "--tests", str(tests)], tmp_path)
    assert after[0] == before[0]
    assert after[1]["p_Marble"] > before[1]["p_Marble"]


def test_mistakes_are_one_line(model: Path, specimens: Path, capfd: pytest.CaptureFixture[str]) -> None:
    asked = ["predict", str(specimens), "--model", str(model)]
    assert cli.main([*asked, "--acid", "wine"]) == 1
    assert "acid 'wine'; allowed: none, powdered, fizzes" in capfd.readouterr().err
    assert cli.main([*asked, "--specimens", "--resume", "--output", "x.csv"]) == 1
    assert "--resume goes on photograph by photograph" in capfd.readouterr().err

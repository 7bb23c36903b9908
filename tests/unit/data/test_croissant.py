"""Croissant metadata, read by MLCommons' own reader."""

import json
from pathlib import Path
from typing import Any

import mlcroissant
import pytest

from lithoscope.cli.main import main
from lithoscope.data.sources.catalogue import Catalogue, Entry, write_catalogue
from lithoscope.data.sources.minerals import Minerals

SPLITS = """id,path,label,split,group,specimen,photographer,locality,weight,reason
a.jpg,raw/a.jpg,quartz,train,a.jpg,piece 1,,,1.0,
"b, c.jpg","raw/b, c.jpg",quartz,test,"b, c.jpg",,,,1.0,
d.jpg,raw/d.jpg,bornite,test,d.jpg,,,,1.0,
e.jpg,raw/e.jpg,bornite,,e.jpg,,,,1.0,a repeat
"""


@pytest.fixture
def described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    labels = {"a.jpg": "quartz", "b, c.jpg": "quartz", "d.jpg": "bornite", "e.jpg": "bornite"}
    entries = [
        Entry(name, f"raw/{name}", label, "", "", "", "", 1.0, f"{place:064x}", "0" * 16, 640 + place, 480, "JPEG")
        for place, (name, label) in enumerate(labels.items())
    ]
    write_catalogue(Catalogue(entries, [], []), Minerals(), False, tmp_path / "build")
    (tmp_path / "build" / "splits.csv").write_text(SPLITS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["croissant", "--output", "described"]) == 0
    return tmp_path / "described"


def test_it_is_valid_and_its_records_are_the_photographs(described: Path) -> None:
    dataset = mlcroissant.Dataset(jsonld=described / "croissant.json")
    assert not dataset.metadata.ctx.issues.errors
    rows: list[dict[str, Any]] = list(dataset.records("photographs"))
    found = {row["photographs/id"].decode(): row for row in rows}
    assert set(found) == {"a.jpg", "b, c.jpg", "d.jpg"}
    assert found["b, c.jpg"]["photographs/label"] == b"quartz"
    assert found["b, c.jpg"]["photographs/split"] == b"test"
    assert found["a.jpg"]["photographs/specimen"] == b"piece 1"
    assert found["d.jpg"]["photographs/width"] == 642
    classes = {row["classes/name"]: row["classes/photographs"] for row in dataset.records("classes")}
    assert len(classes) == 2


def test_it_says_whom_to_cite_and_what_is_known_of_the_rights(described: Path) -> None:
    said = json.loads((described / "croissant.json").read_text(encoding="utf-8"))
    assert said["citeAs"] == Minerals.citation
    assert said["license"] == Minerals.rights
    assert "3 photographs of 2 classes (test 2, train 1)" in said["description"]
    splits = next(one for one in said["recordSet"] if one["@id"] == "splits")
    assert splits["data"] == [
        {"splits/name": "test", "splits/photographs": 2},
        {"splits/name": "train", "splits/photographs": 1},
    ]


def test_without_a_split_it_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["croissant"]) == 1
    assert capsys.readouterr().err == "error: build/dataset.json is missing: `dvc repro` makes it\n"

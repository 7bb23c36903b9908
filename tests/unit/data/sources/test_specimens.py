"""The built-in specimens come from data/, which DVC pulls."""

from pathlib import Path

import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.sources.base import Request
from lithoscope.data.sources.specimens import Specimens

from helpers.photographs_on_disk import class_folders, tree


def test_specimens_are_copied_with_their_official_splits(tmp_path: Path) -> None:
    source = tmp_path / "data" / "specimens"
    for split in ("train", "test"):
        class_folders(source, "quartz", "pyrite", below=split)
    (source / "catalogue.csv").write_text("id\n", encoding="utf-8")
    obtained = tmp_path / "obtained"
    obtained.mkdir()
    Specimens().obtain(obtained, Request(None, "", tmp_path, data=tmp_path / "data"))
    assert tree(obtained) == tree(source)
    files = Specimens().photographs(obtained)
    assert {(file.label, file.official_split) for file in files} == {
        (label, split) for label in ("quartz", "pyrite") for split in ("train", "test")
    }
    assert len(files) == 8


@pytest.mark.parametrize("there", [None, "data", "data/specimens/train"])
def test_specimens_that_are_not_pulled_name_the_command(tmp_path: Path, there: str | None) -> None:
    if there:
        (tmp_path / there).mkdir(parents=True)
    with pytest.raises(LithoscopeError, match=r"run `dvc pull data\.dvc`"):
        Specimens().obtain(tmp_path, Request(None, "", tmp_path, data=tmp_path / "data"))


def test_specimens_say_that_they_are_synthetic() -> None:
    assert Specimens.synthetic
    assert "synthetic" in Specimens.title

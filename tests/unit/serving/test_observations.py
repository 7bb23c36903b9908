from pathlib import Path

import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.serving.observations import read_observations

ROCKS = ["Marble", "Basalt"]


def table(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_tests_of_all_and_of_each_go_together(tmp_path: Path) -> None:
    each = table(tmp_path / "tests.csv", "file,acid,hardness\nnew/a.jpg,fizzes,\nb.jpg,,3-4\n")
    found = read_observations(ROCKS, {"magnetism": "none"}, each, None)
    first, second, third = (found.of(f"new/{name}.jpg") for name in "abc")
    assert first is not None
    assert second is not None
    assert third is not None
    assert first.found == {"magnetism": "none", "acid": "fizzes"}
    assert second.found == {"magnetism": "none", "hardness": "3-4"}
    assert third.found == {"magnetism": "none"}
    assert third.properties["Marble"].hardness == (3, 4)


def test_a_line_about_a_photograph_that_is_not_there_is_refused(tmp_path: Path) -> None:
    each = table(tmp_path / "tests.csv", "file,acid\nz.jpg,fizzes\n")
    found = read_observations(ROCKS, {}, each, None)
    with pytest.raises(LithoscopeError, match=r"'z.jpg' is none of what is asked about"):
        found.require_used(["new/a.jpg"], each)
    found.require_used(["old/z.jpg"], each)


def test_classes_that_no_table_knows_need_a_table_of_their_own(tmp_path: Path) -> None:
    assert read_observations(["Tuff"], {}, None, None).of("a.jpg") is None
    with pytest.raises(LithoscopeError, match="give --properties TABLE"):
        read_observations(["Tuff"], {"acid": "none"}, None, None)
    own = table(tmp_path / "properties.csv", "class,acid\nTuff,none\n")
    assert read_observations(["Tuff"], {"acid": "none"}, None, own).of("a.jpg") is not None
    with pytest.raises(LithoscopeError, match="it knows none of the model's classes: Marble, Basalt"):
        read_observations(ROCKS, {}, None, own)


def test_mistakes_are_said_before_the_first_photograph(tmp_path: Path) -> None:
    with pytest.raises(LithoscopeError, match="acid 'wine'; allowed: none, powdered, fizzes"):
        read_observations(ROCKS, {"acid": "wine"}, None, None)
    with pytest.raises(LithoscopeError, match="hardness 'soft'"):
        read_observations(ROCKS, {}, table(tmp_path / "tests.csv", "file,hardness\na.jpg,soft\n"), None)
    with pytest.raises(LithoscopeError, match="no column file"):
        read_observations(ROCKS, {}, table(tmp_path / "tests.csv", "path,hardness\na.jpg,3\n"), None)
    with pytest.raises(LithoscopeError, match="is missing"):
        read_observations(ROCKS, {}, tmp_path / "nowhere.csv", None)

"""The walk through a folder never leaves it and never runs in circles."""

import os
from pathlib import Path

import pytest

from lithoscope.data.sources import listing
from lithoscope.data.sources.listing import printable, refusal, visible_files, visible_folders


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def test_files_are_listed_sorted_without_those_of_operating_systems(tmp_path: Path) -> None:
    make(
        tmp_path,
        "b/1",
        "a/x y [1]/2",
        "a/3",
        "Thumbs.db",
        "a/.DS_Store",
        "__MACOSX/a/3",
        ".git/config",
        "a/desktop.ini",
    )
    assert visible_files(tmp_path) == ["a/3", "a/x y [1]/2", "b/1"]
    assert [folder.name for folder in visible_folders(tmp_path)] == ["a", "b"]


def test_links_to_files_are_read_wherever_they_lead_and_others_have_their_reasons(tmp_path: Path) -> None:
    root = tmp_path / "set"
    make(root, "a/1")
    make(tmp_path, "secret", "setting/2")
    (root / "a" / "inside").symlink_to("1")
    (root / "a" / "outside").symlink_to(tmp_path / "secret")
    (root / "a" / "beside").symlink_to(tmp_path / "setting" / "2")  # "…/setting" only begins like "…/set"
    (root / "a" / "dead").symlink_to("nothing")
    (root / "a" / "circle").symlink_to("circle")
    (root / "b").symlink_to(root / "a")
    (root / "a" / "up").symlink_to("..")
    os.mkfifo(root / "a" / "pipe")
    reasons = {name: refusal(root, name) for name in visible_files(root)}
    assert reasons == {
        "a/1": None,
        "a/inside": None,
        "a/outside": None,
        "a/beside": None,
        "a/dead": "a link to nothing",
        "a/circle": "a link to nothing",
        "a/up": "a link to a folder, which is not followed",
        "a/pipe": "not a regular file",
        "b": "a link to a folder, which is not followed",
    }
    assert [folder.name for folder in visible_folders(root)] == ["a"]


def test_a_link_whose_content_is_elsewhere_says_how_to_fetch_it(tmp_path: Path) -> None:
    (tmp_path / "annexed").symlink_to(".git/annex/objects/p8/6w/MD5E-s9--ab.jpg/MD5E-s9--ab.jpg")
    (tmp_path / "cached").symlink_to("/home/ann/.dvc/cache/files/md5/0a/" + 30 * "b")
    assert "datalad get" in (refusal(tmp_path, "annexed") or "")
    assert "dvc pull" in (refusal(tmp_path, "cached") or "")


def test_a_folder_that_is_reached_by_a_link_holds_its_own_links(tmp_path: Path) -> None:
    make(tmp_path, "real/a/1")
    (tmp_path / "real" / "a" / "2").symlink_to("1")
    (tmp_path / "name").symlink_to("real")
    assert refusal(tmp_path / "name", "a/2") is None


def test_very_large_files_are_refused_unopened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a")
    with (tmp_path / "a").open("r+b") as stream:
        stream.truncate(listing.MAX_FILE_BYTES + 1)  # sparse: takes no room
    assert refusal(tmp_path, "a") == "larger than 512 MiB"


def test_names_that_are_no_utf_8_are_refused_and_can_be_shown(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"gr\xfcn")).write_bytes(b"x")
    [name] = visible_files(tmp_path)
    assert refusal(tmp_path, name) == "its name is not valid UTF-8"
    assert printable(name) == "gr\\xfcn"
    assert printable("grün") == "grün"

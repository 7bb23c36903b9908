"""The walk through a folder never leaves it and never runs in circles."""

import os
from pathlib import Path

import pytest

from lithoscope.data.fetching import limits
from lithoscope.data.sources.listing import linked_folders, printable, refusal, unsafe, visible_files, visible_folders


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


@pytest.mark.kind(
    about="layouts",
    kind="photographs that are links: DVC's cache, git-annex, DataLad",
    done="read wherever they point; a link to nothing, to a pipe or in a circle is set aside with its own reason",
    reported="treeverse/dvc#10237",
)
def test_links_to_files_are_read_wherever_they_lead_and_others_have_their_reasons(tmp_path: Path) -> None:
    root = tmp_path / "set"
    make(root, "a/1")
    make(tmp_path, "secret", "setting/2")
    (root / "a" / "inside").symlink_to("1")
    (root / "a" / "outside").symlink_to(tmp_path / "secret")
    (root / "a" / "beside").symlink_to(tmp_path / "setting" / "2")  # "…/setting" only begins like "…/set"
    (root / "a" / "dead").symlink_to("nothing")
    (root / "a" / "circle").symlink_to("circle")
    (root / "a" / "up").symlink_to("..")
    (root / "a" / "far up").symlink_to("/")
    os.mkfifo(root / "a" / "pipe")
    reasons = {name: refusal(root, name) for name in visible_files(root)}
    assert reasons == {
        "a/1": None,
        "a/inside": None,
        "a/outside": None,
        "a/beside": None,
        "a/dead": "a link to nothing",
        "a/circle": "a link to nothing",
        "a/up": "a link that leads back to a folder around it",
        "a/far up": "a link that leads back to a folder around it",
        "a/pipe": "not a regular file",
    }
    assert [folder.name for folder in visible_folders(root)] == ["a"]


@pytest.mark.kind(
    about="layouts",
    kind="folders that are links, also to each other",
    done="followed; one that leads back to a folder around it is set aside",
    reported="treeverse/dvc#4160",
)
def test_links_to_folders_are_followed_and_circles_end(tmp_path: Path) -> None:
    root = tmp_path / "set"
    make(root, "a/1")
    make(tmp_path, "elsewhere/2", "elsewhere/deep/3")
    (root / "b").symlink_to(tmp_path / "elsewhere")
    (root / "c").symlink_to("a")
    (root / "a" / "to b").symlink_to("../b")  # and from there back to a
    (tmp_path / "elsewhere" / "to a").symlink_to(root / "a")
    files = visible_files(root)
    assert [name for name in files if refusal(root, name) is None] == [
        "a/1",
        "a/to b/2",
        "a/to b/deep/3",
        "b/2",
        "b/deep/3",
        "b/to a/1",
        "c/1",
        "c/to b/2",
        "c/to b/deep/3",
    ]
    circles = {name: refusal(root, name) for name in files if refusal(root, name)}
    assert set(circles.values()) == {"a link that leads back to a folder around it"}
    assert sorted(circles) == ["a/to b/to a", "b/to a/to b", "c/to b/to a"]
    assert linked_folders(root) == ["a/to b", "b", "b/to a", "c", "c/to b"]
    assert [folder.name for folder in visible_folders(root)] == ["a", "b", "c"]


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


def test_very_large_files_are_refused_unopened(tmp_path: Path) -> None:
    make(tmp_path, "a")
    with (tmp_path / "a").open("r+b") as stream:
        stream.truncate(limits.MAX_FILE_BYTES + 1)  # sparse: takes no room
    assert refusal(tmp_path, "a", 60) == (
        "larger than 512 MiB, the most that max_megapixels = 60 lets a file have: raise that in params.yaml for a "
        "stitched scan"
    )
    assert refusal(tmp_path, "a", 179) is None, "a scan of three bytes a pixel, as it is"
    os.truncate(tmp_path / "a", 179 * 8_000_000 + 1)
    assert "max_megapixels = 179" in (refusal(tmp_path, "a", 179) or "")
    assert refusal(tmp_path, "a", 180) is None


def test_names_that_are_no_utf_8_are_refused_and_can_be_shown(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"gr\xfcn")).write_bytes(b"x")
    [name] = visible_files(tmp_path)
    assert refusal(tmp_path, name) == "its name is not valid UTF-8"
    assert printable(name) == "gr\\xfcn"
    assert printable("grün") == "grün"


def test_ordinary_names_are_safe() -> None:
    for name in ("S_Rock Salt_02.jpg", "Fig 1: rocks.pdf", "...", "Größe.txt", "console.txt"):
        assert unsafe(name) is None

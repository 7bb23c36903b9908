"""Every file is hashed, decoded and measured, or set aside with its reason, and the run goes on."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.images.decode import read_downloaded
from lithoscope.data.images.perceptual_hash import perceptual_hash
from lithoscope.data.images.reading import ReadingSettings
from lithoscope.data.sources.base import Photograph
from lithoscope.data.sources.catalogue import catalogue, write_catalogue
from lithoscope.data.sources.folder import FolderSet
from lithoscope.data.sources.specimens import Specimens

from helpers.photographs_on_disk import class_folders, photograph


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two classes with good photographs, and one bad file of each sort."""
    root = class_folders(tmp_path / "raw", "quartz", "Rock Salt [x]")
    bad = root / "quartz"
    (bad / "notes.txt").write_text("not a photograph", encoding="utf-8")
    (bad / "empty.jpg").write_bytes(b"")
    photograph(bad / "small.png", size=(31, 90))
    photograph(bad / "cut.jpg")
    (bad / "cut.jpg").write_bytes((bad / "cut.jpg").read_bytes()[:-300])
    (bad / "link.png").symlink_to("/etc/hostname")
    (bad / "Thumbs.db").write_bytes(b"x")
    photograph(root / "loose.png")
    return root


def listed(root: Path) -> list[Photograph]:
    return FolderSet().photographs(root)


def test_good_photographs_are_catalogued_and_bad_files_set_aside_with_reasons(root: Path) -> None:
    found = catalogue(root, listed(root), prefix="build/raw/")
    assert [entry.id for entry in found.entries] == [
        "Rock Salt [x]/0.png",
        "Rock Salt [x]/1.png",
        "quartz/0.png",
        "quartz/1.png",
    ]
    assert [(item.id, item.path, item.label, item.reason) for item in found.set_aside] == [
        ("loose.png", "", "", "in no class folder"),
        ("quartz/cut.jpg", "build/raw/quartz/cut.jpg", "quartz", "truncated"),
        ("quartz/empty.jpg", "build/raw/quartz/empty.jpg", "quartz", "an empty file"),
        ("quartz/link.png", "build/raw/quartz/link.png", "quartz", "not an image"),
        ("quartz/notes.txt", "build/raw/quartz/notes.txt", "quartz", "not an image"),
        ("quartz/small.png", "build/raw/quartz/small.png", "quartz", "31 by 90 px, smaller than 32 px"),
    ]


def test_an_entry_describes_the_upright_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = photograph(tmp_path / "a" / "1.jpg", size=(64, 40), exif=exif)
    photograph(tmp_path / "b" / "1.png")
    entry = catalogue(tmp_path, [Photograph("a/1.jpg", "a", "val"), Photograph("b/1.png", "b")]).entries[0]
    assert (entry.width, entry.height) == (40, 64)
    assert entry.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(entry.phash) == 16
    assert int(entry.phash, 16) >= 0
    assert (entry.label, entry.official_split, entry.format) == ("a", "val", "JPEG")


def test_the_tables_have_their_columns_and_the_same_bytes_whatever_the_order(root: Path, tmp_path: Path) -> None:
    files = listed(root)
    write_catalogue(catalogue(root, files), FolderSet(), False, tmp_path / "one")
    write_catalogue(catalogue(root, files[::-1]), FolderSet(), False, tmp_path / "two")
    for name in ("index.csv", "set_aside.csv", "dataset.json"):
        content = (tmp_path / "one" / name).read_bytes()
        assert content == (tmp_path / "two" / name).read_bytes()
        assert b"\r" not in content
    index = pd.read_csv(tmp_path / "one" / "index.csv", keep_default_na=False)
    assert list(index.columns) == [
        "id",
        "path",
        "label",
        "official_split",
        "specimen",
        "photographer",
        "locality",
        "weight",
        "sha256",
        "phash",
        "width",
        "height",
        "format",
    ]
    assert index["id"].is_monotonic_increasing
    set_aside = pd.read_csv(tmp_path / "one" / "set_aside.csv", keep_default_na=False)
    assert list(set_aside.columns) == ["id", "path", "label", "reason"]


def test_the_description_names_classes_and_says_what_is_synthetic(root: Path, tmp_path: Path) -> None:
    found = catalogue(root, listed(root))
    write_catalogue(found, FolderSet(), True, tmp_path)
    description = json.loads((tmp_path / "dataset.json").read_text(encoding="utf-8"))
    assert description["name"] == "folder"
    assert description["classes"] == ["Rock Salt [x]", "quartz"]
    assert description["coarse_classes"] == {}
    assert (description["synthetic"], description["human_data"]) == (False, True)
    write_catalogue(found, Specimens(), False, tmp_path)
    assert json.loads((tmp_path / "dataset.json").read_text(encoding="utf-8"))["synthetic"] is True


def test_a_class_that_would_be_left_empty_ends_the_run_with_names_counts_and_reasons(root: Path) -> None:
    for number in range(5):
        (root / "pyrite").mkdir(exist_ok=True)
        (root / "pyrite" / f"{number}.jpg").write_bytes(b"no photograph")
    with pytest.raises(LithoscopeError) as caught:
        catalogue(root, listed(root))
    assert "class pyrite: none of its 5 files" in str(caught.value)
    assert "pyrite/0.jpg (not an image), pyrite/1.jpg (not an image), pyrite/2.jpg (not an image);" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_in_an_error_stay_on_its_line(root: Path, tmp_path: Path) -> None:
    (root / "py\nrite").mkdir()
    (root / "py\nrite" / "a\x1b[2J.jpg").write_bytes(b"no photograph")
    with pytest.raises(LithoscopeError) as caught:
        catalogue(root, listed(root))
    assert str(caught.value).isprintable()
    assert "class py\\nrite: none of its 1 files" in str(caught.value)
    assert "py\\nrite/a\\x1b[2J.jpg (not an image)" in str(caught.value)
    class_folders(tmp_path / "tested", "a", "b", below="train")
    class_folders(tmp_path / "tested", "a", "c\n", below="test")
    with pytest.raises(LithoscopeError, match=r"^class c\\n has photographs for the test only"):
        catalogue(tmp_path / "tested", listed(tmp_path / "tested"))


def test_a_class_that_is_only_tested_ends_the_run(tmp_path: Path) -> None:
    class_folders(tmp_path, "a", "b", below="train")
    class_folders(tmp_path, "a", "c", below="test")
    with pytest.raises(LithoscopeError, match="class c has photographs for the test only"):
        catalogue(tmp_path, listed(tmp_path))


def test_no_photographs_at_all_is_an_error(tmp_path: Path) -> None:
    photograph(tmp_path / "a.png")
    with pytest.raises(LithoscopeError, match="no photographs"):
        catalogue(tmp_path, [Photograph("a.png", "")])


def test_names_that_are_no_utf_8_are_set_aside_and_can_be_written(root: Path, tmp_path: Path) -> None:
    shutil.copy(root / "quartz" / "0.png", root / "quartz" / os.fsdecode(b"gr\xfcn.png"))
    found = catalogue(root, listed(root))
    assert ("quartz/gr\\xfcn.png", "its name is not valid UTF-8") in [
        (item.id, item.reason) for item in found.set_aside
    ]
    write_catalogue(found, FolderSet(), False, tmp_path / "out")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_set_aside(root: Path) -> None:
    (root / "quartz" / "0.png").chmod(0)
    found = catalogue(root, listed(root))
    assert {item.id: item.reason for item in found.set_aside}["quartz/0.png"] == "permission denied"


def stack(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = [Image.effect_noise((48, 40), 60 + number).convert("RGB") for number in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def test_what_was_done_to_a_photograph_stands_in_a_table_of_notes(root: Path, tmp_path: Path) -> None:
    stack(root / "quartz" / "stack.tif")
    found = catalogue(root, listed(root), prefix="build/raw/")
    write_catalogue(found, FolderSet(), False, tmp_path / "tables")
    table = pd.read_csv(tmp_path / "tables" / "notes.csv", keep_default_na=False)
    assert table.to_dict("records") == [
        {
            "id": "quartz/stack.tif",
            "path": "build/raw/quartz/stack.tif",
            "label": "quartz",
            "note": "3 pages: the first full-size one is used, page 1",
        }
    ]


def test_each_page_is_a_photograph_of_one_specimen(root: Path) -> None:
    stack(root / "quartz" / "stack.tif")
    settings = ReadingSettings(pages="each")
    found = catalogue(root, listed(root), prefix="build/raw/", settings=settings)
    pages = [entry for entry in found.entries if "stack" in entry.id]
    assert [page.id for page in pages] == ["quartz/stack.tif", "quartz/stack.tif#page=2", "quartz/stack.tif#page=3"]
    assert {page.specimen for page in pages} == {"quartz/stack.tif"}
    assert len({page.sha256 for page in pages}) == len({page.phash for page in pages}) == 3
    assert {entry.specimen for entry in found.entries} == {"quartz/stack.tif", ""}
    again = read_downloaded(str(root / pages[1].id), settings)
    assert perceptual_hash(again) == pages[1].phash

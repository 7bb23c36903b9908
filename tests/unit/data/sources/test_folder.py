"""One folder a class; train/, val/ and test/ are honoured where they exist."""

import os
import unicodedata
from pathlib import Path

import pytest

from lithoscope.config.params import FolderParameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.data.sources.base import Photograph, Request
from lithoscope.data.sources.folder import FolderSet
from lithoscope.data.sources.listing import refusal

from helpers.photographs_on_disk import class_folders, photograph


def listed(root: Path) -> list[tuple[str, str, str]]:
    return [(file.id, file.label, file.official_split) for file in FolderSet().photographs(root)]


def test_the_folder_is_the_class_at_any_depth_and_under_any_name(tmp_path: Path) -> None:
    for name in (
        "Rock Salt (1)/a.jpg",
        "Rock Salt (1)/deep/er/b",
        "Quarzit [grün]/c.png",
        "石英/d",
        "quartz/e",
        "Quartz/f",
    ):
        photograph(tmp_path / name)
    assert listed(tmp_path) == [
        ("Quartz/f", "Quartz", ""),
        ("Quarzit [grün]/c.png", "Quarzit [grün]", ""),
        ("Rock Salt (1)/a.jpg", "Rock Salt (1)", ""),
        ("Rock Salt (1)/deep/er/b", "Rock Salt (1)", ""),
        ("quartz/e", "quartz", ""),
        ("石英/d", "石英", ""),
    ]


@pytest.mark.kind(
    about="layouts",
    kind="`Training Set`, `test_set`, `Validation-Images`, `Dev` around the classes",
    done="recognised as splits",
    reported="evandez/neuron-descriptions#2",
)
@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        ("train", "val", "test"),
        ("Training", "valid", "TEST"),
        ("train", "validation", "testing"),
        ("Training Set", "Validation-Images", "test_set"),
        ("TrainData", "Dev", "photos_test"),
    ],
)
def test_official_splits_are_honoured(tmp_path: Path, train: str, val: str, test: str) -> None:
    for split in (train, val, test):
        class_folders(tmp_path, "a", "b", each=1, below=split)
    assert {(name.split("/")[0], label, split) for name, label, split in listed(tmp_path)} == {
        (folder, label, split) for folder, split in [(train, "train"), (val, "val"), (test, "test")] for label in "ab"
    }


def test_beside_a_test_folder_alone_the_rest_is_still_to_be_split(tmp_path: Path) -> None:
    class_folders(tmp_path, "a", "b", each=1)
    class_folders(tmp_path, "a", "b", each=1, below="test")
    assert [(label, split) for _, label, split in listed(tmp_path)] == [
        ("a", ""),
        ("b", ""),
        ("a", "test"),
        ("b", "test"),
    ]


def test_a_class_may_be_called_like_a_split(tmp_path: Path) -> None:
    class_folders(tmp_path, "test", "quartz", each=1)
    assert listed(tmp_path) == [("quartz/0.png", "quartz", ""), ("test/0.png", "test", "")]


@pytest.mark.kind(
    about="layouts",
    kind='file names with "train" in them, folders such as `trainspotting`',
    done="decide nothing",
    reported="–",
)
def test_a_file_name_decides_nothing_and_a_folder_that_only_resembles_a_split_is_a_class(tmp_path: Path) -> None:
    for name in ("a/train_1.png", "b/test/1.png", "trainspotting/x/1.png", "latest/x/1.png", "Teste/x/1.png"):
        photograph(tmp_path / name)
    assert {(label, split) for _, label, split in listed(tmp_path)} == {
        ("a", ""),
        ("b", ""),
        ("trainspotting", ""),
        ("latest", ""),
        ("Teste", ""),
    }


def nested(root: Path, *names: str) -> Path:
    for name in names:
        photograph(root / name)
    return root


def test_nested_folders_are_classes_with_the_upper_level_as_the_coarse_class(tmp_path: Path) -> None:
    nested(tmp_path, "Igneous/Basalt/1.png", "Igneous/Granite/a/2.png", "Sedimentary/Chalk/3.png", "Igneous/loose.png")
    deep = FolderSet(FolderParameters(depth=2))
    files = {file.id: file.label for file in deep.photographs(tmp_path)}
    assert files == {
        "Igneous/Basalt/1.png": "Basalt",
        "Igneous/Granite/a/2.png": "Granite",
        "Igneous/loose.png": "",
        "Sedimentary/Chalk/3.png": "Chalk",
    }
    assert deep.coarse_classes(["Basalt", "Chalk", "Granite"]) == {
        "Basalt": "Igneous",
        "Chalk": "Sedimentary",
        "Granite": "Igneous",
    }
    assert FolderSet().coarse_classes(["Igneous"]) == {}


def test_nested_folders_below_splits_are_the_same_classes(tmp_path: Path) -> None:
    nested(tmp_path, "train/I/a/1.png", "train/S/b/1.png", "Test Set/I/a/2.png", "Test Set/S/b/2.png")
    found = FolderSet(FolderParameters(depth=2)).photographs(tmp_path)
    assert {(file.label, file.official_split) for file in found} == {
        (label, split) for label in "ab" for split in ("train", "test")
    }


def test_two_classes_of_one_inner_name_keep_the_outer_one(tmp_path: Path) -> None:
    nested(tmp_path, "Igneous/other/1.png", "Sedimentary/other/1.png", "Sedimentary/Chalk/1.png")
    found = FolderSet(FolderParameters(depth=2)).photographs(tmp_path)
    assert [file.label for file in found] == ["Igneous/other", "Chalk", "Sedimentary/other"]


def test_an_empty_inner_class_is_refused_by_name(tmp_path: Path) -> None:
    nested(tmp_path, "I/a/1.png", "I/b/1.png")
    (tmp_path / "S" / "c").mkdir(parents=True)
    with pytest.raises(LithoscopeError, match=r"class S/c holds no file"):
        FolderSet(FolderParameters(depth=2)).photographs(tmp_path)


@pytest.mark.kind(
    about="encodings",
    kind="class names in composed and in decomposed Unicode, as macOS writes them",
    done="one class",
    reported="rfjakob/gocryptfs#992",
)
def test_composed_and_decomposed_names_are_one_class(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "Grès") for form in ("NFC", "NFD"))
    assert composed != decomposed
    nested(tmp_path, f"train/{composed}/1.png", f"test/{decomposed}/2.png", "train/b/1.png")
    assert {label for _, label, _ in listed(tmp_path)} == {composed, "b"}


def test_files_and_folders_in_no_class_have_no_label(tmp_path: Path) -> None:
    class_folders(tmp_path, "a", "b", each=1, below="train")
    for name in ("readme.txt", "train/loose.png", "extra/c.png"):
        photograph(tmp_path / name)
    assert [name for name, label, _ in listed(tmp_path) if not label] == [
        "extra/c.png",
        "readme.txt",
        "train/loose.png",
    ]


def refused(root: Path) -> str:
    with pytest.raises(LithoscopeError) as caught:
        FolderSet().photographs(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_fewer_than_two_classes_are_refused(tmp_path: Path) -> None:
    assert "at least two classes are needed" in refused(tmp_path)
    photograph(tmp_path / "loose.png")
    assert "found 1 files in no class folder" in refused(tmp_path)
    class_folders(tmp_path, "quartz")
    assert "found one class (quartz)" in refused(tmp_path)


def test_class_folders_that_are_links_are_classes(tmp_path: Path) -> None:
    class_folders(tmp_path / "elsewhere", "a", "b")
    (tmp_path / "set").mkdir()
    for label in ("a", "b"):
        (tmp_path / "set" / label).symlink_to(tmp_path / "elsewhere" / label)
    (tmp_path / "set" / "a" / "back").symlink_to(tmp_path)
    found = FolderSet().photographs(tmp_path / "set")
    assert {file.label for file in found} == {"a", "b"}
    assert all(refusal(tmp_path / "set", file.id) is None for file in found if not file.id.endswith("back"))


@pytest.mark.kind(
    about="layouts", kind="an empty folder of a class", done="refused by its name", reported="pytorch/vision#4925"
)
def test_an_empty_class_folder_is_refused_by_name(tmp_path: Path) -> None:
    class_folders(tmp_path, "a", "b")
    (tmp_path / "muscovite").mkdir()
    (tmp_path / "muscovite" / ".DS_Store").write_bytes(b"x")
    assert "class muscovite holds no file: fill or remove the folder" in refused(tmp_path)


def test_a_class_whose_files_are_all_refused_names_the_reasons(tmp_path: Path) -> None:
    class_folders(tmp_path, "a", "b")
    (tmp_path / "c").mkdir()
    for name in ("1.jpg", "2.jpg"):
        (tmp_path / "c" / name).symlink_to("nowhere")
    os.mkfifo(tmp_path / "c" / "3.jpg")
    assert refused(tmp_path).endswith(
        "class c holds no file that can be opened: 2 × a link to nothing, 1 × not a regular file"
    )


def test_without_a_mirror_the_remedy_is_named(tmp_path: Path) -> None:
    with pytest.raises(LithoscopeError, match="run `lithoscope use PATH`"):
        FolderSet().obtain(tmp_path, Request(None, "", tmp_path))


def test_photographs_sort_by_id() -> None:
    assert sorted([Photograph("b", "x"), Photograph("a", "y")])[0].id == "a"

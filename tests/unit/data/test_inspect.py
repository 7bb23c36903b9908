"""What `lithoscope use PATH` sees in a place, and what it writes into params.yaml."""

import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lithoscope.config.params import NO_TABLE, FolderParameters, SplitParameters, load_parameters
from lithoscope.config.yaml import read_yaml
from lithoscope.core.errors import LithoscopeError
from lithoscope.data.inspect import _surely_enough, inspect_source, require_splittable
from lithoscope.data.set_source import mirror_value, set_source
from lithoscope.data.sources.catalogue import Entry
from lithoscope.data.sources.minerals import MINERALS
from lithoscope.data.splits.split import split_photographs

from helpers.photographs_on_disk import class_folders, photograph, tree

SPLIT = SplitParameters(seed=0, test=0.2, validation=0.1, folds=0, fold=0)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Photographs with official splits, in a folder with blanks and brackets, one file of them bad."""
    root = tmp_path / "My Rocks (1) [x]"
    class_folders(root, "quartz", "Rock Salt", each=3, below="train")
    class_folders(root, "quartz", "Rock Salt", each=1, below="test")
    (root / "train" / "quartz" / "notes.txt").write_text("no photograph", encoding="utf-8")
    return root


def test_a_folder_is_described_with_classes_splits_and_what_would_be_set_aside(own: Path) -> None:
    before = tree(own)
    found = inspect_source(own)
    assert (found.path, found.dataset, found.photographs) == (own, "folder", 8)
    assert found.counts == {"quartz": {"train": 3, "test": 1}, "Rock Salt": {"train": 3, "test": 1}}
    assert found.splits == {"train": 6, "test": 2}
    text = found.describe()
    assert "8 photographs of 2 classes; train 6, test 2" in text
    assert "1 file would be set aside:\n  train/quartz/notes.txt: not an image" in text
    assert tree(own) == before


def test_an_archive_is_described_alike_and_leaves_nothing_behind(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "rocks.dat"
    with tarfile.open(archive, "w:gz") as writer:
        writer.add(own, "some folder")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    found = inspect_source(archive)
    assert found.path == archive
    assert found.counts == inspect_source(own).counts
    assert list((tmp_path / "tmp").iterdir()) == []


def test_the_set_is_recognised_by_its_folders(tmp_path: Path) -> None:
    class_folders(tmp_path / "m" / "minet", *(name.title() for name in MINERALS), each=1)
    assert inspect_source(tmp_path / "m").dataset == "minerals"
    class_folders(tmp_path / "split", *MINERALS, each=1, below="train")
    assert inspect_source(tmp_path / "split").dataset == "folder"
    class_folders(tmp_path / "eight", *MINERALS, "calcite", each=1)
    assert inspect_source(tmp_path / "eight").dataset == "folder"
    for name in ("360 Rocks/I_Basalt_01.png", "360 Rocks/S_Rock Salt_01.png", "120 Rocks/I_Basalt_1_120.png"):
        photograph(tmp_path / "osf" / name)
    found = inspect_source(tmp_path / "osf")
    assert found.dataset == "osf-rocks"
    assert found.counts == {"Basalt": {"train": 1, "test": 1}, "Rock Salt": {"train": 1}}


@pytest.mark.kind(
    about="encodings",
    kind="class names that differ in upper and lower case or in blanks",
    done="two classes; `use` points them out",
    reported="–",
)
def test_classes_that_differ_in_case_only_are_pointed_out(tmp_path: Path) -> None:
    class_folders(tmp_path, "Quartz", "quartz", "pyrite", each=1)
    assert "differ only in upper and lower case or in blanks: Quartz, quartz" in inspect_source(tmp_path).describe()


@pytest.mark.kind(
    about="layouts",
    kind="a class of one photograph, or of photographs that stand under another label too",
    done="`use` refuses it with the class, the count and the reason, before `dvc repro` would",
    reported="–",
)
def test_what_split_would_refuse_is_found_before(tmp_path: Path) -> None:
    class_folders(tmp_path, "a", "b", each=4)
    class_folders(tmp_path, "lonely", each=1)
    for number in range(4):
        shutil.copy(tmp_path / "a" / f"{number}.png", tmp_path / "b" / f"copy {number}.png")
    found = inspect_source(tmp_path)
    with pytest.raises(LithoscopeError) as caught:
        require_splittable(found.entries, SPLIT)
    message = str(caught.value)
    assert "each class needs 3 different ones" in message
    assert "a (0 of 0; 4 set aside: same photograph under another label)" in message
    assert "lonely (1 of 1)" in message
    assert "b (" not in message, "it has four photographs of its own"
    (tmp_path / "b").rename(tmp_path.parent / f"{tmp_path.name} gone")
    class_folders(tmp_path, "lonely", each=3)
    require_splittable(inspect_source(tmp_path).entries, SPLIT)


def test_what_is_passed_without_a_closer_look_can_be_split() -> None:
    draws, passed = np.random.default_rng(0), 0
    for _ in range(200):
        splits = draws.choice(["", "train", "val", "test"], size=4, p=[0.7, 0.1, 0.1, 0.1])
        entries = [
            Entry(
                id=f"{number}",
                path="",
                label="ab"[draws.integers(2)],
                official_split=str(draws.choice(splits)),
                specimen="",
                photographer="",
                locality="",
                weight=1.0,
                sha256=f"{number}",
                phash="",
                width=1,
                height=1,
                format="",
            )
            for number in range(int(draws.integers(2, 16)))
        ]
        settings = SplitParameters(seed=0, test=0.2, validation=0.1, folds=int(draws.choice([0, 2, 3])), fold=0)
        if _surely_enough(entries, settings):
            passed += 1
            table = pd.DataFrame([asdict(entry) for entry in entries])
            split_photographs(table, list(range(len(table))), settings)
    assert 20 < passed < 180


@pytest.mark.kind(
    about="layouts",
    kind="nested classes, `Igneous/Basalt`",
    done="`use` shows the classes at each depth; `--depth` chooses, the upper level becomes the coarse class",
    reported="pytorch/vision#2605, pytorch/vision#3130",
)
def test_the_classes_at_each_depth_are_shown(tmp_path: Path) -> None:
    class_folders(tmp_path / "Igneous", "Basalt", "Granite", each=2)
    class_folders(tmp_path / "Sedimentary", "Chalk", each=3)
    text = inspect_source(tmp_path).describe()
    assert "folders are nested; taken: 2 classes of files: Igneous 4, Sedimentary 3" in text
    assert "folders are nested; --depth 2: 3 classes of files: Basalt 2, Granite 2, Chalk 3" in text
    deep = inspect_source(tmp_path, FolderParameters(depth=2))
    assert set(deep.counts) == {"Basalt", "Granite", "Chalk"}
    assert deep.layout.depth == 2
    assert "nested" not in deep.describe()


@pytest.mark.kind(
    about="layouts",
    kind="`Basalt/train`, `Basalt/test` … below every class",
    done="`use` says that these may be splits",
    reported="–",
)
def test_the_same_folders_in_every_class_are_pointed_out(tmp_path: Path) -> None:
    for split in ("part one", "part two"):
        class_folders(tmp_path / split, "a", "b", each=1)
    text = inspect_source(tmp_path).describe()
    assert "the same folders (a, b) lie in each of part one, part two: if those are splits, name them train" in text


@pytest.mark.kind(
    about="layouts",
    kind="folders of splits under names that are no such name: `seg_train`, `train2017`, `Test (20%)`, `extra` beside "
    "`train`",
    done="never taken for classes, nor set aside, without a line that says so",
    reported="–",
)
def test_folders_that_are_perhaps_splits_are_pointed_out(tmp_path: Path) -> None:
    for name in ("seg_train", "test2017", "Val (20%)"):
        class_folders(tmp_path / "a", "x", "y", each=1, below=name)
    text = inspect_source(tmp_path / "a").describe()
    assert "these classes are called like splits: Val (20%), seg_train, test2017: if they are" in text
    for name in ("01_train", "02-Hold-Out"):
        class_folders(tmp_path / "b", "x", "y", each=2, below=name)
    found = inspect_source(tmp_path / "b")
    assert (found.splits, found.notes) == ({"train": 4, "test": 4}, [])
    class_folders(tmp_path / "b", "x", "y", each=1, below="extra")
    assert "extra beside 01_train, 02-Hold-Out: of no split by the name" in inspect_source(tmp_path / "b").describe()
    class_folders(tmp_path / "c", "test", "trainspotting", each=2)
    assert inspect_source(tmp_path / "c").notes == [], "one alone may be a class"


def test_the_depth_is_written_and_goes_back(checkout: Path, tmp_path: Path) -> None:
    params, original = tmp_path / "params.yaml", checkout / "params.yaml"
    params.write_bytes(original.read_bytes())
    first = read_yaml(params)
    set_source(params, "folder", Path("/rocks"), FolderParameters(depth=3))
    assert load_parameters(params).folder.depth == 3
    changed = set(params.read_text("utf-8").splitlines()) - set(original.read_text("utf-8").splitlines())
    assert {line.split(":")[0].strip() for line in changed} == {"dataset", "mirror", "depth"}
    set_source(params, first["dataset"], None)
    assert params.read_bytes() == original.read_bytes()


def test_a_name_cannot_steer_the_terminal(tmp_path: Path) -> None:
    class_folders(tmp_path, "quartz\x1b[31m\n", "pyrite", each=1)
    text = inspect_source(tmp_path).describe()
    assert "\x1b" not in text
    assert "quartz\\x1b[31m\\n" in text


@pytest.mark.parametrize("name", ["nowhere", "notes.txt", "empty", "one"])
def test_a_place_without_a_set_is_one_line_that_names_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").write_text("no archive", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    class_folders(tmp_path / "one", "quartz")
    with pytest.raises(LithoscopeError) as caught:
        inspect_source(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)


def test_what_dvc_could_not_hash_is_named_before_dvc_meets_it(own: Path) -> None:
    odd = own / "train" / "quartz" / ".odd"
    odd.symlink_to("nothing")
    with pytest.raises(LithoscopeError, match="\\.odd: a link to nothing; DVC cannot hash it"):
        inspect_source(own)
    odd.unlink()
    os.mkfifo(odd)
    with pytest.raises(LithoscopeError, match="\\.odd: neither a file nor a folder; DVC cannot hash it"):
        inspect_source(own)


def test_an_error_inside_an_archive_names_the_archive(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as writer:
        writer.add(class_folders(tmp_path / "one", "quartz"), "one")
    with pytest.raises(LithoscopeError, match="at least two classes") as caught:
        inspect_source(tmp_path / "a.tar")
    assert str(caught.value).startswith(f"{tmp_path / 'a.tar'}/one: ")


NAMES = [
    "/photos/rocks",
    "/My Rocks (1) [x]",
    "/a: b #1",
    '/it\'s "quoted"',
    "/{a}, [b]",
    "/back\\slash",
    "/-",
    "/~",
    "/grün 石英",
    "/👩🏽\u200d🔬 🏴\U000e0067",
    "/no\u202fbreak\xa0blank",
    "/tab\tline\nnext\x85\u2028",
    "/%TAG",
    "/100%",
    "/$HOME",
    "/&a *b",
    "/ends with a blank ",
    "/@at",
    "/'",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_path_can_be_written_and_nothing_else_changes(checkout: Path, tmp_path: Path, name: str) -> None:
    original = (checkout / "params.yaml").read_bytes()
    params = tmp_path / "params.yaml"
    params.write_bytes(original)
    set_source(params, "osf-rocks", Path(name))
    assert load_parameters(params).mirror == name
    assert load_parameters(params).dataset == "osf-rocks"
    changed = params.read_bytes().split(b"\n")
    kept = [line for line in original.split(b"\n") if not line.startswith((b"dataset:", b"mirror:"))]
    assert [line for line in changed if not line.startswith((b"dataset:", b"mirror:"))] == kept
    for key in (b"dataset:", b"mirror:"):
        comments = [
            next(line for line in lines if line.startswith(key)).rpartition(b" # ")[2]
            for lines in (changed, original.split(b"\n"))
        ]
        assert comments[0] == comments[1] != b""
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


def test_back_to_the_own_source_gives_the_same_file_again(checkout: Path, tmp_path: Path) -> None:
    original = (checkout / "params.yaml").read_bytes()
    first = read_yaml(checkout / "params.yaml")["dataset"]
    params = tmp_path / "params.yaml"
    params.write_bytes(original)
    set_source(params, "minerals", Path("/a very long path that pushes the comment away"))
    assert params.read_bytes() != original
    set_source(params, first, None)
    assert params.read_bytes() == original


def test_a_relative_path_becomes_absolute(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "params.yaml").write_bytes((checkout / "params.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    set_source(Path("params.yaml"), "folder", Path("sub/../rocks"))
    assert read_yaml(tmp_path / "params.yaml")["mirror"] == str(tmp_path / "rocks")


def test_a_path_that_dvc_keeps_in_the_repository_stays_relative(checkout: Path, tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    params.write_bytes((checkout / "params.yaml").read_bytes())
    (tmp_path / "2024_05").mkdir()
    git = ("git", "-c", "core.excludesFile=/dev/null")
    subprocess.run([*git, "init", "--quiet"], cwd=tmp_path, check=True)
    assert mirror_value(tmp_path / "2024_05", tmp_path) == str(tmp_path / "2024_05"), "nobody keeps it"
    (tmp_path / "2024_05.dvc").write_text("outs: []\n", encoding="utf-8")
    subprocess.run([*git, "add", "2024_05.dvc"], cwd=tmp_path, check=True)
    set_source(params, "folder", tmp_path / "2024_05")
    assert load_parameters(params).mirror == "2024_05", "quoted: it would read as a number"
    assert mirror_value(tmp_path / "2024_05" / "sub", tmp_path) == "2024_05/sub"
    assert mirror_value(tmp_path / "data", tmp_path) == str(tmp_path / "data"), "`data` means the set's own source"
    assert mirror_value(tmp_path, tmp_path) == str(tmp_path)


def test_windows_line_ends_stay(tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    params.write_bytes(b"dataset: x # a\r\nmirror: y\r\nlr: 1e-3\r\n")
    set_source(params, "folder", Path("/rocks"))
    assert params.read_bytes() == b"dataset: folder # a\r\nmirror: /rocks\r\nlr: 1e-3\r\n"


@pytest.mark.parametrize("name", ["/rocks/${lr}", "/gr\udcfcn"])
def test_a_path_that_cannot_stand_in_the_file_is_refused_and_the_file_stays(
    checkout: Path, tmp_path: Path, name: str
) -> None:
    params = tmp_path / "params.yaml"
    params.write_bytes((checkout / "params.yaml").read_bytes())
    with pytest.raises(LithoscopeError, match="rename the folder or file"):
        set_source(params, "folder", Path(name))
    assert params.read_bytes() == (checkout / "params.yaml").read_bytes()


@pytest.mark.parametrize("text", ["lr: 1\n", "- a\n", "dataset: [a]\nmirror: b\n", "dataset: a\nmirror: {b: c}\n"])
def test_a_file_without_the_keys_is_refused(tmp_path: Path, text: str) -> None:
    params = tmp_path / "params.yaml"
    params.write_text(text, encoding="utf-8")
    with pytest.raises(LithoscopeError, match="has no key"):
        set_source(params, "folder", Path("/rocks"))
    assert params.read_text(encoding="utf-8") == text


def test_a_table_beside_the_photographs_is_found_and_said(tmp_path: Path) -> None:
    for number in range(4):
        photograph(tmp_path / "img" / f"{number}.png")
    rows = [f"{number},{'ab'[number % 2]},s{number // 2}" for number in range(4)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label,specimen", *rows]), encoding="utf-8")
    found = inspect_source(tmp_path)
    assert (found.layout.labels, found.photographs) == ("labels.csv", 4)
    text = found.describe()
    assert "note: labels from labels.csv: file = column file, label = column label, specimen = column specimen" in text
    assert "note: 2 specimens, none of which falls on two sides of a split; 0 files of none" in text
    assert "specimens with photographs of several classes: s0, s1" in text
    class_folders(tmp_path, "a", "b")
    without = inspect_source(tmp_path, look_for_table=False)
    assert (without.layout.labels, set(without.counts)) == (None, {"a", "b", "img"})


def test_a_table_is_named_from_the_photographs_or_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = "file,label\n" + "".join(f"{number},{'ab'[number % 2]}\n" for number in range(4))
    for number in range(4):
        photograph(tmp_path / "rocks" / f"{number}.png")
    (tmp_path / "rocks" / "in").mkdir()
    for place in (tmp_path / "rocks" / "in" / "t.csv", tmp_path / "other.csv"):
        place.write_text(table, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for named in ("in/t.csv", "t.csv", "rocks/in/t.csv", str(tmp_path / "rocks" / "in" / "t.csv")):
        layout = inspect_source(Path("rocks"), tables=[named]).layout
        assert (layout.labels, layout.table) == ("t.csv" if named == "t.csv" else "in/t.csv", NO_TABLE)
    with pytest.raises(LithoscopeError, match=r"--labels none\.csv: no such file in .*rocks or here"):
        inspect_source(Path("rocks"), tables=["none.csv"])
    with pytest.raises(LithoscopeError, match=r"--labels other\.csv: of several tables each has to lie in .*rocks"):
        inspect_source(Path("rocks"), tables=["in/t.csv", "other.csv"])


@pytest.mark.kind(
    about="labels",
    kind="a table that lies outside the photographs' folder, or beside their archive",
    done="the pipeline depends on it: `params.yaml` has its full path, or one from the checkout's root where Git or "
    "DVC keeps it; rows and files are accounted for as beside the photographs",
    reported="–",
)
def test_a_table_elsewhere_is_named_by_its_path(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        photograph(tmp_path / "comp" / "train" / f"{number}.png")
        photograph(tmp_path / "comp" / "train" / "more" / f"{number}.png")
    rows = "".join(f"train/{number}.png,{'ab'[number % 2]}\n" for number in range(4))
    (tmp_path / "comp" / "train.csv").write_text(f"id,rock\n{rows}train/9.png,a\n", encoding="utf-8")
    (tmp_path / "params.yaml").write_bytes((checkout / "params.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    columns = "file=id; label=rock"
    found = inspect_source(Path("comp/train"), tables=["comp/train.csv"], columns=columns)
    assert [entry.id for entry in found.entries] == [f"{number}.png" for number in range(4)]
    assert {item.id: item.reason for item in found.set_aside} == {
        "train.csv row 6: train/9.png": "names no file that is there",
        **{f"more/{number}.png": "in no row of the label table" for number in range(4)},
    }
    assert found.layout == FolderParameters(table=str(tmp_path / "comp" / "train.csv"), columns=columns)
    archive = shutil.make_archive(str(tmp_path / "photos"), "zip", tmp_path / "comp", "train")
    assert inspect_source(Path(archive), tables=["comp/train.csv"], columns=columns).photographs == 4
    set_source(tmp_path / "params.yaml", "folder", Path("comp/train"), found.layout)
    assert load_parameters(tmp_path / "params.yaml").folder == found.layout


def test_a_table_that_git_keeps_is_named_from_the_checkouts_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        photograph(tmp_path / "photos" / f"{number}.png")
    (tmp_path / "rocks.csv").write_text("file,label\n0,a\n1,b\n2,a\n3,b\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "--quiet"], check=True)
    assert inspect_source(Path("photos"), tables=["rocks.csv"]).layout.table == str(tmp_path / "rocks.csv")
    subprocess.run(["git", "add", "rocks.csv"], check=True)
    assert inspect_source(Path("photos"), tables=["rocks.csv"]).layout.table == "rocks.csv"


def test_a_table_further_down_is_taken_where_it_is_named_alone(tmp_path: Path) -> None:
    class_folders(tmp_path / "a", "x", "y", each=2)
    (tmp_path / "a" / "x" / "labels.csv").write_text("file,label\n0.png,b\n1.png,c\n", encoding="utf-8")
    class_folders(tmp_path, "z", each=2)
    assert set(inspect_source(tmp_path).counts) == {"a", "z"}
    assert set(inspect_source(tmp_path, tables=["labels.csv"]).counts) == {"b", "c"}


def test_a_column_is_named_of_a_table_that_is_found(tmp_path: Path) -> None:
    for number in range(4):
        photograph(tmp_path / f"{number}.png")
    (tmp_path / "labels.csv").write_text("file,label,piece\n0,a,x\n1,b,y\n2,a,x\n3,b,y\n", encoding="utf-8")
    found = inspect_source(tmp_path, columns="specimen=piece")
    assert (found.layout.labels, {entry.specimen for entry in found.entries}) == ("labels.csv", {"x", "y"})
    (tmp_path / "labels.csv").write_text("number,name\n1,a\n2,b\n", encoding="utf-8")
    with pytest.raises(LithoscopeError, match=r"no column for file.*to go by the folders all the same: --labels none"):
        inspect_source(tmp_path)


@pytest.mark.kind(
    about="layouts",
    kind="`train/` and `test/` that hold photographs themselves, with a table beside them that says what they show",
    done="never taken for two classes: refused, with the tables that may be meant",
    reported="–",
)
def test_split_folders_without_classes_are_no_classes(tmp_path: Path) -> None:
    for name in ("train/1.png", "train/2.png", "test/1.png"):
        photograph(tmp_path / name)
    with pytest.raises(
        LithoscopeError, match=r"test, train: named like splits, and no classes: a folder .* right into them$"
    ):
        inspect_source(tmp_path)
    (tmp_path / "train.csv").write_text("id,rock\n", encoding="utf-8")
    with pytest.raises(LithoscopeError, match=r"if a table says what they show: --labels FILE, such as train\.csv$"):
        inspect_source(tmp_path)
    class_folders(tmp_path / "train", "a", "b")
    shutil.rmtree(tmp_path / "test")
    assert r"not used: train.csv; if a table says" in inspect_source(tmp_path).describe()

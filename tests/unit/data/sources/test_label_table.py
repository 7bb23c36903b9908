"""Labels from a table beside the photographs: every row and every file is accounted for."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from lithoscope.config.params import FolderParameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.data.sources.base import Photograph
from lithoscope.data.sources.file_finder import match_rows
from lithoscope.data.sources.folder import FolderSet
from lithoscope.data.sources.label_table import Row

from helpers.photographs_on_disk import photograph


def labelled(root: Path, table: str, *files: str, labels: str = "labels.csv", **layout: str) -> list[Photograph]:
    """Write photographs and a table, and let the set read both."""
    for name in files:
        photograph(root / name)
    (root / labels).parent.mkdir(parents=True, exist_ok=True)
    (root / labels).write_text(table, encoding="utf-8")
    return FolderSet(FolderParameters(labels=labels, **layout)).photographs(root)  # type: ignore[arg-type]


def made_up_row(file: str) -> Row:
    return Row("labels.csv", "row 2", "", file, "a", "", "", "", "", 1.0)


def label_of(found: list[Photograph]) -> dict[str, str]:
    return {file.id: file.label for file in found if not file.reason}


def reason_of(found: list[Photograph]) -> dict[str, str]:
    return {file.id: file.reason for file in found if file.reason}


def test_the_table_says_what_each_file_shows_and_whose_it_is(tmp_path: Path) -> None:
    table = "file,label,specimen,photographer,split\na/1.png,basalt,B7,Ann,Training\n2.png,Grès rouge,,Bob,test\n"
    found = labelled(tmp_path, table, "a/1.png", "2.png")
    assert found == [
        Photograph("2.png", "Grès rouge", "test", "", "Bob"),
        Photograph("a/1.png", "basalt", "train", "B7", "Ann"),
    ]


@pytest.mark.kind(
    about="labels",
    kind="a table beside the photographs, with rows of files that are not there, files without a row, or "
    "under two labels",
    done="every row and every file is used or stands in `build/set_aside.csv` with its reason and row number",
    reported="fastai/fastai#894",
)
def test_every_row_and_every_file_is_accounted_for(tmp_path: Path) -> None:
    table = "file,label\n1.png,a\n2.png,b\n1.png,a\ngone.png,a\n,b\n3.png,a\n3.png,b\n4.png,\n\nx/1.png,b\n"
    found = labelled(tmp_path, table, "1.png", "2.png", "3.png", "4.png", "5.png")
    assert label_of(found) == {"1.png": "a", "2.png": "b"}
    assert reason_of(found) == {
        "3.png": "the label table contradicts itself: label a (labels.csv row 7), b (labels.csv row 8)",
        "4.png": "the label table gives it no label: labels.csv row 9",
        "5.png": "in no row of the label table",
        "labels.csv row 4: 1.png": "repeats a row: labels.csv row 2",
        "labels.csv row 5: gone.png": "names no file that is there",
        "labels.csv row 6: ": "names no file",
        "labels.csv row 11: x/1.png": "names no file that is there",
    }


@pytest.mark.kind(
    about="labels",
    kind="cells that name a file by its path elsewhere, without its ending, or by an address, as Kaggle, "
    "Label Studio and iNaturalist export",
    done="the file is found where one alone can be meant",
    reported="oke-aditya/pytorch_cnn_trainer#28, modelscope/modelscope#60",
)
@pytest.mark.parametrize(
    ("cell", "file"),
    [
        ("a/1.png", "a/1.png"),
        ("./a\\1.png", "a/1.png"),
        ("1.PNG", "a/1.png"),
        ("1", "a/1.png"),
        ("/home/me/rocks/a/1.png", "a/1.png"),
        ("https://example.org/rocks/1.png?x=2", "a/1.png"),
        ("/data/upload/3/0f8fad5b-1.png", "a/1.png"),
        ("/data/local-files/?d=rocks/a/1.png", "a/1.png"),
        ("https://example.org/photos/1/medium.jpg", "a/1.png"),
        ("rock.7", "a/rock.7.png"),
    ],
)
def test_a_cell_may_name_its_file_as_others_do(tmp_path: Path, cell: str, file: str) -> None:
    found = labelled(tmp_path, f"file,label\n{cell},x\nb.png,y\n", "a/1.png", "b.png", "a/rock.7.png")
    assert label_of(found) == {file: "x", "b.png": "y"}


def test_a_name_that_could_mean_several_files_means_none(tmp_path: Path) -> None:
    table = "file,label\n1.png,x\nb/1.png,y\nc/2.png,x\n"
    found = labelled(tmp_path, table, "a/1.png", "b/1.png", "c/1.png", "c/2.png")
    assert label_of(found) == {"b/1.png": "y", "c/2.png": "x"}
    assert reason_of(found)["labels.csv row 2: 1.png"] == "could mean several files: a/1.png, c/1.png"


@pytest.mark.kind(
    about="labels",
    kind="`train.csv` beside `train/` and `test/` with files of the same names",
    done="the table speaks of the files in the folder of its name",
    reported="fastai/fastai#1169",
)
def test_a_table_called_like_a_folder_speaks_of_its_files(tmp_path: Path) -> None:
    found = labelled(tmp_path, "file,label\n1,x\n2,y\n", "train/1.png", "test/1.png", "train/2.png", labels="train.csv")
    assert label_of(found) == {"train/1.png": "x", "train/2.png": "y"}
    assert reason_of(found) == {"test/1.png": "in no row of the label table"}


def test_other_columns_are_named_or_known(tmp_path: Path) -> None:
    table = "id;rock type;piece\n1;basalt;7\n2;gneiss;8\n"
    found = labelled(
        tmp_path, table, "1.png", "2.png", labels="train.csv", columns="file=id; label=rock type; specimen=piece"
    )
    assert {file.id: (file.label, file.specimen) for file in found} == {
        "1.png": ("basalt", "7"),
        "2.png": ("gneiss", "8"),
    }
    known = labelled(tmp_path / "hub", "file_name,label\n1.png,a\n2.png,b\n", "1.png", "2.png")
    assert label_of(known) == {"1.png": "a", "2.png": "b"}
    kaggle = labelled(tmp_path / "kaggle", "Index,Image Name,CLASS\n7,1,a\n8,2,b\n", "1.png", "2.png")
    assert label_of(kaggle) == {"1.png": "a", "2.png": "b"}


def test_a_table_in_each_split_folder_is_one_table(tmp_path: Path) -> None:
    for split in ("train", "test"):
        labelled(tmp_path / split, "file_name,label\n1.png,a\n2.png,b\n", "1.png", "2.png", labels="metadata.csv")
    found = FolderSet(FolderParameters(labels="metadata.csv")).photographs(tmp_path)
    assert {(file.id, file.label, file.official_split) for file in found} == {
        (f"{split}/{number}.png", label, split) for split in ("train", "test") for number, label in ((1, "a"), (2, "b"))
    }


def test_the_tables_nearest_to_the_root_are_meant(tmp_path: Path) -> None:
    for split in ("train", "test"):
        below = tmp_path / "data" / split
        labelled(below, "file_name,label\n1.png,a\n2.png,b\n", "1.png", "2.png", labels="metadata.csv")
    (tmp_path / "README.md").write_text("# A set\n", encoding="utf-8")
    found = FolderSet(FolderParameters(labels="metadata.csv")).photographs(tmp_path)
    assert {(file.id, file.official_split) for file in found if not file.reason} == {
        (f"data/{split}/{number}.png", split) for split in ("train", "test") for number in (1, 2)
    }


@pytest.mark.kind(
    about="labels",
    kind="`train.csv` and `valid.csv` beside one folder of photographs",
    done="`--labels` names both; rows are of the split that their table is named after",
    reported="–",
)
def test_several_tables_are_of_the_splits_that_they_are_named_after(tmp_path: Path) -> None:
    (tmp_path / "valid_labels.csv").write_text("file,label\n1,b\n2,a\n", encoding="utf-8")
    found = labelled(
        tmp_path,
        "file,label,split\n3,a,\n4,b,test\n",
        *(f"img/{number}.png" for number in range(1, 5)),
        labels="train.csv",
    )
    assert {file.official_split for file in found if not file.reason} == {"", "test"}, "one alone is all there is"
    found = FolderSet(FolderParameters(labels="train.csv; valid_labels.csv")).photographs(tmp_path)
    assert {file.id: (file.label, file.official_split) for file in found} == {
        "img/1.png": ("b", "val"),
        "img/2.png": ("a", "val"),
        "img/3.png": ("a", "train"),
        "img/4.png": ("b", "test"),
    }


@pytest.mark.kind(
    about="labels",
    kind="a column for each class, of which one holds a 1 (Kaggle)",
    done="the column's name is the label, where each row has just one",
    reported="–",
)
def test_a_column_for_each_class(tmp_path: Path) -> None:
    found = labelled(tmp_path, "image_id,gneiss,basalt\n1,1,0\n2,0,1\n", "1.png", "2.png")
    assert label_of(found) == {"1.png": "gneiss", "2.png": "basalt"}
    with pytest.raises(LithoscopeError, match="no column for label"):
        labelled(tmp_path, "image_id,wet,polished\n1,1,1\n2,0,1\n", "1.png", "2.png")


JSON = {
    "as lines (Hugging Face)": '{"file_name": "1.png", "label": "a"}\n{"file_name": "2.png", "label": "b"}\n',
    "as a list (Label Studio's JSON-MIN)": '[{"image": "/data/upload/1/0f8fad5b-1.png", "choice": "a"}, '
    '{"image": "/data/upload/1/0f8fad5c-2.png", "choice": ["b"]}]',
    "as tasks (Label Studio)": '[{"data": {"image": "s3://x/1.png"}, "annotations": [{"was_cancelled": true, "result": '
    '[{"from_name": "choice", "value": {"choices": ["b"]}}]}, {"result": [{"from_name": "choice", "value": '
    '{"choices": ["a"]}}]}]}, {"data": {"image": "s3://x/2.png"}, "annotations": [{"result": [{"from_name": "choice", '
    '"value": {"choices": ["b"]}}]}]}]',
    "as annotations (COCO, iNaturalist's competitions)": '{"images": [{"id": 7, "file_name": "x/1.png"}, {"id": 8, '
    '"file_name": "x/2.png"}], "annotations": [{"image_id": 8, "category_id": 1}, {"image_id": 7, "category_id": 0}, '
    '{"image_id": 7, "category_id": 0}], "categories": [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}]}',
    "as an object": '{"1.png": "a", "2.png": "b"}',
}


@pytest.mark.kind(
    about="labels",
    kind="a table in JSON: Hugging Face's `metadata.jsonl`, both exports of Label Studio, annotations of COCO and "
    "iNaturalist's competitions",
    done="read",
    reported="–",
)
@pytest.mark.parametrize("form", JSON)
def test_tables_in_json(tmp_path: Path, form: str) -> None:
    table = "t.jsonl" if "lines" in form else "t.json"
    assert label_of(labelled(tmp_path, JSON[form], "1.png", "2.png", labels=table)) == {"1.png": "a", "2.png": "b"}


@pytest.mark.kind(
    about="labels",
    kind="a photograph with several labels: several choices in Label Studio, annotators who differ, categories of COCO",
    done="set aside with the labels and where they stand, never a class of its own",
    reported="–",
)
def test_several_labels_of_one_photograph_set_it_aside(tmp_path: Path) -> None:
    table = 'file,choice\n1.png,"{""choices"":[""a"",""b""]}"\n2.png,a\n3.png,b\n'
    found = labelled(tmp_path, table, "1.png", "2.png", "3.png")
    assert label_of(found) == {"2.png": "a", "3.png": "b"}
    assert reason_of(found) == {
        "1.png": "the label table contradicts itself: label a (labels.csv row 2), b (labels.csv row 2)"
    }


@pytest.mark.kind(
    about="labels",
    kind="a table none of whose files is there, as where the photographs were not copied or another column names them",
    done="refused in a line that names the table, the column, a path that was looked for and one that is there",
    reported="–",
)
def test_no_row_that_names_a_file_is_told_with_both(tmp_path: Path) -> None:
    with pytest.raises(LithoscopeError) as told:
        labelled(tmp_path, "id,label\n,a\nx/9,a\n8,b\n", "1.png", "2.png")
    assert str(told.value) == (
        f"{tmp_path}: no row of labels.csv names a file that is there: the column 'id' says x/9 in labels.csv row 3, "
        "and the files are called such as 1.png; name another column with --file-column"
    )


@pytest.mark.kind(
    about="labels",
    kind="two files whose names differ in composed and decomposed letters alone",
    done="a row means the one that it writes the same way; a name in a third way means none",
    reported="–",
)
def test_a_composed_and_a_decomposed_name_are_two_files(tmp_path: Path) -> None:
    composed, decomposed = "gr\u00e8s.png", "gre\u0300s.png"
    found = labelled(tmp_path, f"file,label\n{decomposed},a\n{composed},b\n", composed, decomposed)
    assert label_of(found) == {decomposed: "a", composed: "b"}
    (tmp_path / "x").mkdir()
    found = labelled(tmp_path / "x", f"file,label\n{decomposed},a\n1.png,b\n", composed, "1.png")
    assert label_of(found) == {composed: "a", "1.png": "b"}, "where there is one alone, it is meant"
    matched, left = match_rows(["\u00e8\u00e8.png", "e\u0300e\u0300.png"], [made_up_row("\u00e8e\u0300.png")])
    assert matched == {}
    assert left[0][1].startswith("could mean several files: ")


@pytest.mark.kind(
    about="labels",
    kind="Parquet files that hold the photographs themselves (Hugging Face)",
    done="refused with what to do",
    reported="–",
)
def test_photographs_inside_parquet_are_told(tmp_path: Path) -> None:
    photograph(tmp_path / "1.png")
    images = [{"bytes": b"\x89PNG", "path": "1.png"}]
    pd.DataFrame({"image": images, "label": [1]}).to_parquet(tmp_path / "train.parquet")
    with pytest.raises(LithoscopeError, match=r"train\.parquet: holds the photographs themselves, in the column image"):
        FolderSet(FolderParameters(labels="train.parquet")).photographs(tmp_path)


def as_parquet(folder: Path) -> str:
    pd.DataFrame({"file": ["1.png", "2.png"], "label": [1, 2]}).to_parquet(folder / "labels.parquet")
    return "labels.parquet"


def as_tsv(folder: Path) -> str:
    (folder / "labels.tsv").write_text("file\tlabel\n1.png\t1\n2.png\t2\n", encoding="utf-8-sig")
    return "labels.tsv"


def as_utf16(folder: Path) -> str:
    (folder / "labels.csv").write_text("file\tlabel\n1.png\t1\n2.png\t2\n", encoding="utf-16")
    return "labels.csv"


@pytest.mark.kind(about="labels", kind="a table in Parquet, with tabs, or in UTF-16", done="read", reported="–")
@pytest.mark.parametrize("write", [as_parquet, as_tsv, as_utf16])
def test_tables_of_other_kinds(tmp_path: Path, write: Callable[[Path], str]) -> None:
    photograph(tmp_path / "1.png")
    photograph(tmp_path / "2.png")
    found = FolderSet(FolderParameters(labels=write(tmp_path))).photographs(tmp_path)
    assert label_of(found) == {"1.png": "1", "2.png": "2"}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "labels.csv: empty"),
        ("name,label\n", "labels.csv: no column for file: name one with --file-column; its columns: name, label"),
        ("file,what\n", "no column for label: name one with --label-column"),
        ("file,label,label\n", "has the column 'label' twice"),
        ("file,label\n1.png,a\n", "at least two classes are needed, one folder or label each; found one class (a)"),
        ("file,label,split\n1.png,a,later\n", "labels.csv row 2: split 'later': allowed: train, val, test"),
        ("file,label,weight\n1.png,a,2\n2.png,b,heavy\n", "labels.csv row 3: weight 'heavy': allowed: a number from 0"),
        ("file,label,weight\n1.png,a,-1\n2.png,b,1\n", "labels.csv row 2: weight '-1': allowed: a number from 0 on"),
        ("file,label,weight\n1.png,a,inf\n2.png,b,1\n", "row 2: weight 'inf'"),
    ],
)
def test_a_table_that_cannot_be_honoured_is_one_line(tmp_path: Path, table: str, words: str) -> None:
    with pytest.raises(LithoscopeError) as caught:
        labelled(tmp_path, table, "1.png", "2.png")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.kind(
    about="labels",
    kind="a weight for each photograph",
    done="taken over into training, where it decides how often the photograph is drawn; one of weight 0 is set aside",
    reported="–",
)
def test_a_weight_is_taken_over_and_0_sets_a_photograph_aside(tmp_path: Path) -> None:
    table = "file,label,weight,locality\n1.png,a,2.5,Elba\n2.png,b,,\n3.png,a,0,\n4.png,a,1,\n4.png,a,2,\n"
    found = labelled(tmp_path, table, "1.png", "2.png", "3.png", "4.png")
    kept = [file for file in found if not file.reason]
    assert kept == [Photograph("1.png", "a", locality="Elba", weight=2.5), Photograph("2.png", "b")]
    assert reason_of(found) == {
        "3.png": "weight 0 in the label table: labels.csv row 4",
        "4.png": "the label table contradicts itself: weight 1.0 (labels.csv row 5), 2.0 (labels.csv row 6)",
    }


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    photograph(tmp_path / "1.png")
    (tmp_path / "labels.csv").write_bytes(b"file,label\n1.png,Gr\xe8s\n")
    with pytest.raises(LithoscopeError, match="not UTF-8"):
        FolderSet(FolderParameters(labels="labels.csv")).photographs(tmp_path)
    with pytest.raises(LithoscopeError, match=r"no label table other\.csv"):
        FolderSet(FolderParameters(labels="other.csv")).photographs(tmp_path)

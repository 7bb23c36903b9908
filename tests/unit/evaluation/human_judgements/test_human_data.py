"""Human data find their photographs by the order of file names, and damaged tables are one clear line."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.evaluation.human_judgements.human_data import NotComparable, read_people

from helpers.made_up_people import MadeUp, made_up, matrix


@pytest.fixture
def written(tmp_path: Path) -> MadeUp:
    return made_up(tmp_path)


def test_row_k_is_the_kth_file_name_in_sorted_order(written: MadeUp) -> None:
    shuffled = pd.read_csv(written.build / "index.csv").sample(frac=1, random_state=1)
    shuffled.to_csv(written.build / "index.csv", index=False)
    people = read_people(written.build)
    assert people.train.ids == written.train
    np.testing.assert_allclose(people.train.coordinates, written.train_space, atol=6e-4)
    np.testing.assert_allclose(people.test.coordinates, written.test_space, atol=6e-4)
    row = people.test.ids.index("120 Rocks/I_Granite_3_1201.jpg")
    assert (people.test.tokens[row], people.test.labels[row]) == (3, "Granite")
    assert people.test.tokens.tolist() == [1, 2, 3, 4] * 10
    assert people.test.supplementary is not None
    assert people.test.supplementary.shape == (40, 5)
    assert people.authors is not None
    assert people.namings is not None


def test_a_photograph_that_cannot_be_read_keeps_its_row(written: MadeUp) -> None:
    index = pd.read_csv(written.build / "index.csv")
    gone = index[index["id"] == written.train[5]]
    index.drop(gone.index).to_csv(written.build / "index.csv", index=False)
    aside = gone.assign(path="", reason="not an image")[["id", "path", "label", "reason"]]
    notes = pd.DataFrame([["360 Rocks/notes.txt", "", "", "no class is meant"]], columns=aside.columns)
    pd.concat([aside, notes]).to_csv(written.build / "set_aside.csv", index=False)
    assert read_people(written.build).train.ids == written.train


def test_what_is_optional_may_be_absent(written: MadeUp) -> None:
    for name in ("cnn_120.txt", "human_categorization_120.csv", "mds_120_supplemental_dims.txt"):
        (written.human / name).unlink()
    people = read_people(written.build)
    assert (people.authors, people.namings, people.test.supplementary) == (None, None, None)


def test_a_set_without_human_data_is_told_from_one(tmp_path: Path) -> None:
    build = tmp_path / "build"
    build.mkdir()
    (build / "dataset.json").write_text('{"name": "specimens", "human_data": false}', "utf-8")
    with pytest.raises(NotComparable, match=r"^specimens has no human data: nothing to compare with$"):
        read_people(build)


def test_a_copy_without_the_tables_or_with_some_photographs_only_is_not_compared(written: MadeUp) -> None:
    index = pd.read_csv(written.build / "index.csv")
    index[1:].to_csv(written.build / "index.csv", index=False)
    with pytest.raises(NotComparable, match=r"39 of the 40 photographs that mds_360\.txt has a row for"):
        read_people(written.build)
    (written.human / "mds_120.txt").unlink()
    with pytest.raises(NotComparable, match=r"lacks mds_120\.txt"):
        read_people(written.build)


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("mds_360.txt", np.zeros((39, 8)), "39 rows, but 40 photographs"),
        ("mds_360.txt", np.zeros((40, 7)), "40 × 7 numbers, expected one row a photograph, × 8"),
        ("mds_120.txt", np.full((40, 8), np.nan), "row 1 is not finite"),
        ("cnn_120.txt", np.zeros((39, 8)), "39 × 8 numbers, expected 40 × 8"),
        ("mds_120_supplemental_dims.txt", np.zeros((40, 13)), "first 8 columns are not those of mds_120.txt"),
    ],
)
def test_a_table_of_another_shape_is_one_line(written: MadeUp, name: str, values: np.ndarray, words: str) -> None:
    matrix(written.human / name, values)
    with pytest.raises(LithoscopeError) as caught:
        read_people(written.build)
    line = str(caught.value)
    assert words in line
    assert name in line
    assert "dvc repro -f download" in line
    assert "\n" not in line


@pytest.mark.parametrize("content", [b"1 2 three\n", b"\xff\xfe\x00", b"1 2\n3\n"])
def test_a_table_that_is_none_is_one_line(written: MadeUp, content: bytes) -> None:
    (written.human / "mds_360.txt").write_bytes(content)
    with pytest.raises(LithoscopeError, match=r"mds_360\.txt: no table of numbers") as caught:
        read_people(written.build)
    assert "\n" not in str(caught.value)

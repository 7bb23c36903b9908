"""Pictures in shards are read like one array."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lithoscope.data.packed import shards
from lithoscope.data.packed.arrays import open_split, write_classes, write_split
from lithoscope.data.packed.shards import Shards, open_shards, write_shards

ROWS, SHAPE = 11, (2, 2, 3)
PICTURES = np.random.default_rng(0).integers(0, 256, (ROWS, *SHAPE), dtype=np.uint8)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of four rows at most, slices of five pictures at most copied."""
    monkeypatch.setattr(shards, "ONE_FILE", 6 * 12)
    monkeypatch.setattr(shards, "SHARD", 4 * 12)
    monkeypatch.setattr(shards, "_COPIED", 5 * 12)


@pytest.fixture
def packed(tmp_path: Path) -> Any:
    """Three shards."""
    with write_shards(tmp_path, "train", PICTURES.shape) as writer:
        for row in (10, 3, 4, 0, 1, 2, 9, 8, 7, 6, 5):
            writer.write(row, PICTURES[row : row + 1])
        assert np.array_equal(writer.read(range(2, 10)), PICTURES[2:10])
        assert not list(tmp_path.glob("*.npy"))
    return open_shards(tmp_path, "train")


def test_shards_hold_equally_many_rows_in_the_order_of_their_names(tmp_path: Path, packed: Any) -> None:
    names = ["train-00000.npy", "train-00001.npy", "train-00002.npy"]
    assert sorted(file.name for file in tmp_path.iterdir()) == names
    assert [len(np.load(tmp_path / name)) for name in names] == [4, 4, 3]
    assert np.array_equal(np.concatenate([np.load(tmp_path / name) for name in names]), PICTURES)
    assert (packed.shape, packed.dtype, packed.ndim, len(packed)) == (PICTURES.shape, np.uint8, 4, ROWS)
    assert np.array_equal(np.asarray(packed), PICTURES)


@pytest.mark.parametrize(
    "rows",
    [
        *(0, 5, -1, np.int64(7)),
        *(slice(1, 3), slice(3, 6), slice(None), slice(9, 99), slice(4, 4), slice(11, None), slice(7, 2)),
        *(slice(None, None, 3), slice(None, None, -1), [], [10, 0, 4, 4, -2], np.arange(ROWS) % 2 == 0),
        *((slice(None), 0, 0, 1), (3, 0), ([1, 8], ..., 0)),
    ],
)
def test_what_is_asked_of_shards_is_what_an_array_answers(packed: Any, rows: Any) -> None:
    wanted = PICTURES[rows] if not isinstance(rows, list) or rows else PICTURES[:0]
    assert np.array_equal(np.asarray(packed[rows]), wanted)
    if not isinstance(rows, tuple):
        part = packed[2:10]
        assert isinstance(part, Shards)
        if not isinstance(rows, list | np.ndarray):
            assert np.array_equal(np.asarray(packed[:][rows]), wanted)


def test_a_slice_is_read_only_as_far_as_it_must_be(packed: Any) -> None:
    assert isinstance(packed[4:8], np.memmap)
    assert isinstance(packed[3:6], np.ndarray)
    part: Any = packed[2:10]
    assert isinstance(part, Shards)
    assert np.array_equal(part[-1], PICTURES[9])
    assert np.array_equal(part[[0, 7]], PICTURES[[2, 9]])
    assert np.array_equal(np.stack(list(part[1:])), PICTURES[3:10])
    for row in (8, -9, [0, 8]):
        with pytest.raises(IndexError, match="of 8 rows there is none"):
            part[row]


def test_what_fits_one_file_is_one_memory_map_and_older_shards_are_gone(tmp_path: Path, packed: Any) -> None:
    del packed
    with write_shards(tmp_path, "train", (6, *SHAPE)) as writer:
        writer.write(0, PICTURES[:6])
    assert [file.name for file in tmp_path.iterdir()] == ["train.npy"]
    assert isinstance(open_shards(tmp_path, "train"), np.memmap)


@pytest.mark.parametrize("lost", ["train-00001.npy", "train-00000.npy"])
def test_a_shard_that_is_missing_is_noticed(tmp_path: Path, packed: Any, lost: str) -> None:
    del packed
    (tmp_path / lost).unlink()
    with pytest.raises(ValueError, match="a shard is missing"):
        open_shards(tmp_path, "train")


def test_a_split_in_shards_is_the_split_in_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Any] = []
    for side, most in (("shards", 6 * 12), ("one file", 2**20)):
        monkeypatch.setattr(shards, "ONE_FILE", most)
        folder, ids = tmp_path / side, [str(row) for row in range(ROWS)]
        write_classes(folder, ["a"])
        vary = lambda pictures, ids, copy: np.asarray(pictures + np.uint8(copy))  # noqa: E731
        write_split(folder, "train", ids, ["a"] * ROWS, iter(PICTURES), side=2, copies=2, vary=vary)
        found.append(open_split(folder, "train").images)
    assert isinstance(found[0], Shards)
    assert np.array_equal(np.asarray(found[0]), found[1])
    assert (tmp_path / "shards/train.csv").read_bytes() == (tmp_path / "one file/train.csv").read_bytes()

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.threads import in_order
from lithoscope.data.packed.arrays import Pixels, open_split, read_squares, write_classes, write_split, write_squares


def picture(value: int) -> Pixels:
    return np.full((4, 4, 3), value, dtype=np.uint8)


def brighter(pictures: Pixels, ids: object, copy: int) -> Pixels:
    made: Pixels = pictures + np.uint8(copy)
    return made


def write(folder: Path, count: int, copies: int = 0) -> None:
    write_classes(folder, ["basalt", "NA", "pyrite"])
    ids, labels = [f"{row}.jpg" for row in range(count)], [["pyrite", "NA"][row % 2] for row in range(count)]
    write_split(
        folder, "train", ids, labels, (picture(10 * row) for row in range(count)), side=4, copies=copies, vary=brighter
    )


def test_a_split_reads_back_as_it_was_written(tmp_path: Path) -> None:
    write(tmp_path, 3)
    split = open_split(tmp_path, "train")
    assert isinstance(split.images, np.memmap)
    assert split.images[:, 0, 0, 0].tolist() == [0, 10, 20]
    assert split.ids == ["0.jpg", "1.jpg", "2.jpg"]
    assert split.labels.tolist() == [2, 1, 2]  # "NA" is a label like any other
    assert split.copies.tolist() == [0, 0, 0]
    assert split.classes == ["basalt", "NA", "pyrite"]
    assert len(split) == 3


def test_copies_follow_all_the_originals_one_number_after_another(tmp_path: Path) -> None:
    write(tmp_path, 3, copies=2)
    split = open_split(tmp_path, "train")
    assert split.images[:, 3, 3, 2].tolist() == [0, 10, 20, 1, 11, 21, 2, 12, 22]
    assert split.copies.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert split.ids == ["0.jpg", "1.jpg", "2.jpg"] * 3


def test_more_photographs_than_one_batch_are_all_copied(tmp_path: Path) -> None:
    ids = [str(row) for row in range(150)]
    write_classes(tmp_path, ["a"])
    write_split(
        tmp_path, "train", ids, ["a"] * 150, (picture(row) for row in range(150)), side=4, copies=1, vary=brighter
    )
    assert open_split(tmp_path, "train").images[150:, 0, 0, 0].tolist() == [row + 1 for row in range(150)]


def test_a_split_may_be_empty(tmp_path: Path) -> None:
    write(tmp_path, 0, copies=3)
    split = open_split(tmp_path, "train")
    assert split.images.shape == (0, 4, 4, 3)
    assert split.labels.shape == (0,)


def test_the_same_photographs_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / name, 5, copies=1)
    for file in ("train.npy", "train.csv", "classes.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_an_interrupted_split_is_not_there(tmp_path: Path) -> None:
    def broken() -> object:
        yield picture(0)
        raise LithoscopeError("gone")

    write_classes(tmp_path, ["a"])
    with pytest.raises(LithoscopeError, match="gone"):
        write_split(tmp_path, "train", ["a", "b"], ["a", "a"], broken(), side=4)  # type: ignore[arg-type]
    with pytest.raises(LithoscopeError, match=r"train\.npy: no such file; `dvc repro augment`"):
        open_split(tmp_path, "train")


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    write(tmp_path, 3)
    (tmp_path / "train.csv").write_text("row,id,label,copy\n0,0.jpg,pyrite,0\n", "utf-8")
    with pytest.raises(LithoscopeError, match=r"3, 4, 4, 3.*1 rows: they do not belong together"):
        open_split(tmp_path, "train")


def test_a_damaged_array_is_refused(tmp_path: Path) -> None:
    write(tmp_path, 3)
    (tmp_path / "train.npy").write_bytes(b"not numpy")
    with pytest.raises(LithoscopeError, match="not a packed split"):
        open_split(tmp_path, "train")


def test_an_unknown_label_is_refused(tmp_path: Path) -> None:
    write(tmp_path, 3)
    write_classes(tmp_path, ["pyrite"])
    with pytest.raises(LithoscopeError, match=r"not a packed split.*NA"):
        open_split(tmp_path, "train")


def test_results_come_in_order_while_few_wait() -> None:
    started: list[int] = []

    def square(value: int) -> int:
        started.append(value)
        return value**2

    results = in_order(square, iter(range(1000)), threads=2)
    assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
    assert len(started) < 30
    assert list(results) == [value**2 for value in range(5, 1000)]


def test_an_error_in_a_thread_reaches_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        list(in_order(lambda value: 1 // value, [2, 1, 0, 1], threads=2))


def test_squares_are_written_in_any_order_and_read_by_row(tmp_path: Path) -> None:
    file = tmp_path / "build/squares/squares.npy"
    with write_squares(file.parent, 5, 4) as write:
        list(in_order(lambda row: write(row, picture(row)), [3, 1, 4, 0, 2], 2))
        assert not file.exists()
    assert np.load(file)[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert [square[0, 0, 0] for square in read_squares(file.parent, [4, 0, 3], 4)] == [4, 0, 3]


def test_a_square_of_another_size_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected uint8 rows"), write_squares(tmp_path / "a", 2, 8) as write:
        write(0, picture(1))
    assert not list((tmp_path / "a").glob("*.npy"))


@pytest.mark.parametrize("content", [None, b"", b"no array at all"])
def test_squares_that_cannot_be_read_are_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "squares.npy").write_bytes(content)
    with pytest.raises(LithoscopeError, match="dvc repro"):
        list(read_squares(tmp_path, [0], 4))


def test_pixels_are_written_without_growing_memory(tmp_path: Path) -> None:
    tracemalloc.start()
    with write_squares(tmp_path, 4000, 64) as write:
        for row in range(4000):
            write(row, np.full((64, 64, 3), row % 256, dtype=np.uint8))
    assert sum(1 for _ in read_squares(tmp_path, range(4000), 64)) == 4000
    assert tracemalloc.get_traced_memory()[1] < 4_000_000 < (tmp_path / "squares.npy").stat().st_size
    tracemalloc.stop()

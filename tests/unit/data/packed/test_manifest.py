from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lithoscope.data.packed.arrays import write_classes, write_split
from lithoscope.data.packed.manifest import packed_photographs


@pytest.fixture
def photographs(tmp_path: Path) -> pd.DataFrame:
    rows = []
    for name in ("a", "b", "c", "d"):
        (tmp_path / name).write_bytes(name.encode())
        group = "a" if name in "ad" else name
        rows.append({"id": name, "path": str(tmp_path / name), "label": "basalt", "group": group})
    return pd.DataFrame(rows)


def pack(folder: Path, sides: dict[str, list[str]], copies: int = 0) -> None:
    write_classes(folder, ["basalt"])
    for split, ids in sides.items():
        pictures = [np.full((8, 8, 3), ord(name), np.uint8) for name in ids]
        write_split(
            folder, split, ids, ["basalt"] * len(ids), pictures, side=8, copies=copies if split == "train" else 0
        )


def test_each_photograph_is_listed_once_where_it_was_packed(tmp_path: Path, photographs: pd.DataFrame) -> None:
    pack(tmp_path / "arrays", {"train": ["a", "b"], "val": ["c"], "test": ["d"]}, copies=2)
    table = packed_photographs(tmp_path / "arrays", photographs)
    assert table["id"].tolist() == ["a", "b", "c", "d"]
    assert table["split"].tolist() == ["train", "train", "val", "test"]
    assert table["group"].tolist() == ["a", "", "", "a"]
    assert table["file"].nunique() == table["pixels"].nunique() == 4


def test_what_was_packed_on_two_sides_is_listed_on_both(tmp_path: Path, photographs: pd.DataFrame) -> None:
    pack(tmp_path / "arrays", {"train": ["a", "b"], "val": ["c"], "test": ["b"]})
    table = packed_photographs(tmp_path / "arrays", photographs)
    twice = table[table["id"] == "b"]
    assert twice["split"].tolist() == ["train", "test"]
    assert twice["pixels"].nunique() == twice["file"].nunique() == 1

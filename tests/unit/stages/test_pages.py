"""A stack of pages from the folder to the packed arrays, through the stages' scripts."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from lithoscope.data.packed.arrays import open_split

from helpers.photographs_on_disk import class_folders
from helpers.stage import run_stage

pytestmark = pytest.mark.slow


def test_pages_are_photographs_on_one_side_of_the_split(tmp_path: Path, checkout: Path) -> None:
    photographs = class_folders(tmp_path / "rocks", "basalt", "granite", each=6)
    pages = np.random.default_rng(0).integers(0, 256, (4, 40, 40, 3), dtype=np.uint8)
    tifffile.imwrite(photographs / "basalt" / "stack.tif", pages, photometric="rgb")
    text = (checkout / "params.yaml").read_text("utf-8")
    for key, value in {"dataset": "folder", "mirror": photographs, "pages": "each", "image_size": 40}.items():
        lines = [f"{key}: {value}" if line.startswith(f"{key}:") else line for line in text.splitlines()]
        text = "\n".join(lines)
    (tmp_path / "params.yaml").write_text(text + "\n", "utf-8")
    for stage in ("download", "split", "augment"):
        result = run_stage(checkout, tmp_path, stage)
        assert result.returncode == 0, result.stderr
    splits = pd.read_csv(tmp_path / "build/splits.csv", keep_default_na=False)
    rows = splits[splits["id"].str.startswith("basalt/stack.tif")]
    assert rows["id"].tolist() == ["basalt/stack.tif", *(f"basalt/stack.tif#page={number}" for number in (2, 3, 4))]
    assert rows["split"].nunique() == rows["group"].nunique() == 1
    packed = open_split(tmp_path / "build/arrays", rows["split"].iloc[0])
    for name, page in zip(rows["id"], pages, strict=True):
        assert (packed.images[packed.ids.index(name)] == page).all()
    assert pd.read_csv(tmp_path / "build/notes.csv")["id"].tolist() == rows["id"].tolist()

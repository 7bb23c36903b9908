"""Photographs that stay where they are: what the stages make of them is what they make of copies."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import lithoscope.cli.main as cli
from lithoscope.config.yaml import read_yaml
from lithoscope.data.sources import in_place

from helpers.photographs_on_disk import tree
from helpers.stage import run_stage
from helpers.static_server import served
from helpers.tiny_parameters import make_tiny

pytestmark = pytest.mark.slow


@pytest.fixture
def rocks(tmp_path: Path) -> Path:
    """Twelve photographs each of two classes, one of them twice, and a file that is none."""
    root = tmp_path / "My Rocks"
    for number in range(24):
        coarse = np.random.default_rng(number % 23).integers(0, 256, (12, 16, 3), dtype=np.uint8)
        place = root / ("basalt", "granite")[number % 2 if number < 23 else 0] / f"{number:02}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(coarse).resize((64, 48), Image.Resampling.BICUBIC).save(place)
    (root / "basalt" / "notes.txt").write_text("no photograph", encoding="utf-8")
    return root


def run(checkout: Path, folder: Path, *stages: str) -> str:
    shown = ""
    for stage in stages:
        done = run_stage(checkout, folder, stage)
        assert done.returncode == 0, done.stderr
        shown += done.stdout + done.stderr
    return shown


def test_figures_arrays_and_splits_are_those_of_copies(
    rocks: Path, tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = {}
    for side, threshold in (("copied", 25), ("in place", 24)):
        folder = tmp_path / side
        folder.mkdir()
        shutil.copy(checkout / "params.yaml", folder)
        make_tiny(folder / "params.yaml")
        monkeypatch.chdir(folder)
        monkeypatch.setattr(in_place, "IN_PLACE_FROM", threshold)
        assert cli.main(["use", str(rocks)]) == 0
        run(checkout, folder, "download", "split", "augment")
        sides[side] = folder
    copied, placed = sides["copied"], sides["in place"]
    assert read_yaml(copied / "params.yaml")["mirror"] == str(rocks)
    assert read_yaml(placed / "params.yaml")["mirror"] == str(placed / "photographs.parquet")
    assert len(tree(copied / "build/raw")) == 25
    assert (placed / "build/raw").is_dir()
    assert tree(placed / "build/raw") == {}
    require_same(copied, placed)
    index = pd.read_csv(placed / "build/index.csv")
    assert index["path"].tolist() == [str(rocks / name) for name in index["id"]]

    folder, table = tmp_path / "by address", pd.read_parquet(placed / "photographs.parquet")
    shutil.copytree(copied, folder, ignore=shutil.ignore_patterns("build", "metrics", "plots"))
    monkeypatch.chdir(folder)
    with served(rocks) as site:
        table.loc[::2, "path"] = site + table["name"][::2] + "?signature=hidden"
        table.to_parquet(tmp_path / "mine.parquet")
        assert cli.main(["use", str(tmp_path / "mine.parquet")]) == 0
        shown = run(checkout, folder, "download", "split", "augment")
        require_same(copied, folder)
        assert "hidden" not in shown + "".join(tree(folder))
        assert not [name for name, content in tree(folder).items() if b"hidden" in content]
        assert tree(folder / ".partial" / "by-address") == {}, "nothing stays once `split` has them"

        original = (rocks / "basalt" / "04.png").read_bytes()
        Image.new("RGB", (64, 48)).save(rocks / "basalt" / "04.png")
        done = run_stage(checkout, folder, "split")
        assert done.returncode == 1
        assert f"{site}basalt/04.png: has changed since it was listed: its sha256" in done.stderr
        (rocks / "basalt" / "04.png").write_bytes(original)

    Image.new("RGB", (64, 48)).save(rocks / "granite" / "03.png")
    done = run_stage(checkout, placed, "split")
    assert done.returncode == 1
    assert "03.png: has changed since it was listed; list the photographs anew with `lithoscope use`" in done.stderr


def require_same(copied: Path, folder: Path) -> None:
    for name in ("metrics", "plots", "build/arrays"):
        assert tree(folder / name) == tree(copied / name), name
    for name in ("build/index.csv", "build/splits.csv", "build/set_aside.csv"):
        one, other = (pd.read_csv(each / name, keep_default_na=False) for each in (copied, folder))
        pd.testing.assert_frame_equal(one.drop(columns="path"), other.drop(columns="path"))


def test_a_person_may_choose(rocks: Path, tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(checkout / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["use", str(rocks), "--in-place"]) == 0
    assert read_yaml(tmp_path / "params.yaml")["mirror"] == str(tmp_path / "photographs.parquet")
    monkeypatch.setattr(in_place, "IN_PLACE_FROM", 1)
    assert cli.main(["use", str(rocks), "--copied"]) == 0
    assert read_yaml(tmp_path / "params.yaml")["mirror"] == str(rocks)
    archive = shutil.make_archive(str(tmp_path / "rocks"), "zip", rocks)
    assert cli.main(["use", archive, "--in-place"]) == 1

"""Doubtful labels of a workspace: ranked by held-out folds, and written to a page."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy

from lithoscope.cli import main as cli
from lithoscope.core.errors import LithoscopeError
from lithoscope.data.packed.arrays import open_split
from lithoscope.experiments.doubtful_labels import rank_labels, write_doubtful_labels

from helpers.made_up_run import make_run

CLASSES = ("basalt", "chert", "granite")


def features_of(labels: np.ndarray, seed: int = 0) -> np.ndarray:
    drawn = np.random.default_rng(seed)
    return np.asarray(3 * np.eye(3, 8)[labels] + drawn.normal(size=(len(labels), 8)), np.float32)


def test_the_first_tenth_holds_most_of_the_planted_swaps() -> None:
    truth = np.arange(300) % 3
    labels = truth.copy()
    swapped = np.random.default_rng(1).choice(300, 15, replace=False)
    labels[swapped] = (labels[swapped] + 1) % 3
    ranked = rank_labels(features_of(truth), labels, [str(row) for row in range(300)], 3)
    assert len(ranked.order) == 300
    assert len(set(ranked.order[:30]) & set(swapped)) >= 12


def workspace(root: Path, kind: str = "last") -> str:
    """Make a workspace with one wrong training label, and return which photograph has it."""
    make_run(root, CLASSES, each=8)
    split = open_split(root / "build" / "arrays", "train")
    values = features_of(split.labels)
    row = 5
    values[row] = features_of(np.array([(split.labels[row] + 1) % 3]), seed=9)[0]
    folder = root / "build" / "embeddings"
    folder.mkdir()
    safetensors.numpy.save_file({kind: values}, folder / "train.safetensors")
    names = [split.classes[label] for label in split.labels]
    pd.DataFrame({"id": split.ids, "label": names}).to_csv(folder / "train.csv", index=False)
    return split.ids[row]


def test_the_page_of_a_workspace_begins_with_the_wrong_label(tmp_path: Path) -> None:
    wrong = workspace(tmp_path)
    before = {path: path.read_bytes() for path in (tmp_path / "build").rglob("*") if path.is_file()}
    shown, ranked = write_doubtful_labels(tmp_path, tmp_path / "page.html", 10)
    assert (shown, ranked) == (10, len(open_split(tmp_path / "build" / "arrays", "train")))
    text = (tmp_path / "page.html").read_text("utf-8")
    values = json.loads(text.partition('id="data">')[2].partition("</script>")[0])
    assert values["labels"][0]["file"] == wrong
    assert values["labels"][0]["own"] < 0.5 < values["labels"][0]["suggested"][0][1]
    assert len(values["every"]) == len(pd.read_csv(tmp_path / "build" / "index.csv"))
    assert {path: path.read_bytes() for path in before} == before


def test_features_that_learnt_the_labels_judge_none(tmp_path: Path) -> None:
    workspace(tmp_path, "trained")
    with pytest.raises(LithoscopeError, match="began from scratch"):
        write_doubtful_labels(tmp_path, tmp_path / "page.html", 10)
    with pytest.raises(LithoscopeError, match="`dvc repro` makes it"):
        write_doubtful_labels(tmp_path / "nowhere", tmp_path / "page.html", 10)


def test_the_command_says_what_it_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    workspace(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["doubtful", "--most", "4"]) == 0
    assert capfd.readouterr().out.startswith("doubtful.html: the 4 most doubtful of 72 training labels")
    assert (tmp_path / "doubtful.html").stat().st_size > 1000
    assert cli.main(["doubtful", "--output", f"nowhere{os.sep}page.html"]) == 1
    assert "cannot be written" in capfd.readouterr().err

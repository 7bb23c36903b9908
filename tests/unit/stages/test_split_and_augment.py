"""The stages split and augment, script and all."""

import hashlib
import io
import json
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lithoscope.data.images.perceptual_hash import perceptual_hash
from lithoscope.data.images.square import to_square
from lithoscope.data.packed.arrays import open_split

from helpers.stage import run_stage
from helpers.tiny_parameters import make_tiny

pytestmark = pytest.mark.slow

PER_CLASS = 12
Run = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture
def workspace(tmp_path: Path, checkout: Path) -> Path:
    """A folder as the stage download leaves it: two classes, one photograph twice, one of them mirrored."""
    rows = []
    for label in ("basalt", "granite"):
        for number in range(PER_CLASS):
            random = np.random.default_rng([number, len(label)])
            coarse = random.integers(0, 256, (24, 32, 3), dtype=np.uint8)
            picture = Image.fromarray(coarse).resize((128, 96), Image.Resampling.BICUBIC)
            if label == "basalt" and number == 11:
                original = tmp_path / "build/raw/basalt/00.png"
                picture = Image.open(original).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            path = tmp_path / f"build/raw/{label}/{number:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path)
            rows.append(
                {
                    "id": f"{label}/{path.name}",
                    "path": path.relative_to(tmp_path).as_posix(),
                    "label": label,
                    "official_split": "",
                    "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                    "phash": perceptual_hash(picture),
                    "width": 128,
                    "height": 96,
                    "format": "PNG",
                }
            )
    pd.DataFrame(rows).to_csv(tmp_path / "build/index.csv", index=False)
    (tmp_path / "build/set_aside.csv").write_text(
        "id,path,label,reason\nbasalt/x.txt,build/raw/basalt/x.txt,basalt,not an image\n", "utf-8"
    )
    (tmp_path / "build/dataset.json").write_text(json.dumps({"name": "folder", "synthetic": True}), "utf-8")
    shutil.copy(checkout / "params.yaml", tmp_path)
    make_tiny(tmp_path / "params.yaml")
    return tmp_path


@pytest.fixture
def run(workspace: Path, checkout: Path) -> Run:
    """Runs a stage in the workspace."""
    return partial(run_stage, checkout, workspace)


def test_split_then_augment(workspace: Path, run: Run) -> None:
    done = run("split")
    assert done.returncode == 0, done.stderr
    assert "same picture: basalt/00.png and basalt/11.png" in done.stdout
    splits = pd.read_csv(workspace / "build/splits.csv", keep_default_na=False).set_index("id")
    origins = ["specimen", "photographer", "locality"]
    assert list(splits.columns) == ["path", "label", "split", "group", *origins, "weight", "reason"]
    assert splits["group"]["basalt/11.png"] == "basalt/00.png"
    assert splits.groupby("group")["split"].nunique().max() == 1
    figures = json.loads((workspace / "metrics/data.json").read_text("utf-8"))
    assert figures["duplicates"]["near_pairs"] == 1
    assert figures["set_aside"]["at_download"] == {"not an image": 1}
    first = {name: (workspace / name).read_bytes() for name in ("build/splits.csv", "metrics/data.json")}

    done = run("augment")
    assert done.returncode == 0, done.stderr
    arrays = {name: open_split(workspace / "build/arrays", name) for name in ("train", "val", "test")}
    counts = splits["split"].value_counts()
    assert len(arrays["train"]) == 2 * counts["train"]
    for name in ("val", "test"):
        assert sorted(arrays[name].ids) == sorted(splits.index[splits["split"] == name])
        assert arrays[name].copies.max() == 0
    assert arrays["test"].images.shape[1:] == (32, 32, 3)
    for packed_split in arrays.values():
        for row, name in enumerate(packed_split.ids):
            if not packed_split.copies[row]:
                framed = to_square(Image.open(workspace / splits["path"][name]), 32, crop_border=True)
                assert np.array_equal(packed_split.images[row], framed), name
    assert arrays["train"].classes == ["basalt", "granite"]
    with Image.open(workspace / "plots/augmented.png") as picture:
        assert min(picture.size) > 200
        assert "Software" not in picture.info
    packed = pd.read_csv(workspace / "plots/splits.csv", keep_default_na=False).set_index("id")
    assert packed["split"].to_dict() == splits["split"].to_dict()
    assert packed.index[packed["group"] != ""].tolist() == ["basalt/00.png", "basalt/11.png"]
    content = (workspace / splits["path"]["granite/03.png"]).read_bytes()
    assert packed["file"]["granite/03.png"] == hashlib.sha256(content).hexdigest()[:16]
    made = sorted(
        [
            *(workspace / "build/arrays").iterdir(),
            *(workspace / f"plots/{name}" for name in ("augmented.png", "splits.csv")),
        ]
    )
    before = [path.read_bytes() for path in made]

    assert run("split").returncode == run("augment").returncode == 0
    assert {name: (workspace / name).read_bytes() for name in first} == first
    assert [path.read_bytes() for path in made] == before


def test_weights_reach_the_training_photographs_and_their_copies_alone(workspace: Path, run: Run) -> None:
    index = pd.read_csv(workspace / "build/index.csv", keep_default_na=False)
    index["weight"] = np.where(index["label"] == "granite", 2.5, 1.0)
    index.to_csv(workspace / "build/index.csv", index=False)
    assert run("split").returncode == 0
    done = run("augment")
    assert done.returncode == 0, done.stderr
    train = open_split(workspace / "build/arrays", "train")
    assert train.weights is not None
    assert train.copies.max() == 1
    assert train.weights.tolist() == np.where(train.labels == train.classes.index("granite"), 2.5, 1.0).tolist()
    assert open_split(workspace / "build/arrays", "val").weights is None
    assert open_split(workspace / "build/arrays", "test").weights is None


def test_without_validation_its_array_holds_no_rows(workspace: Path, run: Run) -> None:
    parameters = (workspace / "params.yaml").read_text("utf-8")
    (workspace / "params.yaml").write_text(parameters.replace("validation: 0.1", "validation: 0"), "utf-8")
    assert run("split").returncode == 0
    done = run("augment")
    assert done.returncode == 0, done.stderr
    empty = open_split(workspace / "build/arrays", "val")
    assert empty.images.shape == (0, 32, 32, 3)
    assert (len(empty), str(empty.labels.dtype), empty.classes) == (0, "int64", ["basalt", "granite"])
    figures = json.loads((workspace / "metrics/data.json").read_text("utf-8"))
    assert figures["splits"]["val"]["photographs"] == 0


def test_the_picture_shows_the_policy_of_the_training(workspace: Path, run: Run) -> None:
    parameters = (workspace / "params.yaml").read_text("utf-8").replace("online: 0.5", "online: 0.0")
    assert run("split").returncode == 0
    pictures = {}
    for policy in ("none", "randaugment", "trivialaugment"):
        (workspace / "params.yaml").write_text(parameters.replace("policy: none", f"policy: {policy}"), "utf-8")
        done = run("augment")
        assert done.returncode == 0, done.stderr
        pictures[policy] = (workspace / "plots/augmented.png").read_bytes()
    assert len(set(pictures.values())) == 3
    sizes = {policy: Image.open(io.BytesIO(content)).width for policy, content in pictures.items()}
    assert sizes["randaugment"] == sizes["trivialaugment"] > sizes["none"]  # with columns for what training sees


def test_a_name_cannot_steer_the_terminal(workspace: Path, run: Run) -> None:
    index = pd.read_csv(workspace / "build/index.csv", keep_default_na=False)
    index["id"] = index["id"].str.replace("basalt/", "ba\x1b[2Jsalt\n/")
    index.loc[index["id"].str.endswith("t\n/11.png"), "label"] = "granite"
    index.to_csv(workspace / "build/index.csv", index=False)
    done = run("split")
    assert done.returncode == 0, done.stderr
    assert "same picture: ba\\x1b[2Jsalt\\n/00.png and ba\\x1b[2Jsalt\\n/11.png" in done.stdout
    assert "set aside: ba\\x1b[2Jsalt\\n/11.png (" in done.stdout
    assert "\x1b" not in done.stdout


def test_no_photograph_is_read_after_the_split(workspace: Path, run: Run) -> None:
    assert run("split").returncode == 0
    for path in (workspace / "build/raw").rglob("*.png"):
        path.unlink()
    done = run("augment")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("size", ["image_size: 48", None], ids=["of another size", "missing"])
def test_squares_that_do_not_fit_are_one_line(workspace: Path, run: Run, size: str | None) -> None:
    assert run("split").returncode == 0
    if size is None:
        shutil.rmtree(workspace / "build/squares")
    else:
        parameters = (workspace / "params.yaml").read_text("utf-8")
        (workspace / "params.yaml").write_text(parameters.replace("image_size: 32", size), "utf-8")
    done = run("augment")
    assert done.returncode == 1
    assert done.stderr.startswith("error: build/squares: ")
    assert "dvc repro" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mistake_is_one_line(workspace: Path, run: Run) -> None:
    parameters = (workspace / "params.yaml").read_text("utf-8")
    (workspace / "params.yaml").write_text(parameters.replace("folds: 0", "folds: 50"), "utf-8")
    done = run("split")
    assert done.returncode == 1
    assert done.stderr.startswith("error: too few photographs to split")
    assert "Traceback" not in done.stderr


def test_a_photograph_that_broke_since_the_download_is_named(workspace: Path, run: Run) -> None:
    (workspace / "build/raw/granite/03.png").write_bytes(b"")
    done = run("split")
    assert done.returncode == 1
    assert "granite/03.png" in done.stderr
    assert "Traceback" not in done.stderr

"""Files in, files out: what ``build/explained`` holds, and that nothing in it depends on anything but the inputs."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
import safetensors.torch
from PIL import Image

from lithoscope.config.params import Parameters, load_parameters
from lithoscope.data.packed.arrays import SPLIT_FILES, open_split
from lithoscope.evaluation.explanations.explain import EXPLAINED, FOLDER, MAP, explain
from lithoscope.evaluation.explanations.records import ScoredSplit
from lithoscope.evaluation.human_judgements.compare import EMBEDDINGS, compare_with_people
from lithoscope.models.predictor import Predictor
from lithoscope.models.pretrained import load_pretrained
from lithoscope.models.saved_model import ModelDescription

from helpers.lively_networks import lively
from helpers.made_up_people import made_up
from helpers.made_up_run import make_run
from helpers.made_up_settings import plain_architecture

pytestmark = pytest.mark.slow

SIDE = 32
CLASSES = ["basalt", "chert", "granite"]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that training could have started from."""
    path = tmp_path_factory.mktemp("weights") / "start.safetensors"
    safetensors.torch.save_file(lively(plain_architecture("cnn", SIDE, 3, 0.0), seed=1).state_dict(), path)
    return path


@pytest.fixture
def parameters(checkout: Path, start: Path) -> Parameters:
    values = load_parameters(checkout / "params.yaml").model_dump()
    values["image_size"] = SIDE
    values["model"]["weights"] = str(start)
    return Parameters.model_validate(values)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    make_run(tmp_path, CLASSES, each=8)
    return tmp_path


def from_scratch(parameters: Parameters) -> Parameters:
    return parameters.model_copy(update={"model": parameters.model.model_copy(update={"weights": None})})


def run(
    root: Path, parameters: Parameters, on: str = "test", labels: np.ndarray | None = None, judged: Any = None
) -> dict[str, Any]:
    """Explain a model; ``labels`` stand in for those that it is told are true."""
    split = open_split(root / "build/arrays", SPLIT_FILES[on])
    weights = load_pretrained("cnn", parameters.model.weights)
    pretrained = None if weights is None else {"source": weights.source, "sha256": weights.sha256}
    architecture = plain_architecture("cnn", SIDE, len(split.classes), 0.0)
    predictor = Predictor(
        lively(architecture, seed=2), ModelDescription(architecture, split.classes, True, "folder", False, pretrained)
    )
    probabilities = predictor.probabilities(split.images)
    (root / EMBEDDINGS).mkdir(parents=True, exist_ok=True)
    if judged is not None:
        _, judged, _ = compare_with_people(root, parameters, predictor, probabilities, on)
    known = split.labels if labels is None else labels
    written, line = explain(
        root, parameters, predictor, ScoredSplit(on, split.ids, split.images, known, probabilities), judged
    )
    assert written == [root / EXPLAINED, root / MAP]
    assert line.startswith("explained: ")
    found: dict[str, Any] = json.loads((root / EXPLAINED).read_text("utf-8"))
    return found


def pictures(entries: list[dict[str, Any]]) -> set[str]:
    found = {entry[kind] for entry in entries for kind in ("photo", "map") if entry.get(kind)}
    return found | {near["photo"] for entry in entries for near in entry.get("neighbours", [])}


def test_every_picture_that_is_named_is_there_and_no_other_file(workspace: Path, parameters: Parameters) -> None:
    (workspace / FOLDER / "examples").mkdir(parents=True)
    (workspace / FOLDER / "examples/of-an-earlier-run.jpg").write_bytes(b"")
    found = run(workspace, parameters)
    named = pictures(found["examples"] + found["mistakes"] + found["suspects"])
    there = {path.relative_to(workspace / FOLDER).as_posix() for path in (workspace / FOLDER).rglob("*.*")}
    assert there == named | {"explained.json", "map.csv"}
    for name in named:
        with Image.open(workspace / FOLDER / name) as picture:
            assert (picture.format, picture.size) == ("JPEG", (SIDE, SIDE))


def test_right_and_wrong_photographs_are_shown_with_calibrated_confidences(
    workspace: Path, parameters: Parameters
) -> None:
    found = run(workspace, parameters)
    right, wrong = ([one for one in found["examples"] if one["right"] is side] for side in (True, False))
    assert 0 < len(right) <= 6
    assert 0 < len(wrong) <= 6
    assert all((one["label"] == one["predicted"]) is one["right"] for one in found["examples"])
    assert len(found["mistakes"]) <= 12
    confidences = [one["confidence"] for one in found["mistakes"]]
    assert confidences == sorted(confidences, reverse=True)
    assert all(len(one["neighbours"]) == 3 for one in found["mistakes"])
    assert found["attribution"]["method"] == "gradient × activation"
    assert (found["split"], found["synthetic"]) == ("test", False)


def test_neighbours_are_the_nearest_training_photographs_by_the_features_that_are_kept(
    workspace: Path, parameters: Parameters
) -> None:
    mistake = run(workspace, parameters)["mistakes"][0]
    kept = {
        name: (
            pd.read_csv(workspace / EMBEDDINGS / f"{name}.csv")["id"].tolist(),
            safetensors.numpy.load_file(workspace / EMBEDDINGS / f"{name}.safetensors")["last"],
        )
        for name in ("train", "test")
    }
    (ids, train), (tested, test) = kept["train"], kept["test"]
    assert sorted(ids) == sorted(open_split(workspace / "build/arrays", "train").ids)
    one, others = test[tested.index(mistake["photograph"])] - train.mean(axis=0), train - train.mean(axis=0)
    cosines = others @ one / np.linalg.norm(others, axis=1) / np.linalg.norm(one)
    best = [near["similarity"] for near in mistake["neighbours"]]
    assert best[0] == pytest.approx(cosines.max(), abs=1e-4)
    assert best == sorted(best, reverse=True)
    for near in mistake["neighbours"]:
        assert near["similarity"] == pytest.approx(cosines[ids.index(near["photograph"])], abs=1e-4)
    assert json.loads((workspace / EMBEDDINGS / "source.json").read_text("utf-8"))["views"] == 1


def test_the_map_has_a_row_for_each_photograph(workspace: Path, parameters: Parameters) -> None:
    found = run(workspace, parameters)
    with (workspace / MAP).open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["photograph", "split", "label", "predicted", "pca_1", "pca_2", "tsne_1", "tsne_2"]
    assert [row["split"] for row in rows] == ["training"] * 72 + ["test"] * 24
    assert all((row["predicted"] == "") is (row["split"] == "training") for row in rows)
    assert all(np.isfinite(float(row[name])) for row in rows for name in ("pca_1", "pca_2", "tsne_1", "tsne_2"))
    assert found["embedding"]["photographs"] == 96
    assert found["embedding"]["tsne"] == {"perplexity": 30.0}
    assert 0 < sum(found["embedding"]["pca"]["explained_variance"]) <= 1


def test_a_wrong_label_planted_among_the_scored_photographs_is_the_first_suspect(
    workspace: Path, parameters: Parameters
) -> None:
    split = open_split(workspace / "build/arrays", "test")
    architecture = plain_architecture("cnn", SIDE, 3, 0.0)
    probabilities = Predictor(
        lively(architecture, seed=2), ModelDescription(architecture, CLASSES, True, "folder", False, None)
    ).probabilities(split.images)
    labels = probabilities.argmax(axis=1).astype(np.int64)
    named = np.bincount(labels).argmax()
    surest = int(np.where(labels == named, probabilities[:, named], 0).argmax())
    other = int(np.flatnonzero(np.arange(3) != named)[0])
    labels[surest] = other
    (found,) = [one for one in run(workspace, parameters, labels=labels)["suspects"] if one["split"] == "test"]
    assert (found["photograph"], found["label"]) == (split.ids[surest], CLASSES[other])
    assert found["predicted"] == CLASSES[named]
    assert found["reason"].startswith(f"the model names it {CLASSES[named]} with ")


def test_a_model_without_mistakes_has_none_to_show(workspace: Path, parameters: Parameters) -> None:
    split = open_split(workspace / "build/arrays", "test")
    architecture = plain_architecture("cnn", SIDE, 3, 0.0)
    model = Predictor(
        lively(architecture, seed=2), ModelDescription(architecture, CLASSES, True, "folder", False, None)
    )
    named = model.probabilities(split.images).argmax(axis=1).astype(np.int64)
    found = run(workspace, parameters, labels=named)
    assert (found["mistakes"], [one for one in found["suspects"] if one["split"] == "test"]) == ([], [])
    assert found["examples"]
    assert all(one["right"] for one in found["examples"])
    wrong = run(workspace, parameters, labels=(named + 1) % 3)
    assert len(wrong["mistakes"]) == 12
    assert not any(one["right"] for one in wrong["examples"])


def test_a_wrong_label_planted_in_the_training_is_a_suspect(workspace: Path, parameters: Parameters) -> None:
    table = pd.read_csv(workspace / "build/arrays/train.csv")
    before = [one for one in run(workspace, parameters)["suspects"] if one["split"] == "training"]
    table.loc[table["id"] == "00/train_5.jpg", "label"] = "granite"
    table.to_csv(workspace / "build/arrays/train.csv", index=False)
    after = [one for one in run(workspace, parameters)["suspects"] if one["split"] == "training"]
    assert before == []
    assert [(one["photograph"], one["label"], one["predicted"]) for one in after] == [
        ("00/train_5.jpg", "granite", "basalt")
    ]
    assert "had not seen it" in after[0]["reason"]


def test_a_network_from_scratch_checks_no_training_labels_and_says_so(workspace: Path, parameters: Parameters) -> None:
    found = run(workspace, from_scratch(parameters))
    assert "training labels are not checked" in found["embedding"]["features"]
    assert {one["split"] for one in found["suspects"]} <= {"test"}
    kept = safetensors.numpy.load_file(workspace / EMBEDDINGS / "train.safetensors")
    assert list(kept) == ["trained"]
    assert "collapsed" in json.loads((workspace / EMBEDDINGS / "source.json").read_text("utf-8"))["of"]


def test_on_validation_no_test_photograph_is_looked_at(workspace: Path, parameters: Parameters) -> None:
    before = run(workspace, parameters, on="validation")
    for name in ("test.npy", "test.csv"):
        (workspace / "build/arrays" / name).unlink()
    assert run(workspace, parameters, on="validation") == before
    assert before["split"] == "validation"
    assert set(pd.read_csv(workspace / MAP)["split"]) == {"training", "validation"}


def test_the_same_inputs_give_the_same_bytes(workspace: Path, parameters: Parameters) -> None:
    kept = []
    for _ in range(2):
        run(workspace, parameters)
        files = [*(workspace / FOLDER).rglob("*.*"), *(workspace / EMBEDDINGS).iterdir()]
        kept.append({path: path.read_bytes() for path in files})
    assert len(kept[0]) > 40
    assert kept[0] == kept[1]


def test_what_people_judged_is_not_embedded_twice(tmp_path: Path, parameters: Parameters) -> None:
    made_up(tmp_path, each=(6, 4), side=SIDE)
    found = run(tmp_path, parameters, judged=True)
    train = safetensors.numpy.load_file(tmp_path / EMBEDDINGS / "train.safetensors")
    assert {"last", "layers"} == set(train), "the files of the comparison with people stay"
    assert json.loads((tmp_path / EMBEDDINGS / "source.json").read_text("utf-8"))["views"] == 8
    assert found["embedding"]["photographs"] == 50 + 40, "validation photographs are neither learnt from nor scored"
    ids = pd.read_csv(tmp_path / EMBEDDINGS / "train.csv")["id"].tolist()
    assert {near["photograph"] for one in found["mistakes"] for near in one["neighbours"]} <= set(ids)

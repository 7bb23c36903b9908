"""The comparison as a part of the pipeline, from files to files, on a made-up set."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
import safetensors.torch

from lithoscope.config.params import Parameters, load_parameters
from lithoscope.core.errors import LithoscopeError
from lithoscope.data.packed.arrays import open_split
from lithoscope.evaluation.human_judgements.compare import EMBEDDINGS, FIGURES, TABLE, compare_with_people
from lithoscope.evaluation.human_judgements.human_data import DIMENSIONS
from lithoscope.models.predictor import Predictor
from lithoscope.models.pretrained import load_pretrained
from lithoscope.models.saved_model import ModelDescription

from helpers.lively_networks import lively
from helpers.made_up_people import CATEGORIES, MadeUp, made_up
from helpers.made_up_settings import plain_architecture

pytestmark = pytest.mark.slow

SIDE = 32


@pytest.fixture(scope="module", autouse=True)
def few_resamples() -> Iterator[None]:
    """Intervals are rough, and in a tenth of the time; no test here looks at their ends."""
    with pytest.MonkeyPatch.context() as patched:
        for place in ("procrustes.RESAMPLES", "procrustes.DRAWS", "rsa.RESAMPLES", "confusions.RESAMPLES"):
            patched.setattr(f"lithoscope.evaluation.human_judgements.{place}", 50)
        patched.setattr("lithoscope.evaluation.human_judgements.regressions.PENALTIES", (0.03, 0.3, 3.0))
        yield


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that training could have started from."""
    path = tmp_path_factory.mktemp("weights") / "start.safetensors"
    network = lively(plain_architecture("cnn", SIDE, 10, 0.0), seed=1)
    safetensors.torch.save_file(network.state_dict(), path)
    return path


@pytest.fixture
def written(tmp_path: Path) -> MadeUp:
    return made_up(tmp_path, each=(6, 4), side=SIDE)


@pytest.fixture(scope="module")
def parameters(checkout: Path, start: Path) -> Parameters:
    values = load_parameters(checkout / "params.yaml").model_dump()
    values["image_size"] = SIDE
    values["model"]["weights"] = str(start)
    return Parameters.model_validate(values)


def predictor(parameters: Parameters) -> Predictor:
    architecture = plain_architecture("cnn", SIDE, 10, 0.0)
    weights = load_pretrained("cnn", parameters.model.weights)
    pretrained = None if weights is None else {"source": weights.source, "sha256": weights.sha256}
    description = ModelDescription(architecture, CATEGORIES, True, "osf-rocks", False, pretrained)
    return Predictor(lively(architecture, seed=2), description)


def compare(root: Path, parameters: Parameters, on: str = "test") -> tuple[dict[str, Any], dict[str, float], list[str]]:
    model = predictor(parameters)
    split = open_split(root / "build" / "arrays", "test" if on == "test" else "val")
    flat, _, lines = compare_with_people(root, parameters, model, model.probabilities(split.images), on)
    return json.loads((root / FIGURES).read_text("utf-8")), flat, lines


@dataclass(frozen=True)
class Compared:
    """One comparison, for the tests that look at it."""

    root: Path
    written: MadeUp
    figures: dict[str, Any]
    flat: dict[str, float]
    lines: list[str]


def content(root: Path) -> list[bytes]:
    return [path.read_bytes() for path in [root / FIGURES, root / TABLE, *sorted((root / EMBEDDINGS).iterdir())]]


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory, parameters: Parameters) -> Compared:
    root = tmp_path_factory.mktemp("compared")
    written = made_up(root, each=(6, 4), side=SIDE)
    return Compared(root, written, *compare(root, parameters))


def test_everything_is_compared_and_written(compared: Compared) -> None:
    root, written, figures, flat = compared.root, compared.written, compared.figures, compared.flat
    assert figures["status"] == "compared"
    assert figures["embedding"]["weights"] == "start.safetensors"
    assert "not known" in figures["embedding"]["of"], "weights of ours may have seen anything"
    assert figures["training"]["photographs"] == 60, "validation photographs are fitted to as well"
    assert set(figures["training"]["ridge"]["candidates"]) == {"last layer", "several layers"}
    test = figures["test"]
    assert test["photographs"] == 40
    assert set(test["ridge"]["r"]) == set(DIMENSIONS)
    assert test["authors"]["mean_r"] > 0.7
    assert test["difference_from_authors"]["mean_r"] == pytest.approx(
        test["ridge"]["mean_r"] - test["authors"]["mean_r"], abs=2e-6
    )
    assert len(test["supplementary"]["r"]) == 5
    assert test["naming"]["igneous"]["model"]["photographs"] == 20
    assert flat["people.test.ridge.disparity"] == pytest.approx(test["ridge"]["disparity"], abs=1e-6)
    assert all(isinstance(value, float) for value in flat.values())
    assert any(line.startswith("people, test: mean r") for line in compared.lines)

    rows = pd.read_csv(root / TABLE)
    assert len(rows) == 40 * 8
    one = rows[rows["dimension"] == "hue"]
    assert one["id"].tolist() == written.test
    np.testing.assert_allclose(one["people"], written.test_space[:, 7], atol=1e-3)
    r = np.corrcoef(one["people"], one["model"])[0, 1]
    assert r == pytest.approx(test["ridge"]["r"]["hue"], abs=1e-3)

    train = safetensors.numpy.load_file(root / EMBEDDINGS / "train.safetensors")
    tested = safetensors.numpy.load_file(root / EMBEDDINGS / "test.safetensors")
    assert pd.read_csv(root / EMBEDDINGS / "train.csv")["id"].tolist() == written.train
    assert (train["last"].shape, tested["last"].shape, tested["trained"].shape) == ((60, 192), (40, 192), (40, 192))
    assert np.abs(tested["last"] - tested["trained"]).max() > 0.01


def test_dimensions_that_the_pictures_show_are_found_and_others_are_not(compared: Compared) -> None:
    """The first two dimensions were painted as brightness and redness, the last five are in no picture."""
    r = compared.figures["training"]["ridge"]["r"]
    assert min(r["lightness"], r["grain size"]) > 0.7
    assert max(list(r.values())[3:]) < 0.6


def test_the_same_inputs_give_the_same_bytes(
    compared: Compared, written: MadeUp, tmp_path: Path, parameters: Parameters
) -> None:
    compare(tmp_path, parameters)
    assert content(tmp_path) == content(compared.root)


def test_on_validation_no_test_photograph_is_looked_at(written: MadeUp, tmp_path: Path, parameters: Parameters) -> None:
    before = compare(tmp_path, parameters, on="validation")[0]
    for name in ("test.npy", "test.csv"):
        (written.build / "arrays" / name).unlink()
    after, flat, _ = compare(tmp_path, parameters, on="validation")
    assert before == after
    assert "test" not in after
    assert "not looked at" in after["note"]
    assert not [name for name in flat if "test" in name]
    assert set(pd.read_csv(tmp_path / TABLE)["split"]) == {"train"}
    assert not (tmp_path / EMBEDDINGS / "test.safetensors").exists()


def test_the_maps_know_nothing_of_the_test(
    compared: Compared, written: MadeUp, tmp_path: Path, parameters: Parameters
) -> None:
    """Other human data for the test, or other test photographs, leave the training's figures as they were."""
    np.save(written.build / "arrays" / "test.npy", 255 - np.load(written.build / "arrays" / "test.npy"))
    rng = np.random.default_rng(9)
    (written.human / "mds_120_supplemental_dims.txt").unlink()
    np.savetxt(written.human / "mds_120.txt", rng.normal(size=(40, 8)))
    assert compare(tmp_path, parameters)[0]["training"] == compared.figures["training"]


def test_a_network_from_scratch_is_compared_without_a_regression(
    written: MadeUp, tmp_path: Path, parameters: Parameters
) -> None:
    scratch = parameters.model_copy(update={"model": parameters.model.model_copy(update={"weights": None})})
    figures, _, _ = compare(tmp_path, scratch)
    assert "training" not in figures
    assert "collapsed" in figures["embedding"]["of"]
    assert "ridge" not in figures["test"]
    assert 0 < figures["test"]["components"]["disparity"] <= 1
    assert figures["test"]["naming"]["igneous"]["model"]["photographs"] == 20
    assert set(pd.read_csv(tmp_path / TABLE)["split"]) == {"test"}


def test_weights_that_changed_since_the_training_are_refused(
    written: MadeUp, tmp_path: Path, parameters: Parameters
) -> None:
    model = predictor(parameters)
    model.description = replace(model.description, pretrained={"source": "start.safetensors", "sha256": "0" * 64})
    with pytest.raises(LithoscopeError, match="not the weights that this model was trained from any more"):
        compare_with_people(tmp_path, parameters, model, np.full((40, 10), 0.1), "test")


def test_a_set_without_human_data_says_so_in_every_output(tmp_path: Path, parameters: Parameters) -> None:
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "dataset.json").write_text('{"name": "specimens", "human_data": false}', "utf-8")
    found = compare_with_people(tmp_path, parameters, predictor(parameters), np.ones((1, 1)), "test")
    note = "specimens has no human data: nothing to compare with"
    assert found == ({}, None, [f"people: {note}"])
    assert json.loads((tmp_path / FIGURES).read_text("utf-8")) == {"status": "off", "note": note}
    assert json.loads((tmp_path / EMBEDDINGS / "source.json").read_text("utf-8")) == {"note": note}
    assert (tmp_path / TABLE).read_text("utf-8") == "split,id,dimension,people,model,authors\n"


def test_a_copy_without_the_naming_or_the_authors_network_is_compared_for_the_rest(
    written: MadeUp, tmp_path: Path, parameters: Parameters
) -> None:
    for name in ("cnn_120.txt", "human_categorization_120.csv"):
        (written.human / name).unlink()
    test = compare(tmp_path, parameters)[0]["test"]
    assert test["naming"] == {"note": "this copy lacks human_categorization_120.csv"}
    assert "authors" not in test
    assert "difference_from_authors" not in test
    assert pd.read_csv(tmp_path / TABLE)["authors"].isna().all()

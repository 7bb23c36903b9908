"""The nearest training photographs: shown where the server's owner allows it, and nowhere else."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from lithoscope.cli import main as cli
from lithoscope.core.errors import LithoscopeError
from lithoscope.data.packed.arrays import write_split
from lithoscope.evaluation import answered
from lithoscope.evaluation.answers.limits import HeldOut, fit_limits
from lithoscope.evaluation.answers.novelty import MOST
from lithoscope.serving.onnx_description import LIMITS
from lithoscope.serving.onnx_model import OnnxModel
from lithoscope.serving.server import training_photographs as module
from lithoscope.serving.server.answering import ExportedModel
from lithoscope.serving.server.application import create_app
from lithoscope.serving.server.settings import ServerSettings
from lithoscope.serving.server.training_photographs import SHOWN, TrainingPhotographs, kept_rows

from helpers.exports import exported

pytestmark = pytest.mark.slow
CLASSES = ["biotite", "pyrite"]
SETTINGS = ServerSettings(hosts=("testserver",), decoders=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("shown")
    model = OnnxModel.load(exported(made, CLASSES))
    seen = model.run(np.load(made / "arrays" / "train.npy"))
    held = model.run(np.random.default_rng(5).integers(0, 256, (30, 32, 32, 3), dtype=np.uint8))
    known = HeldOut(held.probabilities, held.features, held.probabilities.argmax(axis=1), "made up")
    limits = fit_limits(known, seen.features, CLASSES, {})
    assert limits is not None
    limits.save(model.folder / LIMITS)
    return made


@pytest.fixture(scope="module")
def model(folder: Path) -> OnnxModel:
    return OnnxModel.load(folder / "export")


@pytest.fixture(scope="module")
def photographs(folder: Path) -> list[bytes]:
    packed = []
    for square in np.load(folder / "arrays" / "train.npy"):
        stream = io.BytesIO()
        Image.fromarray(square).save(stream, "PNG")
        packed.append(stream.getvalue())
    return packed


@pytest.fixture(scope="module")
def showing(folder: Path, model: OnnxModel) -> Iterator[TestClient]:
    training = TrainingPhotographs.load(model, folder / "arrays")
    with TestClient(create_app(ExportedModel(model), SETTINGS, training)) as client:
        yield client


def ask(client: TestClient, *contents: bytes, **fields: str) -> Any:
    uploads = [("photographs", ("stone.png", content)) for content in contents]
    return client.post("/predict", files=uploads, data=fields)


def test_a_training_photograph_is_nearest_to_itself(showing: TestClient, photographs: list[bytes]) -> None:
    assert showing.get("/model").json()["shows_training"] is True
    rows = ask(showing, photographs[5], b"no picture", photographs[2], nearest="true").json()["predictions"]
    assert [len(row["nearest"]) for row in rows] == [SHOWN, 0, SHOWN]
    first = rows[0]["nearest"][0]
    assert (first["photograph"], first["label"], first["similarity"]) == (
        "train 5",
        CLASSES[1],
        pytest.approx(1, abs=2e-3),
    )
    assert rows[2]["nearest"][0]["photograph"] == "train 2"
    assert first["similarity"] > rows[0]["nearest"][1]["similarity"] >= rows[0]["nearest"][2]["similarity"]
    with Image.open(io.BytesIO(base64.b64decode(first["picture"].partition(",")[2]))) as thumbnail:
        shown = np.asarray(thumbnail.convert("L"), dtype=float)
    greys = [np.asarray(Image.open(io.BytesIO(one)).convert("L"), dtype=float) for one in photographs]
    assert np.argmin([abs(shown - grey).mean() for grey in greys]) == 5


def test_a_specimen_is_held_against_them_as_a_whole(showing: TestClient, photographs: list[bytes]) -> None:
    content = ask(showing, photographs[1], photographs[1], specimen="true", nearest="true").json()
    assert content["specimen"]["nearest"][0]["photograph"] == "train 1"


def test_they_are_not_sent_unless_they_are_asked_for(showing: TestClient, photographs: list[bytes]) -> None:
    assert ask(showing, photographs[0]).json()["predictions"][0]["nearest"] == []


def test_without_the_option_nothing_of_them_is_served(model: OnnxModel, photographs: list[bytes]) -> None:
    with TestClient(create_app(ExportedModel(model), SETTINGS)) as client:
        assert client.get("/model").json()["shows_training"] is False
        answer = ask(client, photographs[0], specimen="true")
        assert answer.json()["predictions"][0]["nearest"] == answer.json()["specimen"]["nearest"] == []
        assert "train " not in answer.text
        refused = ask(client, photographs[0], nearest="true")
        assert (refused.status_code, refused.json()) == (
            400,
            {"error": "nearest = 'true': this server shows no training photographs (--show-training)"},
        )


def test_photographs_of_another_training_are_not_shown(tmp_path: Path, model: OnnxModel) -> None:
    count = len(kept_rows(8))
    others = np.random.default_rng(9).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    write_split(tmp_path, "train", [str(n) for n in range(count)], ["biotite"] * count, others, side=32)
    with pytest.raises(LithoscopeError, match="not the photographs that"):
        TrainingPhotographs.load(model, tmp_path)


def test_which_photographs_the_limits_hold_is_what_evaluation_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    assert module.LEARNT == answered.MOST
    assert kept_rows(7).tolist() == list(range(7))
    many = kept_rows(5000)
    assert len(many) == MOST
    learnt = np.linspace(0, 4999, answered.MOST).round().astype(int)
    np.testing.assert_array_equal(many, learnt[np.linspace(0, len(learnt) - 1, MOST).round().astype(int)])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("models:/classifier@champion", "--show-training: an alias may stand for a model of other photographs"),
        ("elsewhere/export", "build/arrays/train.npy: no such file, so no training photographs"),
    ],
)
def test_what_cannot_be_shown_is_a_line(
    name: str,
    reason: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "export").symlink_to(folder / "export")
    assert cli.main(["serve", "--model", name, "--show-training", "--port", "0"]) == 1
    assert reason in capsys.readouterr().err

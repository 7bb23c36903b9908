"""The server's answers beside those of ``predict``, with field tests and of whole specimens; what it says it is."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from lithoscope.data.images.framed import read_framed
from lithoscope.serving.observations import read_observations
from lithoscope.serving.onnx_model import OnnxModel
from lithoscope.serving.pages import on_threads
from lithoscope.serving.photographs import FoundPhotograph
from lithoscope.serving.pipeline import predict_rows
from lithoscope.serving.server.answering import ExportedModel
from lithoscope.serving.server.application import create_app
from lithoscope.serving.server.settings import ServerSettings
from lithoscope.serving.tables import DIGITS

from helpers.exports import exported

pytestmark = pytest.mark.slow
CLASSES = ["biotite", "malachite", "quartz"]


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(tmp_path_factory.mktemp("answering"), CLASSES)


def test_the_model_is_described_by_the_figures_of_its_export(export: Path) -> None:
    figures = {
        "accuracy": {"value": 0.81, "low": 0.74, "high": 0.87, "n": 120, "split": "test", "name": "accuracy"},
        "loss": {"value": 0.5, "low": None, "high": None, "n": 120, "split": "test", "name": "loss (nats)"},
    }
    text = export / "model.json"
    text.write_text(json.dumps({**json.loads(text.read_text(encoding="utf-8")), "figures": figures}), encoding="utf-8")
    app = create_app(ExportedModel(OnnxModel.load(export)), ServerSettings(hosts=("testserver",)))
    found = TestClient(app).get("/model").json()
    assert found["figures"] == json.loads(text.read_text(encoding="utf-8"))["figures"] == figures
    assert found["card"]["Accuracy on 120 test photographs"] == "0.810, 95 % interval 0.740 to 0.870"
    assert found["card"]["Loss (nats) on 120 test photographs"] == "0.500"


def test_each_page_of_a_file_is_answered_as_predict_answers_it(tmp_path: Path, export: Path) -> None:
    folder = Path(shutil.copytree(export, tmp_path / "export"))
    text = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    text["reading"]["pages"] = "each"
    (folder / "model.json").write_text(json.dumps(text), encoding="utf-8")
    random, paths = np.random.default_rng(4), []
    for kind in ("tif", "gif", "avif", "jpg"):
        pages = [Image.fromarray(random.integers(0, 256, (40, 50, 3), dtype=np.uint8)) for _ in range(3)]
        paths.append(tmp_path / f"scan.{kind}")
        if kind == "jpg":
            pages[0].save(paths[-1])
        else:
            pages[0].save(paths[-1], save_all=True, append_images=pages[1:])
    paths.insert(1, tmp_path / "broken.png")
    paths[1].write_bytes(b"no picture")
    model = OnnxModel.load(folder)
    photographs = [FoundPhotograph(str(path), path.name) for path in paths]
    expected = []
    for row in predict_rows(model, photographs, on_threads(1), read_observations(CLASSES, {}, None, None)):
        shares = [] if row.probabilities is None else [round(float(one), DIGITS) for one in row.probabilities]
        expected.append((row.path, row.problem, row.label, shares))
    app = create_app(ExportedModel(model), ServerSettings(hosts=("testserver",), decoders=1))
    with TestClient(app) as client:
        sent = [("photographs", (path.name, path.read_bytes())) for path in paths]
        rows = client.post("/predict", files=sent).json()["predictions"]
        assert client.get("/model").json()["pages"] == "each"
    found = [(one["photograph"], one["problem"], one["label"], list(one["probabilities"].values())) for one in rows]
    assert found == expected
    assert [(one["file"], one["page"]) for one in rows] == [
        *((0, 1), (0, 2), (0, 3), (1, 1)),
        *((2, 1), (2, 2), (2, 3), (3, 1), (3, 2), (3, 3), (4, 1)),
    ]


@pytest.mark.parametrize("fields", [{}, {"hardness": "6-7"}, {"hardness": "3", "streak": "green"}])
@pytest.mark.parametrize("one_specimen", [False, True])
def test_field_tests_and_specimens_have_the_digits_of_predict(
    tmp_path: Path, export: Path, fields: dict[str, str], one_specimen: bool
) -> None:
    model = OnnxModel.load(export)
    random, paths = np.random.default_rng(3), []
    for number in range(4):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(random.integers(0, 256, (60, 50, 3), dtype=np.uint8)).save(paths[-1])
    photographs = [FoundPhotograph(str(path), str(path)) for path in paths]
    observations = read_observations(CLASSES, fields, None, None)
    expected = [
        {"label": row.label, "p": [round(float(one), DIGITS) for one in row.probabilities]}
        for row in predict_rows(model, photographs, on_threads(1), observations, specimens=one_specimen)
        if row.probabilities is not None
    ]
    served = ExportedModel(model)
    size, crop_border, reading = served.framing
    squares = np.stack([read_framed(path, reading, size, crop_border).square for path in paths])
    found = served.answers(served.run(squares), fields, one_specimen=one_specimen)
    assert [{"label": one["label"], "p": list(one["probabilities"].values())} for one in found] == expected

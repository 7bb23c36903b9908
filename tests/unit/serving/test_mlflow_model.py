"""A logged model behind MLflow's own scoring server."""

import base64
import io
import json
import shutil
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from mlflow.pyfunc import PyFuncModel, scoring_server
from PIL import Image

from lithoscope.config.params import load_parameters
from lithoscope.models.predictor import Predictor
from lithoscope.models.saved_model import ModelDescription, save_model
from lithoscope.tracking import Store

from helpers.lively_networks import lively
from helpers.made_up_settings import plain_architecture

pytestmark = pytest.mark.slow
CLASSES = ["basalt", "gneiss", "schist"]
SQUARES = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    folder = tmp_path_factory.mktemp("trained") / "model"
    architecture = plain_architecture("cnn", 32, 3)
    description = ModelDescription(architecture, CLASSES, True, "folder", False, None)
    save_model(folder, description, lively(architecture, 0).state_dict())
    return Predictor.load(folder)


@pytest.fixture(scope="module")
def model(
    tmp_path_factory: pytest.TempPathFactory, predictor: Predictor, blank_database: Path, checkout: Path
) -> PyFuncModel:
    root = tmp_path_factory.mktemp("store")
    save_model(root / "model", predictor.description, predictor.network.state_dict())
    shutil.copyfile(blank_database, root / "mlflow.db")
    store = Store(f"sqlite:///{root / 'mlflow.db'}", root)
    with store.run("basalt", load_parameters(checkout / "params.yaml"), {}) as run:
        run.log_model(root / "model", SQUARES[:1], checkout / "src" / "lithoscope", CLASSES)
    outputs = store.client.get_run(run.run_id).outputs
    assert outputs is not None
    loaded: PyFuncModel = mlflow.pyfunc.load_model(f"models:/{outputs.model_outputs[0].model_id}")
    return loaded


@pytest.fixture(scope="module")
def server(model: PyFuncModel) -> TestClient:
    return TestClient(scoring_server.init(model))


@pytest.fixture(scope="module")
def photograph() -> bytes:
    """A file whose pixels are more than the network sees, with a border that is cut away."""
    packed = io.BytesIO()
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (50, 70, 3), dtype=np.uint8))
    picture.save(packed, "PNG")
    return packed.getvalue()


def rows(server: TestClient, body: dict[str, Any]) -> list[dict[str, Any]]:
    answer = server.post("/invocations", json=body)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["predictions"]
    return found


def predicted(model: PyFuncModel, given: Any) -> list[dict[str, Any]]:
    table = model.predict(given)
    assert isinstance(table, pd.DataFrame)
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def refusal(server: TestClient, body: dict[str, Any]) -> str:
    answer = server.post("/invocations", json=body)
    assert answer.status_code == 400, answer.text
    message = str(answer.json()["message"])
    assert "\n" not in message
    assert "stack_trace" not in answer.json()
    return message


def check(row: dict[str, Any], probabilities: npt.NDArray[np.float32]) -> None:
    assert row["label"] == CLASSES[int(probabilities.argmax())]
    assert [row[f"p_{name}"] for name in CLASSES] == pytest.approx(probabilities.tolist(), abs=1e-6)


@pytest.mark.parametrize(
    "body",
    [
        lambda text: {"dataframe_records": [{"photograph": text}]},
        lambda text: {"dataframe_split": {"columns": ["photograph"], "data": [[text]]}},
        lambda text: {"inputs": {"photograph": [text]}},
        lambda text: {"instances": [{"photograph": text}]},
    ],
)
def test_a_picture_is_answered_as_predict_answers_it(
    server: TestClient, predictor: Predictor, photograph: bytes, body: Any
) -> None:
    text = base64.b64encode(photograph).decode()
    (row,) = rows(server, body(text))
    square = predictor.square(Image.open(io.BytesIO(photograph)))
    check(row, predictor.probabilities(square[None])[0])


def test_python_gives_bytes_in_a_table(model: PyFuncModel, predictor: Predictor, photograph: bytes) -> None:
    square = predictor.square(Image.open(io.BytesIO(photograph)))
    found = predicted(model, pd.DataFrame({"photograph": [photograph, photograph]}))
    for row, probabilities in zip(found, predictor.probabilities(np.stack([square, square])), strict=True):
        check(row, probabilities)


def test_squares_are_answered_as_before(server: TestClient, model: PyFuncModel, predictor: Predictor) -> None:
    expected = predictor.probabilities(SQUARES)
    for found in (rows(server, {"inputs": SQUARES.tolist()}), predicted(model, SQUARES)):
        for row, probabilities in zip(found, expected, strict=True):
            check(row, probabilities)


@pytest.mark.parametrize(
    ("squares", "said"),
    [
        ((SQUARES / 255).tolist(), "float64"),
        ((SQUARES.astype(int) + 1).tolist(), "… 256"),
        ((SQUARES.astype(int) - 1).tolist(), "-1 …"),
        (SQUARES[:, :16].tolist(), "(2, 16, 32, 3)"),
        ([["quartz"]], "allowed: whole numbers 0 … 255 (n, 32, 32, 3)"),
    ],
)
def test_what_is_not_whole_numbers_up_to_255_is_refused_in_a_line(
    server: TestClient, squares: list[Any], said: str
) -> None:
    message = refusal(server, {"inputs": squares})
    assert said in message
    assert "whole numbers 0 … 255" in message
    assert len(message) < 250


def test_what_is_no_picture_is_refused_in_a_line(server: TestClient, photograph: bytes) -> None:
    good = base64.b64encode(photograph).decode()
    cut = base64.b64encode(photograph[: len(photograph) // 2]).decode()
    records = "dataframe_records"
    assert refusal(server, {records: [{"photograph": good}, {"photograph": cut}]}).startswith("photograph 2: ")
    assert "no base64" in refusal(server, {records: [{"photograph": "not a picture!"}]})
    assert "not an image" in refusal(server, {records: [{"photograph": base64.b64encode(b"text").decode()}]})
    assert "int" in refusal(server, {records: [{"photograph": 1}]})
    assert "columns stone" in refusal(server, {records: [{"stone": good}]})


def test_the_model_keeps_no_schema_that_casts_its_input(model: PyFuncModel) -> None:
    signature = model.metadata.signature
    assert signature is not None
    assert signature.inputs is None
    assert signature.outputs.input_names() == ["label", "confidence", *(f"p_{name}" for name in CLASSES)]
    assert json.loads(json.dumps(model.metadata.saved_input_example_info))["type"] == "ndarray"

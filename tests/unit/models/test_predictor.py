from pathlib import Path

import mlflow.pyfunc
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from lithoscope.models.classifier import Classifier
from lithoscope.models.ensemble import join_states
from lithoscope.models.predictor import Predictor
from lithoscope.models.saved_model import ModelDescription, load_description, save_model

from helpers.lively_networks import lively
from helpers.made_up_settings import plain_architecture

CLASSES = ["basalt", "gneiss", "schist"]
SQUARES = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)


def network(seed: int) -> Classifier:
    return lively(plain_architecture("cnn", 32, 3, 0.5), seed)


def save(folder: Path, *, members: int, views: int, temperature: float = 1.0) -> Path:
    description = ModelDescription(
        plain_architecture("cnn", 32, 3, 0.5, members=members, views=views),
        CLASSES,
        False,
        "folder",
        False,
        None,
        temperature,
    )
    save_model(folder, description, join_states([network(seed).state_dict() for seed in range(members)]))
    return folder


@torch.no_grad()
def of(seed: int, squares: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Probabilities of one member, from torch alone."""
    logits = network(seed)(torch.from_numpy(squares.copy()).permute(0, 3, 1, 2))
    made: npt.NDArray[np.float32] = torch.softmax(logits, dim=1).numpy()
    return made


def test_one_network_seen_once_is_the_plain_network(tmp_path: Path) -> None:
    predictor = Predictor.load(save(tmp_path, members=1, views=1))
    np.testing.assert_allclose(predictor.probabilities(SQUARES), of(0, SQUARES), atol=1e-5)


def test_a_model_saved_with_views_is_scored_on_the_mean_of_them(tmp_path: Path) -> None:
    predictor = Predictor.load(save(tmp_path, members=1, views=2))
    expected = (of(0, SQUARES) + of(0, SQUARES[:, :, ::-1])) / 2
    assert not np.allclose(expected, of(0, SQUARES), atol=1e-3)
    np.testing.assert_allclose(predictor.probabilities(SQUARES), expected, atol=1e-5)
    assert load_description(tmp_path).views == 2


def test_a_model_of_several_members_is_scored_on_the_mean_of_them(tmp_path: Path) -> None:
    predictor = Predictor.load(save(tmp_path, members=3, views=1))
    expected = (of(0, SQUARES) + of(1, SQUARES) + of(2, SQUARES)) / 3
    np.testing.assert_allclose(predictor.probabilities(SQUARES), expected, atol=1e-5)


def test_a_temperature_is_that_of_the_averaged_probabilities(tmp_path: Path) -> None:
    predictor = Predictor.load(save(tmp_path, members=2, views=1, temperature=2.0))
    roots = np.sqrt((of(0, SQUARES) + of(1, SQUARES)) / 2)
    expected = roots / roots.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(predictor.probabilities(SQUARES), expected, atol=1e-5)
    plain = Predictor.load(save(tmp_path / "plain", members=2, views=1))
    np.testing.assert_allclose(predictor.logits(SQUARES), plain.logits(SQUARES), atol=1e-6)


def test_files_are_scored_like_their_squares_and_a_broken_one_says_why(tmp_path: Path) -> None:
    predictor = Predictor.load(save(tmp_path / "model", members=2, views=2, temperature=1.7))
    Image.fromarray(SQUARES[0]).save(tmp_path / "rock.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    good, broken = predictor.predict_files([tmp_path / "rock.png", tmp_path / "broken.png"])
    np.testing.assert_allclose(good.probabilities, predictor.probabilities(SQUARES[:1])[0], atol=1e-6)
    assert good.confidence == good.probabilities.max()
    assert good.label == CLASSES[int(good.probabilities.argmax())]
    assert broken.label is None
    assert broken.problem


def test_mlflow_serves_members_and_views_as_they_were_scored(tmp_path: Path, checkout: Path) -> None:
    folder = save(tmp_path / "model", members=2, views=4, temperature=1.7)
    mlflow.pyfunc.save_model(
        tmp_path / "logged",
        python_model=str(checkout / "src" / "lithoscope" / "serving" / "mlflow_model.py"),
        artifacts={"model": str(folder)},
        pip_requirements=[],
    )
    table = mlflow.pyfunc.load_model(str(tmp_path / "logged")).predict(SQUARES)
    expected = Predictor.load(folder).probabilities(SQUARES)
    np.testing.assert_allclose(table[[f"p_{name}" for name in CLASSES]], expected, atol=1e-6)
    assert list(table["label"]) == [CLASSES[index] for index in expected.argmax(axis=1)]
    np.testing.assert_allclose(table["confidence"], expected.max(axis=1), atol=1e-6)

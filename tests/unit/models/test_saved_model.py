import json
from pathlib import Path
from typing import Any

import pytest
import torch

from lithoscope.core.errors import LithoscopeError
from lithoscope.models.classifier import build_classifier
from lithoscope.models.saved_model import ModelDescription, load_model, save_model, weights_digest

from helpers.made_up_settings import plain_architecture

ARCHITECTURE = plain_architecture("cnn", 32, 2, 0.1, pooling="both", head="mlp", views=4)
DESCRIPTION = ModelDescription(
    ARCHITECTURE, ["basalt", "gneiss"], True, "folder", False, None, temperature=1.25, calibrated_on=70
)

SAVED: dict[str, Any] = {
    "format": 2,
    "architecture": {
        "name": "cnn",
        "image_size": 32,
        "classes": 2,
        "dropout": 0.1,
        "pooling": "both",
        "head": "mlp",
        "stochastic_depth": 0.0,
        "members": 1,
    },
    "classes": ["basalt", "gneiss"],
    "crop_border": True,
    "dataset": "folder",
    "synthetic": False,
    "pretrained": None,
    "views": 4,
    "temperature": 1.25,
    "calibrated_on": 70,
    "reading": {"pages": "first", "max_megapixels": 179},
    "normalisation": {"range": [0, 255], "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_model(tmp_path, DESCRIPTION, build_classifier(ARCHITECTURE).state_dict())
    return tmp_path


def test_a_model_comes_back_as_it_was_saved(folder: Path) -> None:
    torch.manual_seed(0)
    before = build_classifier(ARCHITECTURE).eval()
    network, description = load_model(folder)
    assert description == DESCRIPTION
    pictures = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    assert torch.allclose(network(pictures), before(pictures), atol=1e-6)


@pytest.mark.parametrize("name", ["timm/tf_efficientnet_lite0", "timm/mobilenetv3_small_050"])
def test_a_network_of_timm_comes_back_without_asking_for_its_original_weights(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a saved model needs no other weights")

    for place in ("models._builder.load_state_dict_from_hf", "models._builder.load_state_dict_from_url"):
        monkeypatch.setattr(f"timm.{place}", refuse)
    monkeypatch.setattr("lithoscope.models.pretrained.timm_imagenet", refuse)
    torch.manual_seed(0)
    architecture = plain_architecture(name, 64, 2)
    before = build_classifier(architecture).eval()
    save_model(tmp_path, ModelDescription(architecture, ["a", "b"], True, "folder", False, None), before.state_dict())
    network, _ = load_model(tmp_path)
    pictures = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    assert torch.allclose(network(pictures), before(pictures), atol=1e-6)


def test_the_same_model_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_model(tmp_path / "again", DESCRIPTION, build_classifier(ARCHITECTURE).state_dict())
    assert weights_digest(folder) == weights_digest(tmp_path / "again")
    assert (folder / "model.json").read_bytes() == (tmp_path / "again" / "model.json").read_bytes()


def test_the_format_is_that_of_models_saved_earlier(folder: Path) -> None:
    text = (folder / "model.json").read_text(encoding="utf-8")
    assert text == json.dumps(SAVED, indent=2) + "\n"


@pytest.mark.parametrize("change", [{"pooling": "median"}, {"name": "resnet"}, {"dropout": "much", "head": 1}])
def test_an_impossible_architecture_is_a_line(folder: Path, change: dict[str, object]) -> None:
    text = {**SAVED, "architecture": {**SAVED["architecture"], **change}}
    (folder / "model.json").write_text(json.dumps(text), encoding="utf-8")
    with pytest.raises(LithoscopeError, match=r"damaged .*allowed: ") as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["[]", '{"format": 2}', "{", '{"format": 99}'])
def test_a_damaged_description_is_a_line(folder: Path, text: str) -> None:
    (folder / "model.json").write_text(text, encoding="utf-8")
    with pytest.raises(LithoscopeError) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)


def test_damaged_weights_are_a_line(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LithoscopeError, match="damaged"):
        load_model(folder)


def test_weights_of_another_network_are_a_line(folder: Path) -> None:
    text = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    text["architecture"]["classes"] = 5
    (folder / "model.json").write_text(json.dumps(text), encoding="utf-8")
    with pytest.raises(LithoscopeError, match="do not fit"):
        load_model(folder)


def test_a_model_of_an_earlier_version_has_the_temperature_1(folder: Path) -> None:
    text = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    del text["temperature"], text["calibrated_on"]
    (folder / "model.json").write_text(json.dumps(text), encoding="utf-8")
    description = load_model(folder)[1]
    assert (description.temperature, description.calibrated_on) == (1.0, 0)


@pytest.mark.parametrize("temperature", [0, -1.5, "1.5", None, True])
def test_an_impossible_temperature_is_a_line(folder: Path, temperature: object) -> None:
    text = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    (folder / "model.json").write_text(json.dumps(text | {"temperature": temperature}), encoding="utf-8")
    with pytest.raises(LithoscopeError, match="allowed: a number > 0"):
        load_model(folder)

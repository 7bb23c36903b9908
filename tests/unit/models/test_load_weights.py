from pathlib import Path

import pytest
import torch
from torch import Tensor
from torchvision.models import get_model  # type: ignore[attr-defined]

from lithoscope.core.errors import LithoscopeError
from lithoscope.models.classifier import Architecture, build_classifier
from lithoscope.models.ensemble import join_states
from lithoscope.models.pretrained import load_pretrained
from lithoscope.models.saved_model import ModelDescription, save_model

from helpers.made_up_settings import plain_architecture

pytestmark = pytest.mark.slow


def small(name: str, classes: int = 3) -> Architecture:
    return plain_architecture(name, 64, classes, 0.2)


def state_of(name: str) -> dict[str, Tensor]:
    torch.manual_seed(1)
    return dict(get_model(name, weights=None).state_dict())


def test_a_pretrained_backbone_is_taken_over_and_the_head_is_new() -> None:
    state = state_of("mobilenet_v2")
    network = build_classifier(small("mobilenet_v2"), state)
    kept = network.backbone.state_dict()
    assert torch.equal(kept["0.0.weight"], state["features.0.0.weight"])
    assert len(kept) == len(state) - 2
    assert network.head[-1].out_features == 3


def test_files_of_older_versions_without_batch_counters_fit() -> None:
    state = {key: value for key, value in state_of("resnet18").items() if not key.endswith("num_batches_tracked")}
    assert len(state) == 102
    network = build_classifier(small("resnet18"), state)
    assert torch.equal(network.backbone.state_dict()["0.0.weight"], state["conv1.weight"])


@pytest.mark.parametrize(
    ("name", "now", "then"),
    [
        ("densenet121", "denselayer1.norm1.weight", "denselayer1.norm.1.weight"),
        ("densenet121", "denselayer1.conv2.weight", "denselayer1.conv.2.weight"),
        ("vit_b_16", "encoder_layer_3.mlp.0.weight", "encoder_layer_3.mlp.linear_1.weight"),
        ("vit_b_16", "encoder_layer_3.mlp.3.bias", "encoder_layer_3.mlp.linear_2.bias"),
    ],
)
def test_files_of_older_versions_with_other_names_fit(name: str, now: str, then: str) -> None:
    state = state_of(name)
    plain = build_classifier(small(name), state).backbone.state_dict()
    old = {key.replace(now, then): value for key, value in state.items()}
    assert set(old) != set(state)
    renamed = build_classifier(small(name), old).backbone.state_dict()
    assert all(torch.equal(value, renamed[key]) for key, value in plain.items())


def test_the_auxiliary_classifiers_of_googlenet_are_left() -> None:
    state = dict(get_model("googlenet", weights=None, init_weights=False).state_dict())
    assert any(key.startswith("aux") for key in state)
    build_classifier(small("googlenet"), state)


def test_the_places_of_a_vision_transformer_are_resampled_for_another_image_size() -> None:
    state = state_of("vit_b_16")
    assert state["encoder.pos_embedding"].shape == (1, 14 * 14 + 1, 768)
    places = build_classifier(small("vit_b_16"), state).backbone.state_dict()["0.places"]
    assert places.shape == (1, 4 * 4 + 1, 768)
    assert torch.equal(places[:, 0], state["encoder.pos_embedding"][:, 0])
    assert places[:, 1:].std() > 0


def test_weights_that_do_not_fit_say_which_layers() -> None:
    state = state_of("resnet18")
    state["conv1.weight"] = torch.zeros(1)
    del state["bn1.bias"]
    with pytest.raises(LithoscopeError) as caught:
        build_classifier(small("resnet18"), state)
    assert "conv1.weight is (1,), not (64, 3, 7, 7)" in str(caught.value)
    assert "bn1.bias is missing" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("given", "wanted"), [("resnet50", "resnet18"), ("mobilenet_v3_small", "mobilenet_v2")])
def test_weights_of_another_model_say_whose_they_are(given: str, wanted: str) -> None:
    with pytest.raises(LithoscopeError, match=f"these are weights of {given}.*set model.name to {given}") as caught:
        build_classifier(small(wanted), state_of(given))
    assert len(str(caught.value)) < 200


def test_weights_of_no_known_model_name_a_few_layers_and_count_the_others() -> None:
    with pytest.raises(LithoscopeError, match=r"conv1.weight is missing; .*; and \d+ more") as caught:
        build_classifier(small("resnet18"), {"encoder.weight": torch.zeros(1)})
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", ["cnn", "mobilenet_v2"])
def test_a_model_trained_here_is_a_pretrained_backbone_for_other_classes(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    before = build_classifier(small(name, classes=7))
    description = ModelDescription(small(name, classes=7), list("abcdefg"), True, "folder", False, None)
    save_model(tmp_path, description, before.state_dict())
    pretrained = load_pretrained(name, str(tmp_path / "model.safetensors"))
    assert pretrained is not None
    after = build_classifier(small(name), pretrained.state)
    kept = after.backbone.state_dict()
    assert all(torch.equal(value, kept[key]) for key, value in before.backbone.state_dict().items())
    assert after.head[-1].out_features == 3


def test_a_model_trained_here_does_not_fit_another_backbone() -> None:
    state = build_classifier(small("cnn")).state_dict()
    with pytest.raises(LithoscopeError, match=r"do not fit model.name = mobilenet_v2: .*is missing"):
        build_classifier(small("mobilenet_v2"), state)
    with pytest.raises(LithoscopeError, match="not those of our CNN"):
        build_classifier(small("cnn"), state_of("mobilenet_v2"))


def test_of_several_members_none_is_chosen() -> None:
    state = build_classifier(small("cnn")).state_dict()
    with pytest.raises(LithoscopeError, match=r"several members.*model.members = 1"):
        build_classifier(small("cnn"), join_states([state, state]))

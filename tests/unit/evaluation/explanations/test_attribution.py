"""Evidence lies where a network made by hand takes it from, whichever way its maps become an answer."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lithoscope.evaluation.explanations.attribution import Method, choose_method, evidence, members_of
from lithoscope.models.pooling import covariance_roots
from lithoscope.models.predictor import Predictor
from lithoscope.models.saved_model import ModelDescription

from helpers.lively_networks import lively
from helpers.made_up_settings import plain_architecture
from helpers.seeing_colours import BLUE, RED, SIDE, corners, network, predictor

pytestmark = pytest.mark.slow

TWICE = np.stack([corners(), corners()])
BOTH = np.array([RED, BLUE])
OCCLUSION = Method("occlusion", "", "", "", -1)


def found(model: Predictor, method: Method | None = None, images: np.ndarray = TWICE) -> np.ndarray:
    return evidence(model, images, BOTH, method or choose_method(members_of(model)[0], "cnn", SIDE))


def shares(values: np.ndarray) -> tuple[float, float]:
    """Return how much of a picture's evidence lies in the upper left and in the lower right quarter."""
    half, total = SIDE // 2, float(values.sum())
    return float(values[:half, :half].sum()) / total, float(values[half:, half:].sum()) / total


@pytest.mark.parametrize("pooling", ["average", "maximum", "both", "texture"])
def test_evidence_lies_in_the_corner_that_the_network_takes_it_from(pooling: str) -> None:
    model = network(pooling)
    red, blue = found(predictor(model))
    assert shares(red)[0] > 0.95
    assert shares(blue)[1] > 0.95
    assert np.unravel_index(red.argmax(), red.shape) < (12, 12)


def test_grad_cam_is_blind_to_a_covariance_so_texture_is_read_otherwise() -> None:
    model = network("texture")
    method = choose_method(model, "cnn", SIDE)
    assert method.name == "gradient × activation"
    blind = found(predictor(model), replace(method, name="Grad-CAM"))
    assert blind.max() < 1e-4 * found(predictor(model), method).max()
    maps = torch.rand(1, 3, 5, 5, requires_grad=True)
    covariance_roots(maps).sum().backward()  # type: ignore[no-untyped-call]
    assert maps.grad is not None
    assert maps.grad.abs().max() > 1e-3
    assert maps.grad.sum(dim=(2, 3)).abs().max() < 1e-6, "a shift of all places changes no covariance"


def test_for_averages_alone_both_methods_are_the_same() -> None:
    model = network("average")
    method = choose_method(model, "cnn", SIDE)
    assert method.name == "Grad-CAM"
    np.testing.assert_allclose(
        found(predictor(model), replace(method, name="gradient × activation")),
        found(predictor(model), method),
        rtol=1e-5,
    )


def test_occlusion_finds_the_corners_without_any_maps() -> None:
    red, blue = found(predictor(network()), OCCLUSION)
    assert shares(red)[0] > 0.9
    assert shares(blue)[1] > 0.9


def test_what_speaks_against_a_class_is_no_evidence() -> None:
    only_blue = np.stack([corners(red=slice(0, 0))] * 2)
    red, blue = found(predictor(network()), images=only_blue)
    assert red.max() == 0
    assert blue.max() > 0


def test_views_are_turned_back_before_they_are_averaged() -> None:
    one, eight = found(predictor(network())), found(predictor(network(), views=8))
    np.testing.assert_allclose(eight, one, atol=1e-6)


def test_members_are_averaged() -> None:
    weak, strong = network(weight=1.0), network(weight=3.0)
    np.testing.assert_allclose(
        found(predictor(weak, strong)), (found(predictor(weak)) + found(predictor(strong))) / 2, rtol=1e-5, atol=1e-7
    )


def test_the_network_stays_as_it_was_frozen_or_not() -> None:
    free, frozen = network(), network()
    frozen.requires_grad_(False)
    np.testing.assert_array_equal(found(predictor(free)), found(predictor(frozen)))
    assert all(parameter.requires_grad for parameter in free.parameters())
    assert not any(parameter.requires_grad for parameter in frozen.parameters())
    assert all(parameter.grad is None for parameter in (*free.parameters(), *frozen.parameters()))
    assert not free.training


def test_maps_of_too_few_places_are_left_for_earlier_ones() -> None:
    architecture = plain_architecture("cnn", 96, 2, 0.0)
    small = choose_method(lively(architecture, seed=0), "cnn", 96)
    assert (small.name, small.layer) == ("gradient × activation", "block 4 of 5, 6 × 6 places")
    assert "3 × 3" in small.note
    large = choose_method(lively(replace(architecture, image_size=192), seed=0), "cnn", 192)
    assert (large.name, large.layer) == ("Grad-CAM", "block 5 of 5, 6 × 6 places")


def test_a_class_token_has_no_maps() -> None:
    assert choose_method(network(), "vit_b_16", SIDE).name == "occlusion"


@pytest.mark.parametrize(
    ("name", "pooling"),
    [
        ("mobilenet_v2", "texture"),
        ("densenet121", "average"),
        ("squeezenet1_1", "both"),
        ("swin_t", "average"),
        ("timm/tf_efficientnet_lite0", "texture"),
        ("timm/mobilenetv3_small_050", "average"),
    ],
)
def test_the_networks_of_others_are_explained_the_same_each_time(name: str, pooling: str) -> None:
    architecture = plain_architecture(name, 64, 2, pooling=pooling, views=2)
    made = lively(architecture, seed=0)
    model = Predictor(made, ModelDescription(architecture, ["a", "b"], True, "folder", True, None))
    images = np.random.default_rng(0).integers(0, 255, (2, 64, 64, 3)).astype(np.uint8)
    method = choose_method(made, name, 64)
    first, again = (evidence(model, images, BOTH, method) for _ in range(2))
    assert first.shape == (2, 64, 64)
    assert np.isfinite(first).all()
    assert first.min() >= 0
    assert first.max() > 0
    assert first.tobytes() == again.tobytes()

import numpy as np
import pytest
import scipy.linalg
import torch

from lithoscope.config.network import Pooling
from lithoscope.models.pooling import covariance_roots, feature_width, matrix_square_root, pool, texture_blocks

MAPS = torch.randn(2, 5, 12, 9, generator=torch.Generator().manual_seed(0)) * torch.arange(1, 6).view(5, 1, 1)


def test_the_iteration_finds_the_square_root_that_scipy_finds() -> None:
    covariances = torch.stack([torch.cov(picture.flatten(1)) for picture in MAPS])
    for root, covariance in zip(matrix_square_root(covariances, 15), covariances, strict=True):
        expected = scipy.linalg.sqrtm(covariance.double().numpy()).real
        np.testing.assert_allclose(root.numpy(), expected, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(root @ root, covariance, rtol=1e-3, atol=1e-3)


def test_covariance_does_not_see_where_a_pattern_lies_but_what_goes_with_what() -> None:
    places = torch.randperm(12 * 9, generator=torch.Generator().manual_seed(1))
    shuffled = MAPS.flatten(2)[:, :, places].view(MAPS.shape)
    roots = covariance_roots(MAPS)
    assert roots.shape == (2, 15)
    torch.testing.assert_close(covariance_roots(shuffled), roots, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(covariance_roots(MAPS + 7), roots, rtol=1e-3, atol=1e-3)
    apart = MAPS.clone()
    apart[:, 0] = apart[:, 0].roll(5, dims=2)  # the same values of each channel, but no longer at the same places
    assert (covariance_roots(apart) - roots).abs().max() > 0.05


def test_covariance_is_taken_in_full_precision_whatever_the_network_computes_in() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(covariance_roots(MAPS), covariance_roots(MAPS.float()), rtol=0, atol=0)
        assert covariance_roots(MAPS.bfloat16()).dtype == torch.float32


@pytest.mark.parametrize("maps", [torch.zeros(1, 4, 3, 3), torch.full((1, 4, 1, 1), 2.0)])
def test_maps_without_any_spread_give_finite_roots_and_gradients(maps: torch.Tensor) -> None:
    maps.requires_grad_(True)
    roots = covariance_roots(maps)
    (gradients,) = torch.autograd.grad(roots.sum(), maps)
    assert torch.isfinite(roots).all()
    assert torch.isfinite(gradients).all()


@pytest.mark.parametrize(
    ("widths", "blocks"),
    [
        ([16, 24, 24, 96, 96, 160, 160, 320, 1280], [4, 6, 7, 8]),  # as in MobileNetV2
        ([24, 48, 96, 144, 192], [2, 3, 4]),  # our CNN
        ([256, 256, 512], [1, 2]),  # none is narrow
        ([64, 256, 512, 128], [3]),
    ],
)
def test_texture_is_told_by_the_deepest_narrow_block_and_the_last_of_each_width_after_it(
    widths: list[int], blocks: list[int]
) -> None:
    assert texture_blocks(widths) == blocks


@pytest.mark.parametrize("pooling", ["average", "maximum", "both", "texture"])
def test_the_width_is_known_beforehand(pooling: Pooling) -> None:
    maps = [MAPS, torch.randn(2, 3, 4, 4)]
    assert pool(pooling, maps).shape == (2, feature_width(pooling, [5, 3]))


def test_pooling_takes_the_mean_the_largest_or_both_of_the_last_maps() -> None:
    maps = torch.tensor([[[[0.0, 4.0]], [[-1.0, -3.0]]]])
    expected: dict[Pooling, list[float]] = {
        "average": [2.0, -2.0],
        "maximum": [4.0, -1.0],
        "both": [2.0, -2.0, 4.0, -1.0],
    }
    for pooling, values in expected.items():
        assert pool(pooling, [MAPS, maps]).tolist() == [values]

from dataclasses import replace

import numpy as np
import pytest
import torch

from lithoscope.data.loading.augment import (
    Variations,
    apply,
    apply_policy,
    augment_batch,
    augment_copies,
    cut_windows,
    draw_parameters,
    scaled,
)

from helpers.made_up_settings import augmentation

ALL = augmentation(
    rotation=180, shear=10, zoom=0.2, crop=0.3, flip=True, brightness=0.2, contrast=0.2, colour=0.1, online=0.5
)


def noise(count: int, side: int = 24, seed: int = 0) -> torch.Tensor:
    pixels = np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)


def vary(images: torch.Tensor, ids: list[int], epoch: int = 3) -> torch.Tensor:
    return augment_batch(images, ids, ALL, seed=1, epoch=epoch)


@pytest.mark.parametrize("side", [24, 31])
def test_a_sample_gets_the_same_bits_in_any_batch(side: int) -> None:
    images = noise(9, side)
    together = vary(images, list(range(9)))
    for row in range(9):
        assert torch.equal(vary(images[row : row + 1], [row])[0], together[row])
    order = [7, 2, 5]
    assert torch.equal(vary(images[order], order), together[order])
    assert torch.equal(vary(images.contiguous(), list(range(9))), together)


def test_seed_epoch_and_sample_each_change_the_picture() -> None:
    images = noise(1)
    reference = vary(images, [4])
    assert not torch.equal(vary(images, [5]), reference)
    assert not torch.equal(vary(images, [4], epoch=4), reference)
    assert not torch.equal(augment_batch(images, [4], ALL, seed=2, epoch=3), reference)


def test_without_limits_or_strength_a_picture_stays_as_it_is() -> None:
    images = noise(3)
    assert torch.equal(
        augment_batch(images, [0, 1, 2], ALL.model_copy(update={"online": 0}), seed=0, epoch=0), images.float()
    )
    unchanged = augment_batch(images, [0, 1, 2], augmentation(online=1), seed=0, epoch=0)
    assert (unchanged - images).abs().max() < 0.01


def test_values_stay_in_range() -> None:
    varied = vary(noise(20), list(range(20)))
    assert varied.dtype == torch.float32
    assert varied.shape == (20, 3, 24, 24)
    assert varied.min() >= 0
    assert varied.max() <= 255


def test_what_a_turn_leaves_bare_takes_the_colour_of_the_edges() -> None:
    images = torch.full((1, 3, 32, 32), 240, dtype=torch.uint8)
    images[:, :, 12:20, 12:20] = 30
    turned = augment_batch(images, [0], augmentation(rotation=180, zoom=0.9, online=1), seed=4, epoch=0)
    corners = turned[0, :, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert torch.equal(corners, torch.full_like(corners, 240))


def variations(**changes: object) -> Variations:
    plain = Variations(np.eye(2)[None], np.zeros((1, 2)), np.ones((1, 3)), np.ones(1), np.ones(1), np.ones(1))
    return replace(plain, **{name: np.asarray(value, dtype=float) for name, value in changes.items()})


def test_a_warp_takes_new_places_to_old_ones() -> None:
    images = noise(1)
    mirrored = apply(images, variations(warp=[[[-1, 0], [0, 1]]]))
    assert (mirrored - images.flip(3)).abs().max() < 0.01
    turned = apply(images, variations(warp=[[[0, 1], [-1, 0]]]))
    assert min((turned - images.rot90(k, (2, 3))).abs().max() for k in (1, 3)) < 0.01
    y, x = np.mgrid[:24, :24]
    disc = torch.from_numpy(np.where((x - 11.5) ** 2 + (y - 11.5) ** 2 < 36, 0, 255).astype(np.uint8))
    moved = apply(images, variations(shift=[[2 / 12, 0]]))  # half the side, 12 pixels, is 1
    assert (moved[..., :-2] - images[..., 2:]).abs().max() < 0.01
    twice = apply(disc.expand(1, 3, 24, 24).contiguous(), variations(warp=[[[0.5, 0], [0, 0.5]]]))
    assert 3.5 < (twice < 128).float().sum() / (disc < 128).float().sum() / 3 < 4.5


def test_colours_change_as_documented() -> None:
    images = noise(1)
    values, grey = images.double(), torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)[None, :, None, None]
    mean = (values * grey).sum(1).mean()
    expected = {
        "brightness": ([0.5], values * 0.5),
        "contrast": ([0.5], (values - mean) * 0.5 + mean),
        "saturation": ([0.0], (values * grey).sum(1, keepdim=True).expand(1, 3, 24, 24)),
        "gains": ([[0.5, 1.0, 0.25]], values * torch.tensor([0.5, 1.0, 0.25])[None, :, None, None]),
    }
    for name, (value, outcome) in expected.items():
        assert (apply(images, variations(**{name: value})) - outcome).abs().max() < 0.01, name


@pytest.mark.parametrize("name", ["rotation", "shear", "zoom", "crop", "flip", "brightness", "contrast", "colour"])
def test_a_limit_moves_its_own_draws_only(name: str) -> None:
    ids = list(range(300))
    alone = augmentation(**{name: getattr(ALL, name)})
    drawn = draw_parameters(alone, 0, "test", 0, ids)
    of_colour = {"brightness": drawn.brightness, "contrast": drawn.contrast, "colour": drawn.saturation}
    for other, values in of_colour.items():
        if other == name:
            limit = getattr(ALL, name)
            assert np.abs(values - 1).max() <= limit
            assert np.abs(values - 1).max() > 0.9 * limit
        else:
            assert (values == 1).all()
    assert (drawn.warp == np.eye(2)).all() == (name in of_colour)
    together = draw_parameters(ALL, 0, "test", 0, ids)
    for colour in ("brightness", "contrast", "saturation", "gains"):
        if {"saturation": "colour", "gains": "colour"}.get(colour, colour) == name:
            assert (getattr(together, colour) == getattr(drawn, colour)).all()


def test_rotation_and_zoom_keep_to_their_limits() -> None:
    drawn = draw_parameters(augmentation(rotation=30, zoom=0.2), 0, "test", 0, range(500)).warp
    size = 1 / np.sqrt(np.linalg.det(drawn))
    angles = np.degrees(np.arctan2(drawn[:, 1, 0], drawn[:, 1, 1]))
    assert 0.8 <= size.min() < 0.82
    assert 1.18 < size.max() <= 1.2
    assert 28 < np.abs(angles).max() <= 30


def test_a_crop_enlarges_a_window_that_stays_within_the_picture() -> None:
    drawn = draw_parameters(augmentation(crop=0.6), 0, "test", 0, range(500))
    kept, reach = drawn.warp[:, 0, 0], np.abs(drawn.shift) + drawn.warp[:, 0, 0, None]
    assert (drawn.warp == kept[:, None, None] * np.eye(2)).all()
    assert 0.4 <= kept.min() < 0.42
    assert 0.98 < kept.max() <= 1
    assert 0.99 < reach.max() <= 1 + 1e-9
    assert np.asarray(np.corrcoef(drawn.shift.T))[0, 1] == pytest.approx(0, abs=0.15)


@pytest.mark.parametrize("policy", ["randaugment", "trivialaugment"])
def test_a_policy_varies_each_picture_by_its_own_key(policy: str) -> None:
    images = (noise(8).float() * 0.5 + 60).to(torch.uint8)

    def varied(pictures: torch.Tensor, ids: list[int], epoch: int = 0, policy: str = policy) -> torch.Tensor:
        return augment_batch(pictures, ids, augmentation(policy=policy), seed=0, epoch=epoch)

    state = torch.random.get_rng_state()
    every = varied(images, list(range(8)))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert (every != images.float()).flatten(1).any(dim=1).sum() >= 5
    assert torch.equal(varied(images[5:6], [5])[0], every[5])
    assert not torch.equal(varied(images, list(range(8)), epoch=1), every)
    assert torch.equal(varied(images, list(range(8)), policy="none"), images.float())


def test_what_a_policy_leaves_bare_takes_the_colour_of_the_edges() -> None:
    even = torch.full((40, 3, 24, 24), 200, dtype=torch.uint8)
    varied = apply_policy(even, list(range(40)), policy="trivialaugment", seed=0, epoch=0)
    assert torch.equal(varied, varied[:, :, :1, :1].expand_as(varied))


def test_the_two_policies_differ() -> None:
    images, ids = noise(8), list(range(8))
    one, other = (apply_policy(images, ids, policy=name, seed=0, epoch=0) for name in ("randaugment", "trivialaugment"))
    assert not torch.equal(one, other)


def test_flips_mirror_each_axis_every_second_time() -> None:
    drawn = draw_parameters(augmentation(flip=True), 0, "test", 0, range(1000)).warp
    assert (np.abs(drawn) == np.eye(2)).all()
    for axis in (0, 1):
        assert 0.45 < (drawn[:, axis, axis] < 0).mean() < 0.55


def test_strength_scales_the_limits() -> None:
    half = scaled(ALL, 0.5)
    assert (half.rotation, half.zoom, half.flip) == (90, 0.1, True)
    assert not scaled(ALL, 0).flip


def test_windows_are_cut_out_and_enlarged_and_none_leaves_all_as_it_is() -> None:
    images = noise(4).permute(0, 2, 3, 1).numpy()
    assert cut_windows(images, list("abcd"), 0, seed=0) is images
    cut = cut_windows(images, list("abcd"), 0.5, seed=0)
    assert (cut == augment_copies(images, list("abcd"), limits=augmentation(crop=0.5), seed=0, copy=0)).all()
    assert (cut != images).any(axis=(1, 2, 3)).all()


def test_copies_are_pictures_again_and_differ_by_their_number() -> None:
    images = noise(4).permute(0, 2, 3, 1).numpy()
    ids = ["a", "b", "c", "d"]
    first = augment_copies(images, ids, limits=ALL, seed=0, copy=1)
    assert first.shape == images.shape
    assert first.dtype == np.uint8
    assert not (augment_copies(images, ids, limits=ALL, seed=0, copy=2) == first).all()
    assert (augment_copies(images[2:], ids[2:], limits=ALL, seed=0, copy=1) == first[2:]).all()


def test_pictures_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="side, side"):
        apply(noise(1)[:, :, :20], variations())
    assert augment_batch(noise(0), [], ALL, seed=0, epoch=0).shape == (0, 3, 24, 24)

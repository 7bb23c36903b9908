import pytest
import torch

from lithoscope.training.mixup import Mixing, build_mixing

IMAGES = torch.stack([torch.full((3, 16, 16), value, dtype=torch.uint8) for value in (0, 100, 200)])
LABELS = torch.tensor([0, 1, 2])


def mixed(mixing: Mixing | None, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    assert mixing is not None
    torch.manual_seed(seed)
    return mixing(IMAGES, LABELS)


def test_no_strength_mixes_nothing() -> None:
    assert build_mixing(0.0, 0.0, 3) is None


def test_mixup_blends_pictures_and_labels_in_the_same_share() -> None:
    images, shares = mixed(build_mixing(1.0, 0.0, 3), seed=1)
    assert shares.sum(dim=1) == pytest.approx(1)
    assert (shares > 0).sum(dim=1).tolist() == [2, 2, 2]
    expected = shares @ torch.tensor([0.0, 100.0, 200.0])
    assert torch.allclose(images, expected[:, None, None, None].expand_as(images), atol=1e-3)


def test_cutmix_pastes_a_window_and_counts_its_area() -> None:
    images, shares = mixed(build_mixing(0.0, 1.0, 3), seed=1)
    assert set(images.flatten().tolist()) == {0.0, 100.0, 200.0}
    own = torch.stack([(image == value).float().mean() for image, value in zip(images, (0, 100, 200), strict=True)])
    assert torch.allclose(own, shares[torch.arange(3), LABELS], atol=1e-6)
    assert 0 < own[0] < 1


def test_with_both_some_batches_are_blended_and_some_cut() -> None:
    both = build_mixing(1.0, 1.0, 3)
    kinds = {len(set(mixed(both, seed)[0][0].flatten().tolist())) for seed in range(10)}
    assert kinds == {1, 2}, "a blended picture is even, a cut one is not"


def test_the_same_random_state_mixes_alike() -> None:
    both = build_mixing(1.0, 1.0, 3)
    assert torch.equal(mixed(both, 5)[0], mixed(both, 5)[0])

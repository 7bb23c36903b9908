from pathlib import Path

import numpy as np
import pytest
import torch

from lithoscope.data.loading.dataloader import inference_batches
from lithoscope.data.packed.arrays import ArraySplit
from lithoscope.models.classifier import Classifier, build_classifier
from lithoscope.models.frozen_features import compute_features, freeze, run_frozen, run_rest, stands_alone

from helpers.made_up_settings import plain_architecture

ROWS = 70  # more than are computed at once


@pytest.fixture(scope="module")
def split() -> ArraySplit:
    images = np.random.default_rng(0).integers(0, 255, (ROWS, 32, 32, 3)).astype(np.uint8)
    labels = np.arange(ROWS, dtype=np.int64) % 2
    return ArraySplit(images, [str(row) for row in range(ROWS)], labels, np.zeros(ROWS, np.int64), ["a", "b"])


@pytest.fixture(params=["cnn", "mobilenet_v2", "resnet18", "timm/test_resnet"])
def network(request: pytest.FixtureRequest) -> Classifier:
    torch.manual_seed(0)
    return build_classifier(plain_architecture(request.param, 32, 2, 0.5))


@pytest.mark.parametrize("share", [0.01, 0.5, 1.0])
def test_frozen_blocks_and_the_rest_are_the_whole_network(
    network: Classifier, split: ArraySplit, tmp_path: Path, share: float
) -> None:
    count = max(1, int(share * len(network.blocks())))
    rows = compute_features(
        network,
        count,
        inference_batches(split),
        tmp_path / "f" / "rows.npy",
        device="cpu",
        precision="fp32",
        progress_bar=False,
    )
    assert network.training, "the network comes back in the mode it was in"
    assert isinstance(rows, np.memmap)
    assert rows.dtype == np.float32
    assert len(rows) == ROWS
    network.eval()
    images = torch.from_numpy(split.images).permute(0, 3, 1, 2)
    with torch.inference_mode():
        expected = network(images)
        torch.testing.assert_close(run_rest(network, run_frozen(network, images, count), count), expected)
        kept = run_rest(network, torch.from_numpy(np.array(rows)), count)
    torch.testing.assert_close(kept, expected, rtol=1e-4, atol=1e-5)


def test_all_blocks_leave_the_pooled_features(network: Classifier, split: ArraySplit, tmp_path: Path) -> None:
    rows = compute_features(
        network,
        len(network.blocks()),
        inference_batches(split),
        tmp_path / "rows.npy",
        device="cpu",
        precision="fp32",
        progress_bar=False,
    )
    assert rows.ndim == 2


def test_a_network_that_pools_by_itself_has_features_of_all_blocks_and_of_no_part_of_them() -> None:
    network = build_classifier(plain_architecture("timm/mobilenetv3_small_050", 32, 2)).eval()
    blocks = len(network.blocks())
    assert [count for count in range(1, blocks + 1) if stands_alone(network, count)] == [blocks]
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    with torch.inference_mode():
        expected = network(images)
        torch.testing.assert_close(run_rest(network, run_frozen(network, images, blocks), blocks), expected)


def test_texture_looks_into_several_blocks_so_that_not_every_one_stands_alone() -> None:
    network = build_classifier(plain_architecture("cnn", 32, 2, 0.5, pooling="texture"))
    assert network.gathered == [2, 3, 4]
    assert [stands_alone(network, count) for count in range(6)] == [True, True, True, True, False, True]


def test_features_that_are_there_are_used_and_half_written_ones_are_not(split: ArraySplit, tmp_path: Path) -> None:
    network, path = build_classifier(plain_architecture("cnn", 32, 2, 0.5)), tmp_path / "rows.npy"

    def compute() -> bytes:
        compute_features(network, 2, inference_batches(split), path, device="cpu", precision="fp32", progress_bar=False)
        return path.read_bytes()

    first = compute()
    path.rename(tmp_path / "rows.partial")
    with (tmp_path / "rows.partial").open("r+b") as file:
        file.truncate(1000)
    assert compute() == first
    time = path.stat().st_mtime_ns
    assert compute() == first
    assert path.stat().st_mtime_ns == time


def test_what_was_frozen_before_is_trained_again_where_fewer_blocks_are_frozen() -> None:
    network = build_classifier(plain_architecture("cnn", 32, 2, 0.5))
    freeze(network, len(network.blocks()))
    assert not any(parameter.requires_grad for parameter in network.backbone.parameters())
    freeze(network, 1)
    trained = [[parameter.requires_grad for parameter in block.parameters()] for block in network.blocks()]
    assert not any(trained[0])
    assert all(map(all, trained[1:]))
    assert all(parameter.requires_grad for parameter in network.head.parameters())

import numpy as np
import pytest
import torch

from lithoscope.data.loading.class_balance import class_weights
from lithoscope.data.loading.dataloader import (
    FeatureRows,
    KeyedOrder,
    OnlineAugmentation,
    PackedPhotographs,
    training_batches,
)
from lithoscope.data.packed.arrays import ArraySplit

from helpers.made_up_settings import augmentation

LABELS = np.array([0] * 90 + [1] * 10, dtype=np.int64)


def rows_of(order: KeyedOrder, epoch: int) -> list[int]:
    order.set_epoch(epoch)
    return [row for batch in order for _, row in batch]


def test_an_epoch_shows_every_row_once_in_an_order_of_its_own() -> None:
    order = KeyedOrder(rows=10, batch_size=4, seed=3)
    assert [len(batch) for batch in order] == [4, 3, 3]
    assert sorted(rows_of(order, 0)) == sorted(rows_of(order, 1)) == list(range(10))
    assert rows_of(order, 0) != rows_of(order, 1)


def test_two_processes_together_see_the_batches_of_one() -> None:
    alone = [set(batch) for batch in KeyedOrder(11, 4, seed=0)]
    parts = [list(KeyedOrder(11, 4, seed=0, rank=rank, processes=2)) for rank in (0, 1)]
    assert alone == [set(first) | set(second) for first, second in zip(*parts, strict=True)]


def test_balanced_draws_show_each_class_as_often_and_differ_by_seed_and_epoch() -> None:
    order = KeyedOrder(100, 10, seed=0, balance=LABELS)
    shown = np.array([rows_of(order, epoch) for epoch in range(20)])
    assert abs((shown % 100 >= 90).mean() - 0.5) < 0.05
    assert shown[0].tolist() == rows_of(order, 0)
    assert shown[0].tolist() != shown[1].tolist()
    assert rows_of(KeyedOrder(100, 10, seed=1, balance=LABELS), 0) != shown[0].tolist()
    assert all(len(set(epoch)) == 100 for epoch in shown), "a row that comes again has a number of its own"


def test_a_row_that_comes_again_is_the_same_photograph_varied_in_another_way() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (4, 16, 16, 3)).astype(np.uint8)
    split = ArraySplit(images, list("abcd"), np.array([0, 1, 0, 1]), np.zeros(4, np.int64), ["x", "y"])
    plain = PackedPhotographs(split).__getitems__([(0, 1), (0, 5)])
    assert torch.equal(plain.images[0], plain.images[1])
    assert plain.labels.tolist() == [1, 1]
    varied = PackedPhotographs(split, OnlineAugmentation(augmentation(rotation=90, online=1), 0))
    assert not torch.equal(*varied.__getitems__([(0, 1), (0, 5)]).images)


def test_features_come_in_the_order_of_the_batch() -> None:
    features = np.arange(12, dtype=np.float32).reshape(6, 2)
    labels = np.arange(6, dtype=np.int64)
    for batch in training_batches(FeatureRows([features], labels), 4, seed=0):
        assert torch.equal(batch.images, torch.from_numpy(features)[batch.labels])


def test_a_row_comes_as_often_as_its_weight_says_in_every_epoch() -> None:
    weights = np.where(LABELS == 1, 4.0, 0.5)  # 10 rows of 4 and 90 of 0.5: 85 in all
    order = KeyedOrder(100, 10, seed=0, weights=weights)
    for epoch in range(5):
        rows = np.array(rows_of(order, epoch))
        times = np.bincount(rows % 100, minlength=100)
        due = 100 * weights / weights.sum()
        assert len(rows) == 100
        assert (np.floor(due) <= times).all()
        assert (times <= np.ceil(due)).all()
        assert len(set(rows.tolist())) == 100, "a row that comes again has a number of its own"
    assert rows_of(order, 3) == rows_of(order, 3) != rows_of(order, 4)


def test_balanced_draws_heed_weights_within_a_class() -> None:
    weights = np.ones(100)
    weights[LABELS.argmax()] = 9.0  # the first row of the rare class, whose other nine weigh 1
    order = KeyedOrder(100, 10, seed=0, balance=LABELS, weights=weights)
    drawn = np.array([rows_of(order, epoch) for epoch in range(40)]) % 100
    assert abs(np.isin(drawn, np.flatnonzero(LABELS == 1)).mean() - 0.5) < 0.05
    assert abs((drawn == LABELS.argmax()).mean() - 0.25) < 0.04


def test_class_weights_count_what_rows_weigh() -> None:
    balanced = class_weights(np.array([0, 0, 1]), 2, np.array([1.0, 1.0, 2.0]))
    assert balanced.tolist() == [1.0, 1.0]


def test_each_epoch_sees_the_next_pass_and_then_the_first_again() -> None:
    passes, labels = [np.full((3, 2), number, np.float16) for number in range(3)], np.arange(3, dtype=np.int64)
    rows = FeatureRows(passes, labels)
    seen = [rows.__getitems__([(epoch, 0), (epoch, 2)]).images for epoch in range(5)]
    assert [set(images.flatten().tolist()) for images in seen] == [{0.0}, {1.0}, {2.0}, {0.0}, {1.0}]
    assert seen[0].dtype == torch.float32


def test_class_weights_make_every_class_count_alike() -> None:
    weights = class_weights(LABELS, classes=3)
    assert weights.tolist() == torch.tensor([100 / (2 * 90), 100 / (2 * 10), 0]).tolist()
    assert weights[torch.from_numpy(LABELS)].mean().item() == pytest.approx(1)


def test_a_policy_varies_training_pictures_by_itself_and_on_top() -> None:
    rng = np.random.default_rng(0)
    split = ArraySplit(
        images=rng.integers(60, 190, (6, 24, 24, 3), dtype=np.uint8),
        ids=list("abcdef"),
        labels=np.zeros(6, np.int64),
        copies=np.zeros(6, np.int64),
        classes=["basalt"],
    )
    keys = [(0, row) for row in range(6)]

    def pictures(strength: float, policy: str) -> torch.Tensor:
        parameters = augmentation(brightness=0.2, online=strength, policy=policy)
        return PackedPhotographs(split, OnlineAugmentation(parameters, 0)).__getitems__(keys).images

    plain = torch.from_numpy(split.images).permute(0, 3, 1, 2).float()
    assert torch.equal(pictures(0.0, "none").float(), plain)
    assert not torch.equal(pictures(0.0, "trivialaugment"), plain)
    assert not torch.equal(pictures(1.0, "trivialaugment"), pictures(1.0, "none"))
    assert OnlineAugmentation(augmentation(policy="randaugment"), 0).changes

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lithoscope.arrays import ArraySplit
from lithoscope.augmentation import AugmentationLimits
from lithoscope.batches import KeyedOrder, OnlineAugmentation, inference_batches, training_batches
from lithoscope.errors import LithoscopeError
from lithoscope.machine import make_repeatable, resolve_device, resolve_precision
from lithoscope.models import Architecture, Classifier, build_classifier
from lithoscope.training import (
    EpochFigures,
    TrainingResult,
    TrainingSettings,
    history_table,
    learning_rate_factor,
    train,
)

SIZE, CLASSES = 32, 2
LIMITS = AugmentationLimits(rotation=20, shear=5, zoom=0.1, flip=True, brightness=0.1, contrast=0.1, colour=0.1)
SETTINGS = TrainingSettings(
    lr=3e-3, epochs=4, batch_size=8, seed=0, precision="fp32", device="cpu", optimizer="adamw", weight_decay=0.01,
    schedule="cosine", warmup=1, patience=0, label_smoothing=0.0,
)  # fmt: skip


def striped(rows: int, seed: int) -> ArraySplit:
    """Pictures of noise with stripes that lie (class 0) or stand (class 1): the same colours in both."""
    rng = np.random.default_rng(seed)
    labels = np.arange(rows) % CLASSES
    stripes = np.where(np.arange(SIZE) // 4 % 2 == 0, 60, 190)
    pictures = np.stack(
        [np.broadcast_to(stripes[:, None] if label == 0 else stripes, (SIZE, SIZE)) for label in labels]
    )
    noisy = pictures[..., None] + rng.normal(0, 25, (rows, SIZE, SIZE, 3))
    return ArraySplit(
        images=np.clip(noisy, 0, 255).astype(np.uint8), ids=[f"p{i}" for i in range(rows)],
        labels=labels.astype(np.int64), copies=np.zeros(rows, np.int64), classes=["lying", "standing"],
    )  # fmt: skip


TRAIN, VAL = striped(32, 1), striped(16, 2)


def network(seed: int = 0) -> Classifier:
    make_repeatable(seed, threads=1)
    return build_classifier(Architecture("cnn", SIZE, CLASSES, 0.3))


def fit(checkpoints: Path, on_epoch: Any = None, **changes: Any) -> TrainingResult:
    settings = dataclasses.replace(SETTINGS, **changes)
    online = OnlineAugmentation(dataclasses.replace(LIMITS, rotation=5, flip=False), 1.0, settings.seed)
    return train(
        network(settings.seed), settings, training_batches(TRAIN, settings.batch_size, settings.seed, online),
        inference_batches(VAL), checkpoints=checkpoints, on_epoch=on_epoch or (lambda *_: None), progress_bar=False,
    )  # fmt: skip


def test_it_learns_what_colours_do_not_tell_and_keeps_the_epoch_with_the_lowest_validation_loss(tmp_path: Path) -> None:
    result = fit(tmp_path, epochs=8)
    assert max(epoch.val_accuracy for epoch in result.history) >= 0.9
    assert result.best_epoch == min(result.history, key=lambda epoch: epoch.val_loss).epoch
    trained = network()
    trained.load_state_dict(result.state)
    with torch.inference_mode():
        logits = trained.eval()(torch.from_numpy(VAL.images).permute(0, 3, 1, 2))
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(VAL.labels)).item()
    assert loss == pytest.approx(result.history[result.best_epoch - 1].val_loss, rel=1e-4)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    first, again, other = (fit(tmp_path / name, seed=seed) for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    assert first.history == again.history
    assert all(torch.equal(first.state[key], again.state[key]) for key in first.state)
    assert first.history != other.history


class KilledError(Exception):
    """Stands for a kill after an epoch."""


def test_a_training_killed_between_epochs_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    whole = fit(tmp_path / "whole")

    def kill(figures: EpochFigures, _: list[EpochFigures]) -> None:
        if figures.epoch == 3:
            raise KilledError

    with pytest.raises(KilledError):
        fit(tmp_path / "killed", on_epoch=kill)
    epochs: list[int] = []
    resumed = fit(tmp_path / "killed", on_epoch=lambda figures, _: epochs.append(figures.epoch))
    assert epochs == [3, 4], "the first two epochs are not trained again"
    assert resumed.history == whole.history
    assert all(torch.equal(whole.state[key], resumed.state[key]) for key in whole.state)


def test_ctrl_c_is_not_taken_for_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)  # Lightning would switch Ctrl-C off for the other tests

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path, on_epoch=interrupt)


def test_it_stops_early_when_the_validation_loss_no_longer_falls(tmp_path: Path) -> None:
    result = fit(tmp_path, epochs=30, patience=1, lr=1e-9)
    assert len(result.history) < 30


def test_a_learning_rate_far_too_high_ends_with_a_line_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(LithoscopeError, match="try a tenth of lr"):
        fit(tmp_path, lr=1e30, optimizer="sgd", warmup=0)


@pytest.mark.parametrize(
    "changes", [{"optimizer": "sgd"}, {"optimizer": "adam"}, {"label_smoothing": 0.3}, {"schedule": "constant"}]
)
def test_each_switch_changes_what_is_learnt(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert fit(tmp_path / "plain", epochs=2).history != fit(tmp_path / "changed", epochs=2, **changes).history


def test_the_learning_rate_warms_up_and_falls_to_nothing() -> None:
    factors = [learning_rate_factor(step, steps=100, warmup_steps=10, schedule="cosine") for step in range(101)]
    assert factors[0] < factors[5] < factors[10] == 1.0
    assert all(before >= after for before, after in itertools.pairwise(factors[10:]))
    assert factors[55] == pytest.approx(0.5)
    assert factors[100] == pytest.approx(0.0)
    assert learning_rate_factor(90, steps=100, warmup_steps=10, schedule="constant") == 1.0


def test_the_history_is_a_table_a_person_can_read() -> None:
    text = history_table([EpochFigures(1, 0.001, 0.5, 0.75, 0.25, 1.0)])
    assert text == "epoch,lr,train_loss,train_accuracy,val_loss,val_accuracy\n1,0.001,0.5,0.75,0.25,1\n"


def test_an_epoch_shows_every_row_once_in_an_order_of_its_own() -> None:
    order = KeyedOrder(rows=10, batch_size=4, seed=3)
    epochs = []
    for epoch in (0, 1):
        order.set_epoch(epoch)
        batches = list(order)
        assert [len(batch) for batch in batches] == [4, 3, 3]
        epochs.append([row for batch in batches for _, row in batch])
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(10))
    assert epochs[0] != epochs[1]


def test_two_processes_together_see_the_batches_of_one() -> None:
    alone = [set(batch) for batch in KeyedOrder(11, 4, seed=0)]
    parts = [list(KeyedOrder(11, 4, seed=0, rank=rank, processes=2)) for rank in (0, 1)]
    assert alone == [set(first) | set(second) for first, second in zip(*parts, strict=True)]


def test_a_batch_holds_the_pictures_and_labels_of_its_rows() -> None:
    batches = list(inference_batches(VAL))
    assert torch.equal(torch.cat([batch.labels for batch in batches]), torch.from_numpy(VAL.labels))
    assert torch.equal(batches[0].images, torch.from_numpy(VAL.images).permute(0, 3, 1, 2))
    assert batches[0].images.is_contiguous(memory_format=torch.channels_last)


def test_augmentation_varies_from_epoch_to_epoch_and_not_with_the_batch() -> None:
    loader = training_batches(TRAIN, 8, 0, OnlineAugmentation(LIMITS, 1.0, 0))
    photographs = loader.dataset
    together = photographs.__getitems__([(2, 5), (2, 9)]).images[0]  # type: ignore[attr-defined]
    alone = photographs.__getitems__([(2, 5)]).images[0]  # type: ignore[attr-defined]
    later = photographs.__getitems__([(3, 5)]).images[0]  # type: ignore[attr-defined]
    assert torch.equal(together, alone)
    assert not torch.equal(alone, later)


def test_a_device_that_is_not_there_is_refused_with_what_is() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(LithoscopeError, match=r"device = cuda: .*allowed here: cpu"):
        resolve_device("cuda")
    assert resolve_device("cpu") == "cpu"


@pytest.mark.parametrize(("flags", "expected"), [("fpu avx2 avx512_bf16", "bf16"), ("fpu avx2", "fp32")])
def test_precision_auto_follows_the_processors_flags(
    monkeypatch: pytest.MonkeyPatch, flags: str, expected: str
) -> None:
    monkeypatch.setattr("lithoscope.machine.platform.system", lambda: "Linux")
    monkeypatch.setattr("lithoscope.machine.Path.read_text", lambda *_, **__: f"flags : {flags}\n")
    assert resolve_precision("auto", "cpu") == expected
    assert resolve_precision("fp32", "cpu") == "fp32"


def test_bf16_trains_too(tmp_path: Path) -> None:
    assert fit(tmp_path / "a", epochs=1, precision="bf16").history != fit(tmp_path / "b", epochs=1).history

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.loading.dataloader import OnlineAugmentation, inference_batches, training_batches
from lithoscope.data.packed.arrays import ArraySplit
from lithoscope.models.classifier import Classifier, build_classifier
from lithoscope.models.device import make_repeatable, resolve_device, resolve_precision
from lithoscope.models.frozen_features import compute_features, frozen_blocks
from lithoscope.training import phase
from lithoscope.training.callbacks import OnEpoch
from lithoscope.training.fit import train
from lithoscope.training.history import EpochFigures, TrainingResult, best_of

from helpers.made_up_settings import augmentation, plain_architecture, training_settings

pytestmark = pytest.mark.slow

SIZE, CLASSES = 32, 2
VARIED = augmentation(rotation=20, shear=5, zoom=0.1, flip=True, brightness=0.1, contrast=0.1, colour=0.1, online=1)
SETTINGS = training_settings(lr=3e-3, epochs=4, warmup=1)


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
        images=np.clip(noisy, 0, 255).astype(np.uint8),
        ids=[f"p{i}" for i in range(rows)],
        labels=labels.astype(np.int64),
        copies=np.zeros(rows, np.int64),
        classes=["lying", "standing"],
    )


TRAIN, VAL = striped(32, 1), striped(16, 2)
NONE = dataclasses.replace(VAL, images=VAL.images[:0], ids=[], labels=VAL.labels[:0], copies=VAL.copies[:0])
EXCHANGED = dataclasses.replace(VAL, labels=1 - VAL.labels)  # the more is learnt, the worse it looks
UNEVEN = dataclasses.replace(TRAIN, labels=(np.arange(32) % 8 == 0).astype(np.int64))


def network(seed: int = 0) -> Classifier:
    make_repeatable(seed, threads=1)
    return build_classifier(plain_architecture("cnn", SIZE, CLASSES, 0.3))


def fit(
    checkpoints: Path,
    on_epoch: OnEpoch | None = None,
    *,
    trained: Classifier | None = None,
    online: float = 1.0,
    split: ArraySplit = TRAIN,
    validation: ArraySplit = VAL,
    **changes: Any,
) -> TrainingResult:
    settings = SETTINGS.changed(**changes)
    return train(
        trained or network(settings.seed),
        settings,
        split,
        validation,
        OnlineAugmentation(VARIED.model_copy(update={"rotation": 5, "flip": False, "online": online}), settings.seed),
        checkpoints=checkpoints,
        on_epoch=on_epoch or (lambda *_: None),
        progress_bar=False,
    )


def loss_of(state: dict[str, torch.Tensor], split: ArraySplit = VAL) -> float:
    trained = network()
    trained.load_state_dict(state)
    with torch.inference_mode():
        logits = trained.eval()(torch.from_numpy(split.images).permute(0, 3, 1, 2))
    return torch.nn.functional.cross_entropy(logits, torch.from_numpy(split.labels)).item()


def test_it_learns_what_colours_do_not_tell_and_keeps_the_epoch_with_the_lowest_validation_loss(tmp_path: Path) -> None:
    result = fit(tmp_path, epochs=8)
    assert max(epoch.val_accuracy or 0 for epoch in result.history) >= 0.9
    assert result.best_epoch == min(result.history, key=lambda epoch: epoch.val_loss or 0).epoch
    assert loss_of(result.state) == pytest.approx(result.history[result.best_epoch - 1].val_loss, rel=1e-4)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    first, again, other = (fit(tmp_path / name, seed=seed) for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    assert first.history == again.history
    assert all(torch.equal(first.state[key], again.state[key]) for key in first.state)
    assert first.history != other.history


@pytest.mark.parametrize("balance", ["none", "sampling"])
def test_photographs_of_little_weight_are_hardly_learnt_from(tmp_path: Path, balance: str) -> None:
    wrong = dataclasses.replace(
        TRAIN,
        images=np.concatenate([TRAIN.images, TRAIN.images]),
        ids=[*TRAIN.ids, *(f"again {name}" for name in TRAIN.ids)],
        labels=np.concatenate([TRAIN.labels, 1 - TRAIN.labels]),  # as many under the other class
        copies=np.concatenate([TRAIN.copies, TRAIN.copies]),
    )
    weights = np.repeat([1.0, 0.02], len(TRAIN))
    heeded = fit(
        tmp_path / "heeded", epochs=6, split=dataclasses.replace(wrong, weights=weights), class_balance=balance
    )
    ignored = fit(tmp_path / "ignored", epochs=6, split=wrong, class_balance=balance)
    assert max(epoch.val_accuracy or 0 for epoch in heeded.history) >= 0.9
    assert min(epoch.train_loss for epoch in heeded.history) < 0.45
    assert min(epoch.train_loss for epoch in ignored.history) > 0.6  # nothing can be learnt from contradictions


class KilledError(Exception):
    """Stands for a kill after an epoch."""


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"ema": 0.8},
        pytest.param({"schedule": "plateau", "validation": EXCHANGED, "epochs": 6}, id="plateau"),
        {"schedule": "one-cycle", "optimizer": "sgd"},
        {"mixup": 0.4, "cutmix": 1.0},
        {"accumulate": 3, "clip": 0.5},
        {"class_balance": "sampling"},
        pytest.param({"class_balance": "weights", "split": UNEVEN}, id="weights"),
        {"frozen": 0.5, "online": 0.0, "layer_decay": 0.5, "ema": 0.8},
        {"frozen": 0.5, "cached_views": 2, "head_fit": "discriminant", "head_passes": 2},
        {"frozen": 0.5, "cached_views": 2, "head_refit": True, "ema": 0.8},
        {"keep": "last", "validation": EXCHANGED},
        {"head_epochs": 4, "epochs": 2, "ema": 0.8},  # killed in the first phase
        {"head_epochs": 2, "epochs": 2},  # and in the second
        pytest.param({"validation": NONE}, id="no validation"),
    ],
    ids=str,
)
def test_a_training_killed_between_epochs_goes_on_to_the_same_weights(
    tmp_path: Path, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lithoscope.training.optim.PLATEAU_PATIENCE", 0)
    whole = fit(tmp_path / "whole", **changes)

    def kill(figures: EpochFigures, _: list[EpochFigures]) -> None:
        if figures.epoch == 3:
            raise KilledError

    with pytest.raises(KilledError):
        fit(tmp_path / "killed", on_epoch=kill, **changes)
    epochs: list[int] = []
    resumed = fit(tmp_path / "killed", on_epoch=lambda figures, _: epochs.append(figures.epoch), **changes)
    assert epochs == list(range(3, len(whole.history) + 1)), "the epochs before are not trained again"
    assert resumed.history == whole.history
    assert (resumed.best_epoch, resumed.refit) == (whole.best_epoch, whole.refit)
    assert all(torch.equal(whole.state[key], resumed.state[key]) for key in whole.state)


def test_a_training_that_finished_is_not_trained_again(tmp_path: Path) -> None:
    first = fit(tmp_path, epochs=1)
    again = fit(tmp_path, epochs=1, on_epoch=lambda *_: pytest.fail("trained again"))
    assert again.history == first.history
    assert all(torch.equal(first.state[key], again.state[key]) for key in first.state)


def test_ctrl_c_is_not_taken_for_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)  # Lightning would switch Ctrl-C off for the other tests

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path, on_epoch=interrupt)


def test_it_stops_early_when_the_validation_loss_no_longer_falls_also_when_killed_right_then(tmp_path: Path) -> None:
    result = fit(tmp_path, epochs=30, patience=1, lr=1e-9)
    assert len(result.history) < 30
    (tmp_path / "finished.pt").unlink()
    assert fit(tmp_path, epochs=30, patience=1, lr=1e-9).history == result.history


def test_a_learning_rate_far_too_high_ends_with_a_line_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(LithoscopeError, match="try a tenth of lr"):
        fit(tmp_path, lr=1e30, optimizer="sgd", warmup=0)


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "sgd"},
        {"optimizer": "adam"},
        {"weight_decay": 5.0},
        {"label_smoothing": 0.3},
        {"schedule": "constant"},
        {"schedule": "one-cycle"},
        {"warmup": 0},
        {"layer_decay": 0.5},
        {"frozen": 0.5},
        {"ema": 0.5},
        {"mixup": 0.4},
        {"cutmix": 1.0},
        {"class_balance": "weights"},
        {"class_balance": "sampling"},
        {"accumulate": 2},
        {"clip": 0.01},
        {"precision": "bf16"},
    ],
    ids=str,
)
def test_each_switch_changes_what_is_learnt(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, changes: dict[str, Any]
) -> None:
    plain = tmp_path_factory.getbasetemp() / "plain"  # trained once for all of them
    assert fit(plain, epochs=2, split=UNEVEN).history != fit(tmp_path, epochs=2, split=UNEVEN, **changes).history


def test_what_is_validated_and_saved_are_the_averaged_weights(tmp_path: Path) -> None:
    steps: list[dict[str, torch.Tensor]] = []
    trained = network()

    def watch(_: EpochFigures, __: list[EpochFigures]) -> None:
        steps.append({key: value.clone() for key, value in trained.state_dict().items()})

    result = fit(tmp_path, watch, trained=trained, epochs=1, ema=0.9, warmup=0)
    assert loss_of(result.state) == pytest.approx(result.history[0].val_loss, rel=1e-4)
    weight, mean = "head.1.weight", next(key for key in result.state if key.endswith("running_mean"))
    assert not torch.equal(result.state[weight], steps[0][weight]), "the steps themselves go on from no average"
    assert not torch.equal(result.state[mean], steps[0][mean]), "the statistics of batch norms are averaged too"


def test_on_a_plateau_the_rate_falls_to_a_tenth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lithoscope.training.optim.PLATEAU_PATIENCE", 0)
    history = fit(tmp_path, schedule="plateau", validation=EXCHANGED, epochs=6).history
    expected, rate, lowest = [], SETTINGS.lr, float("inf")
    for epoch in history:
        expected.append(rate)
        assert epoch.val_loss is not None
        rate, lowest = rate if epoch.val_loss < lowest else rate / 10, min(lowest, epoch.val_loss)
    assert [epoch.lr for epoch in history] == pytest.approx(expected)
    assert history[-1].lr < SETTINGS.lr / 5


def test_accumulated_batches_make_one_step(tmp_path: Path) -> None:
    for accumulate, steps in ((1, 4), (3, 2), (4, 1)):
        fit(tmp_path / str(accumulate), epochs=1, accumulate=accumulate)
        kept = torch.load(tmp_path / str(accumulate) / "last.ckpt", weights_only=True)
        assert kept["global_step"] == steps
    rates = [
        fit(tmp_path / f"b{n}", epochs=2, accumulate=n, warmup=1, schedule="constant").history[0].lr for n in (1, 4)
    ]
    assert rates == pytest.approx([SETTINGS.lr] * 2), "warm-up ends with the epoch, however many steps it has"


def test_no_step_is_longer_than_the_clip_allows(tmp_path: Path) -> None:
    trained = network()
    before = {name: value.detach().clone() for name, value in trained.named_parameters()}
    options: dict[str, Any] = {
        "optimizer": "sgd",
        "lr": 1.0,
        "weight_decay": 0.0,
        "schedule": "constant",
        "warmup": 0,
        "epochs": 1,
    }
    fit(tmp_path, trained=trained, clip=1e-4, accumulate=4, **options)
    moved = sum((value.detach() - before[name]).square().sum().item() for name, value in trained.named_parameters())
    assert 0 < moved**0.5 <= 1.9e-4 * 1.01, "one step of Nesterov's momentum 0.9 goes 1.9 times as far as the gradient"


def test_without_validation_every_epoch_is_trained_and_the_last_one_kept(tmp_path: Path) -> None:
    result = fit(tmp_path, validation=NONE, patience=1)
    assert [epoch.epoch for epoch in result.history] == [1, 2, 3, 4]
    assert result.best_epoch == 4
    assert result.summary()["validation"] is None
    assert all(epoch.val_loss is None and "val_loss" not in epoch.measured() for epoch in result.history)
    # The photographs that would have validated change nothing else.
    validated = fit(tmp_path / "validated")
    assert [epoch.train_loss for epoch in validated.history] == [epoch.train_loss for epoch in result.history]


def test_the_head_is_trained_first_and_alone(tmp_path: Path) -> None:
    trained = network()
    start = {key: value.clone() for key, value in trained.backbone.state_dict().items()}
    after_head: dict[str, torch.Tensor] = {}

    def watch(figures: EpochFigures, _: list[EpochFigures]) -> None:
        if figures.phase == "head":
            after_head.update({key: value.clone() for key, value in trained.backbone.state_dict().items()})

    result = fit(tmp_path, watch, trained=trained, head_epochs=3, head_lr=0.05, epochs=2)
    assert [epoch.phase for epoch in result.history] == ["head"] * 3 + ["all"] * 2
    assert [epoch.epoch for epoch in result.history] == [1, 2, 3, 4, 5]
    assert result.history[0].lr == pytest.approx(0.05)
    assert result.history[3].lr == pytest.approx(SETTINGS.lr)
    assert all(torch.equal(start[key], after_head[key]) for key in start), "batch norms' statistics stay too"
    assert not all(torch.equal(start[key], value) for key, value in trained.backbone.state_dict().items())
    assert result.best_epoch == best_of(result.history, "loss").epoch
    assert loss_of(result.state) == pytest.approx(result.history[result.best_epoch - 1].val_loss, rel=1e-4)


def test_the_epoch_of_the_highest_accuracy_is_kept_on_request(tmp_path: Path) -> None:
    results = {keep: fit(tmp_path / keep, keep=keep, epochs=8, lr=0.02) for keep in ("loss", "accuracy")}
    by_loss, by_accuracy = (results[keep].best_epoch for keep in ("loss", "accuracy"))
    history = results["accuracy"].history
    assert history == results["loss"].history
    assert by_accuracy == max(history, key=lambda figures: figures.val_accuracy or 0.0).epoch
    assert by_accuracy != by_loss, "this test needs a training whose two best epochs differ"
    assert loss_of(results["accuracy"].state) == pytest.approx(history[by_accuracy - 1].val_loss, rel=1e-4)


def test_the_last_epoch_is_kept_on_request_even_if_a_better_one_came_before(tmp_path: Path) -> None:
    chosen, last = (fit(tmp_path / keep, keep=keep, validation=EXCHANGED) for keep in ("loss", "last"))
    assert last.history == chosen.history
    assert chosen.best_epoch < last.best_epoch == len(last.history)
    assert loss_of(last.state, EXCHANGED) == pytest.approx(last.history[-1].val_loss, rel=1e-4)


def test_the_head_phase_leaves_its_best_epoch_where_no_later_one_is_better(tmp_path: Path) -> None:
    result = fit(tmp_path, head_epochs=3, head_lr=0.01, epochs=1, lr=10.0, warmup=0, optimizer="sgd")
    assert result.best_epoch <= 3
    assert loss_of(result.state) == pytest.approx(result.history[result.best_epoch - 1].val_loss, rel=1e-4)


@pytest.mark.parametrize("online", [0.0, 1.0], ids=["features computed once", "features computed in each step"])
def test_frozen_blocks_stay_as_they_were_and_the_others_do_not(tmp_path: Path, online: float) -> None:
    trained = network()
    blocks = trained.blocks()
    start = [{key: value.clone() for key, value in block.state_dict().items()} for block in blocks]
    half, seen = frozen_blocks(0.5, len(blocks)), []

    def watch(_: EpochFigures, __: list[EpochFigures]) -> None:
        seen.append((tmp_path / f"features-{half}" / "training.npy").is_file())

    result = fit(tmp_path, watch, trained=trained, frozen=0.5, epochs=1, online=online)
    assert result.state.keys() == trained.state_dict().keys()
    kept = torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]
    assert len(kept) < len(result.state), "what never changes is not written in every epoch"
    same = [
        all(torch.equal(value, block.state_dict()[key]) for key, value in old.items())
        for old, block in zip(start, blocks, strict=True)
    ]
    assert all(same[:half])
    assert not all(same[half:])
    assert seen == [online == 0.0], "what is the same in every epoch is computed once"
    assert not list(tmp_path.glob("features-*")), "features are removed in the end"


def test_features_computed_once_train_as_those_computed_in_each_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = fit(tmp_path / "once", frozen=1.0, online=0.0)
    monkeypatch.setattr(OnlineAugmentation, "changes", True)  # claims to vary pictures, at strength 0
    each = fit(tmp_path / "each", frozen=1.0, online=0.0)
    for one, other in zip(once.history, each.history, strict=True):
        assert one.measured() == pytest.approx(other.measured(), rel=1e-4)


def test_passes_computed_once_train_as_those_varied_in_each_epoch_until_they_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def history(name: str, views: int) -> list[EpochFigures]:
        return fit(tmp_path / name, frozen=0.5, cached_views=views).history

    each, all_kept, two_kept = history("each", 0), history("all", 9), history("two", 2)
    assert each[0].measured() == pytest.approx(all_kept[0].measured(), rel=0.02, abs=2e-3), "rounded to 16 bits"

    def unrounded(*given: Any, **named: Any) -> npt.NDArray[np.floating]:
        return compute_features(*given, **named | {"halved": False})

    monkeypatch.setattr(phase, "compute_features", unrounded)
    for one, other in zip(each, history("unrounded", 9), strict=True):  # steps magnify what is rounded
        assert one.measured() == pytest.approx(other.measured(), rel=1e-2, abs=1e-3)
    assert two_kept[:2] == all_kept[:2]
    assert two_kept[2:] != all_kept[2:]


@pytest.mark.parametrize("changes", [{}, {"frozen": 0.5, "mixup": 0.2}], ids=["nothing frozen", "mixed"])
def test_what_is_new_in_every_step_is_not_computed_once(tmp_path: Path, changes: dict[str, Any]) -> None:
    kept = fit(tmp_path / "kept", epochs=1, cached_views=2, **changes)
    assert kept.history == fit(tmp_path / "each", epochs=1, **changes).history


def test_passes_are_kept_while_a_training_runs_and_removed_in_the_end(tmp_path: Path) -> None:
    kept: list[str] = []

    def watch(_: EpochFigures, __: list[EpochFigures]) -> None:
        kept[:] = sorted(path.name for path in tmp_path.glob("features-*/*"))

    fit(tmp_path, watch, frozen=0.5, cached_views=2, epochs=3)
    assert kept == ["training1.npy", "training2.npy", "validation.npy"]
    assert not list(tmp_path.glob("features-*"))


def test_a_batch_holds_the_pictures_and_labels_of_its_rows() -> None:
    batches = list(inference_batches(VAL))
    assert torch.equal(torch.cat([batch.labels for batch in batches]), torch.from_numpy(VAL.labels))
    assert torch.equal(batches[0].images, torch.from_numpy(VAL.images).permute(0, 3, 1, 2))
    assert batches[0].images.is_contiguous(memory_format=torch.channels_last)


def test_augmentation_varies_from_epoch_to_epoch_and_not_with_the_batch() -> None:
    loader = training_batches(TRAIN, 8, 0, OnlineAugmentation(VARIED, 0))
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
    monkeypatch.setattr("lithoscope.models.device.platform.system", lambda: "Linux")
    monkeypatch.setattr("lithoscope.models.device.Path.read_text", lambda *_, **__: f"flags : {flags}\n")
    assert resolve_precision("auto", "cpu") == expected
    assert resolve_precision("fp32", "cpu") == "fp32"

"""What is left on disk by a kill or a loss of power, and what a training makes of it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lithoscope.training import checkpoints
from lithoscope.training.checkpoints import is_usable, is_whole, save, to_resume
from lithoscope.training.history import EpochFigures, TrainingResult
from unit.training.test_fit import EXCHANGED, KilledError, fit

pytestmark = pytest.mark.slow


def zeroed(path: Path) -> None:
    """Fill a page in the middle with zeros: the length is right, the bytes never reached the disk."""
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4096] = bytes(min(4096, len(data) - middle))
    path.write_bytes(data)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGES = [zeroed, emptied, cut]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_recognised(
    tmp_path: Path, damage: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "some" / "last.ckpt"
    save({"weights": torch.rand(100, 100), "epochs": 3}, path)
    assert is_whole(path)
    assert is_usable(path)
    damage(path)
    assert not is_whole(path)
    assert not is_usable(path)
    assert not path.exists()
    assert (tmp_path / "some" / "last.ckpt.damaged").is_file()
    assert capsys.readouterr().out.count("is damaged and set aside") == 1
    assert not is_usable(path), "and it is gone afterwards"


def test_a_file_takes_its_place_only_when_its_bytes_are_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, steps = tmp_path / "last.ckpt", list[str]()
    original_sync, original_replace = os.fsync, Path.replace

    def sync(descriptor: int) -> None:
        target = Path(f"/proc/self/fd/{descriptor}").readlink()
        steps.append(f"sync {'folder' if target.is_dir() else target.name}")
        original_sync(descriptor)

    def replace(self: Path, target: Path) -> Path:
        steps.append(f"rename to {Path(target).name}")
        return original_replace(self, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", replace)
    save({"epochs": 1}, path)
    assert steps == ["sync last.ckpt.partial", "rename to last.ckpt", "sync folder"]


def killed(folder: Path, epoch: int = 3, **changes: Any) -> None:
    """Leave what a training leaves that was killed after an epoch, before that one's checkpoint."""

    def kill(figures: EpochFigures, _: list[EpochFigures]) -> None:
        if figures.epoch == epoch:
            raise KilledError

    with pytest.raises(KilledError):
        fit(folder, on_epoch=kill, **changes)


def resumed(folder: Path, **changes: Any) -> tuple[TrainingResult, list[int]]:
    """Go on to the end; return also which epochs were trained."""
    epochs: list[int] = []
    result = fit(folder, on_epoch=lambda figures, _: epochs.append(figures.epoch), **changes)
    return result, epochs


def same(one: TrainingResult, other: TrainingResult) -> bool:
    return one.history == other.history and all(torch.equal(one.state[k], other.state[k]) for k in one.state)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    return fit(tmp_path_factory.mktemp("whole"))


@pytest.mark.fault(
    tried="Power loss leaves the last checkpoint empty, cut short, or with a page of zeros",
    outcome="It is recognised by its checksums and set aside; training goes on from the best epoch's: same weights",
)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_last_checkpoint_costs_epochs_and_changes_nothing(
    tmp_path: Path, whole: TrainingResult, damage: Callable[[Path], None]
) -> None:
    killed(tmp_path)
    damage(tmp_path / "last.ckpt")
    best = torch.load(tmp_path / "best.ckpt", weights_only=True)["epoch"] + 1
    result, epochs = resumed(tmp_path)
    assert epochs == list(range(best + 1, 5))
    assert same(result, whole)


@pytest.mark.fault(
    tried="Power loss damages the best epoch's checkpoint, or both",
    outcome="They are set aside; training starts at its first epoch: same weights",
)
@pytest.mark.parametrize("damaged", [["best.ckpt"], ["best.ckpt", "last.ckpt"]], ids=str)
def test_without_the_best_epoch_training_starts_over(tmp_path: Path, whole: TrainingResult, damaged: list[str]) -> None:
    killed(tmp_path)
    for name in damaged:
        zeroed(tmp_path / name)
    result, epochs = resumed(tmp_path)
    assert epochs == [1, 2, 3, 4]
    assert same(result, whole)


def test_a_last_checkpoint_whose_best_one_is_gone_is_never_taken_up_later(tmp_path: Path) -> None:
    killed(tmp_path)
    (tmp_path / "best.ckpt").unlink()
    assert to_resume(tmp_path, validated=True) is None
    assert not (tmp_path / "last.ckpt").exists()


@pytest.mark.fault(
    tried="Power loss damages the result of a training that had finished",
    outcome="It is set aside and made again from the last epoch's checkpoint: same weights",
)
def test_a_damaged_result_is_made_again(tmp_path: Path, whole: TrainingResult) -> None:
    fit(tmp_path)
    zeroed(tmp_path / "finished.pt")
    result, epochs = resumed(tmp_path)
    assert epochs == []
    assert same(result, whole)


@pytest.mark.fault(
    tried="The repository is moved or renamed between the kill and the next start",
    outcome="Training goes on from its checkpoint and still knows which epoch was best: same weights",
)
def test_a_repository_that_was_moved_does_not_forget_its_best_epoch(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"validation": EXCHANGED}
    expected = fit(tmp_path / "whole", **changes)
    kill_at = expected.best_epoch + 2  # a worse epoch follows, which must not take the best one's place
    assert kill_at <= 4, "this test needs a training whose best epoch is not among its last two"
    killed(tmp_path / "before", kill_at, **changes)
    (tmp_path / "before").rename(tmp_path / "after")
    result, epochs = resumed(tmp_path / "after", **changes)
    assert epochs == list(range(kill_at, 5))
    assert result.best_epoch == expected.best_epoch
    assert same(result, expected)


def test_a_head_in_closed_form_is_made_anew_where_no_checkpoint_is_left(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"head_fit": "discriminant", "epochs": 2}
    expected = fit(tmp_path / "whole", **changes)
    killed(tmp_path / "killed", 2, **changes)
    for name in (checkpoints.LAST, checkpoints.BEST):
        emptied(tmp_path / "killed" / name)
    assert same(resumed(tmp_path / "killed", **changes)[0], expected)

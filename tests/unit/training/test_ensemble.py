from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from lithoscope.data.packed.arrays import ArraySplit
from lithoscope.models.classifier import build_classifier
from lithoscope.models.device import make_repeatable
from lithoscope.models.ensemble import join_states
from lithoscope.training.discriminant_head import fit_discriminant_head
from lithoscope.training.ensemble import EnsembleResult, member_seed, member_settings, train_members
from lithoscope.training.history import EpochFigures, mean_history
from lithoscope.training.phase import Phase, Photographs

from helpers.made_up_settings import plain_architecture, training_settings

pytestmark = pytest.mark.slow

SETTINGS = training_settings()

BUILD = partial(build_classifier, plain_architecture("cnn", 32, 2, 0.2))


def noise(rows: int) -> ArraySplit:
    images = np.random.default_rng(rows).integers(0, 255, (rows, 32, 32, 3)).astype(np.uint8)
    labels = np.arange(rows, dtype=np.int64) % 2
    return ArraySplit(images, [str(row) for row in range(rows)], labels, np.zeros(rows, np.int64), ["a", "b"])


class KilledError(Exception):
    """Stands for a kill after an epoch."""


def fit(
    checkpoints: Path, members: int, seed: int = 0, kill: tuple[int, int] = (-1, -1), **changes: object
) -> EnsembleResult:
    def on_epoch(member: int, history: list[EpochFigures]) -> None:
        if (member, len(history)) == kill:
            raise KilledError

    return train_members(
        BUILD,
        SETTINGS.changed(seed=seed, **changes),
        noise(16),
        noise(8),
        None,
        members=members,
        threads=1,
        checkpoints=checkpoints,
        on_epoch=on_epoch,
        progress_bar=False,
    )


def test_the_first_member_is_the_network_that_would_be_trained_alone_and_the_others_differ(tmp_path: Path) -> None:
    alone = fit(tmp_path / "one", 1)
    three = fit(tmp_path / "three", 3)
    first, second, third = (member.history for member in three.members)
    assert first == alone.history()
    assert first != second != third
    assert fit(tmp_path / "second", 1, seed=member_seed(0, 1)).history() == second
    joined = three.state()
    assert joined.keys() == join_states([member.state for member in three.members]).keys()
    assert len(joined) == 3 * len(alone.state())


def test_the_first_one_can_be_a_discriminant_on_the_backbone_as_it_comes(tmp_path: Path) -> None:
    both = fit(tmp_path / "both", 2, head_fit="mixed", ema=0.5, mixup=0.2, frozen=0.5)
    discriminant, tuned = both.members
    make_repeatable(0, 1)
    alone, settings = BUILD(), SETTINGS.changed(head_fit="discriminant")
    rows = noise(16)
    phase = Phase("all", settings, frozen=0, rate="lr", computed=False)
    fit_discriminant_head(alone, phase, Photographs(rows, None, None), rows, progress_bar=False)
    assert all(torch.equal(value, alone.state_dict()[key]) for key, value in discriminant.state.items())
    assert len(discriminant.history) == 1
    as_ever = fit(tmp_path / "as ever", 2, ema=0.5, mixup=0.2, frozen=0.5).members[1]
    assert tuned.history == as_ever.history
    assert all(torch.equal(value, as_ever.state[key]) for key, value in tuned.state.items())
    assert member_settings(SETTINGS.changed(head_fit="mixed"), 1) == member_settings(SETTINGS, 1)


def test_a_discriminant_has_no_part_in_the_mean_of_the_best_epochs(tmp_path: Path) -> None:
    mixed = fit(tmp_path / "mixed", 3, head_fit="mixed", epochs=6).summary()
    assert [one["tuned"] for one in mixed["members"]] == [False, True, True]
    kept = [one["best_epoch"] for one in mixed["members"][1:]]
    assert max(kept) > 1
    assert mixed["best_epoch"] == round(sum(kept) / 2)
    assert "tuned" not in fit(tmp_path / "as ever", 2).summary()["members"][0]


def test_finished_members_survive_a_kill(tmp_path: Path) -> None:
    whole = fit(tmp_path / "whole", 2)
    with pytest.raises(KilledError):
        fit(tmp_path / "killed", 2, kill=(1, 2))
    finished = tmp_path / "killed" / "member1" / "finished.pt"
    before = finished.stat().st_mtime_ns
    resumed = fit(tmp_path / "killed", 2)
    assert finished.stat().st_mtime_ns == before, "the first is not trained again"
    assert all(torch.equal(value, resumed.state()[key]) for key, value in whole.state().items())
    assert resumed.history() == whole.history()


def test_the_summary_of_several_holds_their_means_and_each_one(tmp_path: Path) -> None:
    result = fit(tmp_path, 2)
    summary = result.summary()
    each = summary["members"]
    assert [one["epochs"] for one in each] == [2, 2]
    assert summary["best_epoch"] == round(float(np.mean([one["best_epoch"] for one in each])))
    assert summary["validation"]["loss"] == pytest.approx(
        np.mean([one["validation"]["loss"] for one in each]), abs=1e-6
    )
    assert result.history() == mean_history([member.history for member in result.members])
    assert "members" not in EnsembleResult(result.members[:1]).summary()

from pathlib import Path

import numpy as np
import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.evaluation.answers.limits import Limits

from helpers.answered_photographs import CLASSES, COARSE, fitted, others, photographs, probabilities


def rejected(limits: Limits, features: np.ndarray) -> float:
    return float((limits.familiarity(probabilities(features), features) <= limits.familiar).mean())


def test_five_in_a_hundred_known_photographs_are_called_none_of_these() -> None:
    shares = []
    for seed in range(40):
        limits = fitted(n=400, seed=seed)
        assert limits is not None
        shares.append(rejected(limits, photographs(200, 5000 + seed)[0]))
    assert np.mean(shares) == pytest.approx(0.05, abs=0.01)


def test_what_lies_elsewhere_is_called_none_of_these() -> None:
    limits = fitted()
    assert limits is not None
    assert rejected(limits, others(300, 1)) > 0.95


def test_too_few_held_out_photographs_set_no_limits() -> None:
    assert fitted(n=18) is None
    assert fitted(n=19) is not None


def test_limits_come_back_from_their_folder_and_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    limits = fitted(coarse=COARSE, spread=3.5)
    assert limits is not None
    limits.save(tmp_path / "one")
    limits.save(tmp_path / "other")
    for name in ("limits.json", "limits.npz"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    again = Limits.load(tmp_path / "one")
    features, _ = photographs(50, 7)
    said = probabilities(features)
    np.testing.assert_array_equal(again.familiarity(said, features), limits.familiarity(said, features))
    assert (again.classes, again.coarse, again.needed, again.coarse_needed) == (
        *(CLASSES, limits.coarse),
        *(limits.needed, limits.coarse_needed),
    )
    assert again.coarse_needed is not None


def test_damaged_limits_are_said_in_one_line(tmp_path: Path) -> None:
    limits = fitted()
    assert limits is not None
    limits.save(tmp_path)
    (tmp_path / "limits.npz").write_bytes(b"nothing")
    with pytest.raises(LithoscopeError, match="damaged limits") as found:
        Limits.load(tmp_path)
    assert "\n" not in str(found.value)
    (tmp_path / "limits.json").write_text('{"format": 99}')
    with pytest.raises(LithoscopeError, match="another version"):
        Limits.load(tmp_path)


def test_coarse_names_are_right_as_often_as_was_asked_where_no_short_set_is_left() -> None:
    wrong, named = 0, 0
    for seed in range(30):
        limits = fitted(n=300, seed=seed, coarse=COARSE, spread=3.5)
        assert limits is not None
        if limits.coarse_needed is None:
            continue
        features, labels = photographs(300, 9000 + seed, spread=3.5)
        said = probabilities(features)
        long = (said >= limits.needed).sum(axis=1) > 3
        summed = limits.coarse_probabilities(said)
        for place in np.flatnonzero(long & (summed.max(axis=1) >= limits.coarse_needed)):
            named += 1
            wrong += limits.kinds()[summed[place].argmax()] != COARSE.get(CLASSES[labels[place]], "")
    assert named > 200
    assert wrong / named < 0.13


def test_a_set_without_coarse_classes_is_answered_all_the_same() -> None:
    limits = fitted()
    assert limits is not None
    assert limits.kinds() == []
    assert limits.coarse_probabilities(np.full((3, len(CLASSES)), 0.25)).shape == (3, 0)

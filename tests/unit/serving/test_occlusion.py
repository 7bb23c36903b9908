"""Occlusion: what is covered, and what is made of what changes."""

import numpy as np
import pytest

from lithoscope.serving.occlusion import covered, covers, evidence, look_at_photograph

SQUARE = np.random.default_rng(0).integers(0, 256, (36, 36, 3), dtype=np.uint8)


def test_each_place_is_covered_once_by_the_mean_colour_and_nothing_else_changes() -> None:
    copies = covered(SQUARE)
    differs = (copies != SQUARE).any(axis=3)
    assert copies.shape == (49, 36, 36, 3)
    assert differs[0, :9, :9].mean() > 0.99
    assert not differs[0, 9:].any()
    assert not differs[0, :, 9:].any()
    assert not differs[48, :27].any()
    assert differs.any(axis=0).all()  # the last rows and columns too, though 36 is no multiple of 8
    np.testing.assert_array_equal(copies[0, 0, 0], np.rint(SQUARE.mean(axis=(0, 1))))


def test_the_same_parts_are_hidden_in_feature_maps() -> None:
    square = np.zeros((16, 16, 3), np.uint8)
    square[:, :, 0] = np.arange(256).reshape(16, 16)  # no pixel but one has the mean colour
    differs = (covered(square) != square).any(axis=3)
    hidden = covers().repeat(2, axis=1).repeat(2, axis=2).astype(bool)
    assert (differs <= hidden).all()
    assert (hidden & ~differs).sum() <= 4


def test_a_look_at_the_photograph_holds_each_cover_s_probabilities_in_their_order() -> None:
    seen = look_at_photograph(lambda squares: squares.mean(axis=(1, 2)), ["red", "green", "blue"], SQUARE)
    np.testing.assert_array_equal(seen.before, SQUARE.mean(axis=(0, 1)))
    np.testing.assert_array_equal(seen.after, covered(SQUARE).mean(axis=(1, 2)))


def test_the_part_that_a_class_hangs_on_has_the_most_evidence() -> None:
    seen = np.array([0.2 if place in (16, 17, 23, 24) else 0.8 for place in range(49)])  # those over row 3, column 3
    found = evidence(0.8, seen)
    assert found.shape == (8, 8)
    assert divmod(int(found.argmax()), 8) == (3, 3)
    assert found[3, 3] == pytest.approx(np.log(4))
    assert found[3, 5] == 0
    assert found[2, 3] == pytest.approx(np.log(4) / 2)


def test_what_speaks_against_a_class_is_below_zero_and_no_probability_is_too_small() -> None:
    assert (evidence(0.5, np.full(49, 0.9)) < 0).all()
    assert np.isfinite(evidence(0.0, np.linspace(0, 1, 49))).all()

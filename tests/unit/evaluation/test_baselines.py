"""The colour baseline sees colours and nothing else; the majority class sees nothing at all."""

from pathlib import Path

import numpy as np
import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.random_streams import generator
from lithoscope.evaluation.baselines import baseline_predictions, colour_histogram, fit_colour_baseline, majority_class


def noisy(colour: tuple[int, int, int], count: int, key: str) -> np.ndarray:
    rng = generator(1, "test", key)
    pictures = np.array(colour) + rng.integers(-20, 21, (count, 12, 12, 3))
    return np.clip(pictures, 0, 255).astype(np.uint8)


def stripes(count: int, *, upright: bool) -> np.ndarray:
    """Black and white stripes at random phases: the same colours both ways."""
    rng = generator(1, "test", "stripes", int(upright))
    pictures = np.empty((count, 16, 16, 3), dtype=np.uint8)
    for picture in pictures:
        line = np.roll(np.repeat([0, 0, 255, 255], 4), rng.integers(0, 16)).astype(np.uint8)
        picture[:] = line[None, :, None] if upright else line[:, None, None]
    return pictures


def test_histogram_rows_are_shares_of_the_pixels() -> None:
    shares = colour_histogram(noisy((90, 140, 60), 5, "shares"))
    assert shares.shape == (5, 192)
    assert shares.dtype == np.float32
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("first", "second"),
    [((200, 40, 40), (40, 200, 40)), ((200, 40, 40), (200, 190, 190)), ((200, 40, 40), (60, 12, 12))],
    ids=["hue", "saturation", "value"],
)
def test_histogram_tells_colours_apart(first: tuple[int, int, int], second: tuple[int, int, int]) -> None:
    plain = np.stack([np.full((4, 4, 3), colour, dtype=np.uint8) for colour in (first, second)])
    one, other = colour_histogram(plain)
    assert one.argmax() != other.argmax()
    assert one.max() == other.max() == 1.0


def test_reds_on_both_sides_of_the_colour_circle_stay_valid() -> None:
    every_corner = np.array([[r, g, b] for r in (0, 128, 255) for g in (0, 128, 255) for b in (0, 128, 255)])
    shares = colour_histogram(every_corner.astype(np.uint8)[:, None, None, :])
    assert ((shares == 1.0).sum(axis=1) == 1).all()


def test_shuffled_pixels_give_the_same_histogram() -> None:
    pictures = generator(1, "test", "shuffle").integers(0, 256, (1, 10, 10, 3), dtype=np.uint8)
    shuffled = generator(2, "test", "shuffle").permutation(pictures.reshape(-1, 3)).reshape(pictures.shape)
    np.testing.assert_array_equal(colour_histogram(pictures), colour_histogram(shuffled))


def test_memory_mapped_pictures_give_the_same_histogram(tmp_path: Path) -> None:
    pictures = noisy((30, 60, 150), 150, "mapped")  # more than two batches
    np.save(tmp_path / "pictures.npy", pictures)
    mapped = np.load(tmp_path / "pictures.npy", mmap_mode="r")
    np.testing.assert_array_equal(colour_histogram(mapped), colour_histogram(pictures))


def test_no_pictures_give_no_rows() -> None:
    assert colour_histogram(np.zeros((0, 8, 8, 3), dtype=np.uint8)).shape == (0, 192)


@pytest.mark.parametrize(
    "pictures",
    [np.zeros((2, 8, 8), np.uint8), np.zeros((2, 8, 8, 3)), np.zeros((2, 0, 8, 3), np.uint8)],
    ids=["grey", "floating point", "empty"],
)
def test_histogram_refuses_other_arrays(pictures: np.ndarray) -> None:
    with pytest.raises(LithoscopeError, match="pictures"):
        colour_histogram(pictures)


def test_baseline_separates_colours() -> None:
    train = np.concatenate([noisy((150, 60, 60), 20, "red"), noisy((60, 60, 150), 20, "blue")])
    model = fit_colour_baseline(train, ["red"] * 20 + ["blue"] * 20, seed=3)
    new = colour_histogram(np.concatenate([noisy((150, 60, 60), 5, "new red"), noisy((60, 60, 150), 5, "new blue")]))
    probabilities = model.predict_proba(new)
    assert list(model.classes_) == ["blue", "red"]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    assert list(model.predict(new)) == ["red"] * 5 + ["blue"] * 5


def test_baseline_cannot_separate_textures_of_the_same_colours() -> None:
    train = np.concatenate([stripes(20, upright=True), stripes(20, upright=False)])
    model = fit_colour_baseline(train, ["upright"] * 20 + ["lying"] * 20, seed=3)
    probabilities = model.predict_proba(colour_histogram(train))
    np.testing.assert_allclose(probabilities, 0.5, atol=1e-6)


def test_same_seed_fits_the_same_model() -> None:
    train = np.concatenate([noisy((120, 90, 60), 12, "a"), noisy((110, 95, 70), 12, "b")])
    labels = np.repeat(["a", "b"], 12)
    first, second = (fit_colour_baseline(train, labels, seed=5).predict_proba(colour_histogram(train)) for _ in "12")
    np.testing.assert_array_equal(first, second)


def test_a_class_with_one_picture_can_be_fitted() -> None:
    train = np.concatenate([noisy((150, 60, 60), 3, "red"), noisy((60, 60, 150), 1, "blue")])
    model = fit_colour_baseline(train, ["red", "red", "red", "blue"], seed=3)
    assert model.predict_proba(colour_histogram(train)).shape == (4, 2)


def test_baseline_refuses_what_it_cannot_learn_from() -> None:
    pictures = noisy((9, 9, 9), 3, "few")
    with pytest.raises(LithoscopeError, match="give one each"):
        fit_colour_baseline(pictures, ["a", "b"], seed=1)
    with pytest.raises(LithoscopeError, match="two classes"):
        fit_colour_baseline(pictures, ["a", "a", "a"], seed=1)


def test_majority_class_is_the_most_frequent_and_ties_go_by_the_alphabet() -> None:
    assert majority_class(["quartz", "pyrite", "quartz"]) == "quartz"
    assert majority_class(["quartz", "pyrite"]) == "pyrite"
    with pytest.raises(LithoscopeError, match="no photographs"):
        majority_class([])


def test_the_answers_to_beat_are_those_of_a_constant_and_of_colours() -> None:
    rng = np.random.default_rng(5)
    labels = np.array([0] * 12 + [1] * 8)
    shades = np.where(labels == 0, 60, 190)[:, None, None, None]
    images = np.clip(shades + rng.normal(0, 10, (20, 8, 8, 3)), 0, 255).astype(np.uint8)
    found = baseline_predictions(images, labels, images[10:], seed=0)
    assert found["majority_class"].tolist() == [0] * 10
    assert found["colour_histogram"].tolist() == labels[10:].tolist()

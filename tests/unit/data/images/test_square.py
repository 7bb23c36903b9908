import io

import numpy as np
import pytest
from PIL import Image

from lithoscope.data.images.square import crop_uniform_border, edge_colour, pad_to_square, to_square, uniform_border


def grain(width: int, height: int, seed: int = 0) -> Image.Image:
    """A picture without any uniform border."""
    pixels = np.random.default_rng(seed).integers(0, 200, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def framed(inner: Image.Image, size: tuple[int, int], place: tuple[int, int], colour: object = "white") -> Image.Image:
    canvas = Image.new("RGB", size, colour)  # type: ignore[arg-type]
    canvas.paste(inner, place)
    return canvas


@pytest.mark.parametrize("colour", ["white", "black", (90, 40, 160)])
def test_a_border_of_any_one_colour_is_cut_away(colour: object) -> None:
    picture = framed(grain(60, 40), (200, 150), (30, 70), colour)
    assert uniform_border(picture) == (30, 70, 90, 110)
    assert crop_uniform_border(picture).tobytes() == grain(60, 40).tobytes()


def test_bars_on_two_sides_only_are_cut_away() -> None:
    assert uniform_border(framed(grain(100, 60), (100, 100), (0, 20), "black")) == (0, 20, 100, 80)


def test_a_frame_within_a_frame_is_cut_away() -> None:
    inner = framed(grain(60, 60), (80, 80), (10, 10), "black")
    assert uniform_border(framed(inner, (120, 120), (20, 20))) == (30, 30, 90, 90)


def test_jpeg_noise_and_specks_of_dust_do_not_hide_a_border() -> None:
    picture = framed(grain(160, 160), (400, 400), (80, 160))
    picture.putpixel((7, 3), (0, 0, 0))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=60)
    found = uniform_border(Image.open(stream).convert("RGB"))
    assert np.abs(np.subtract(found, (80, 160, 240, 320))).max() <= 8  # a block of JPEG rings


def test_a_photograph_without_a_border_stays_whole() -> None:
    picture = grain(64, 48)
    assert crop_uniform_border(picture) is picture


def test_a_gradient_is_no_border() -> None:
    sky = np.linspace(0, 255, 128).astype(np.uint8)[:, None, None] * np.ones((1, 64, 3), dtype=np.uint8)
    picture = Image.fromarray(sky.astype(np.uint8))
    left, top, right, bottom = uniform_border(picture)
    assert (right - left) * (bottom - top) > 0.8 * 64 * 128


@pytest.mark.parametrize("size", [(100, 100), (1, 1), (200, 3)])
def test_nothing_but_border_stays_whole(size: tuple[int, int]) -> None:
    assert crop_uniform_border(Image.new("RGB", size, "white")).size == size


def test_a_crop_never_leaves_a_sliver() -> None:
    picture = framed(grain(5, 5), (100, 100), (50, 50))
    assert crop_uniform_border(picture) is picture


def test_padding_centres_the_picture_on_the_colour_of_its_edges() -> None:
    picture = framed(grain(20, 10), (60, 30), (20, 10), (10, 200, 30))
    square = np.asarray(pad_to_square(picture))
    assert square.shape == (60, 60, 3)
    assert edge_colour(picture) == (10, 200, 30)
    assert (square[:15] == (10, 200, 30)).all()
    assert (square[15:45] == np.asarray(picture)).all()


def test_a_photograph_is_never_stretched() -> None:
    disc = Image.new("RGB", (300, 100), "white")
    y, x = np.mgrid[:100, :300]
    pixels = np.array(disc)
    pixels[(x - 150) ** 2 + (y - 50) ** 2 < 45**2] = 0
    square = to_square(Image.fromarray(pixels), 90, crop_border=False)
    columns, rows = np.nonzero((square < 128).all(axis=2))
    assert square.shape == (90, 90, 3)
    assert square.dtype == np.uint8
    assert square.flags.c_contiguous
    assert abs(np.ptp(columns) + 1 - 27) <= 1
    assert abs(np.ptp(rows) + 1 - 27) <= 1


def test_cropping_the_border_makes_the_subject_fill_the_square() -> None:
    picture = framed(grain(40, 40), (200, 200), (80, 80))
    assert (to_square(picture, 64, crop_border=True) < 250).all(axis=2).mean() > 0.95
    assert (to_square(picture, 64, crop_border=False) < 250).all(axis=2).mean() < 0.1


def test_extreme_shapes_still_give_a_square() -> None:
    assert to_square(grain(1000, 2), 32, crop_border=True).shape == (32, 32, 3)

"""A picture whose every pixel is known, and how far what was read of it is from that."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from lithoscope.data.images.decode import read
from lithoscope.data.images.reading import DEFAULTS, Reading, ReadingSettings, UnreadablePhotograph

HEIGHT, WIDTH = 80, 96
CLOSE = 2.0
"""Mean error, of 255, below which pixels are right."""


def known(height: int = HEIGHT, width: int = WIDTH) -> npt.NDArray[np.float64]:
    """A picture of 0 … 1 with a gradient, grain, black and white, and a green corner that shows how it is turned."""
    rows, columns = np.mgrid[0:height, 0:width]
    picture = np.stack([columns / (width - 1), rows / (height - 1), np.full((height, width), 0.5)], axis=-1)
    picture = (picture + np.random.default_rng(0).normal(0, 0.03, picture.shape)).clip(0, 1)
    picture[: height // 4, : width // 4] = (0.1, 0.9, 0.1)
    picture[-8:, -8:], picture[-8:, -16:-8] = 1.0, 0.0
    return picture


def bits(picture: npt.NDArray[np.float64], depth: int) -> npt.NDArray[np.uint16]:
    values: npt.NDArray[np.uint16] = np.rint(picture * (2**depth - 1)).astype(np.uint16)
    return values


EIGHT = bits(known(), 8).astype(np.uint8)
GREY = EIGHT[..., 1]


def error(reading: Reading, wanted: npt.NDArray[np.uint8] = EIGHT) -> float:
    """Mean distance of the pixels from the known ones; grey ones stand for three equal channels."""
    if wanted.ndim == 2:
        wanted = np.stack([wanted] * 3, axis=-1)
    pixels = np.asarray(reading.picture)
    assert pixels.shape == wanted.shape
    return float(np.abs(pixels.astype(int) - wanted).mean())


def reason(path: Path, settings: ReadingSettings = DEFAULTS) -> str:
    with pytest.raises(UnreadablePhotograph) as refusal:
        read(path, settings)
    return refusal.value.reason


def smooth() -> Image.Image:
    """What lossy codecs keep."""
    return Image.fromarray(EIGHT).resize((12, 10), Image.Resampling.BOX).resize((WIDTH, HEIGHT))

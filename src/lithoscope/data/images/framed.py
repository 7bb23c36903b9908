"""A file as the network sees it: read and framed, large JPEGs at a reduced scale where that is as good."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from lithoscope.data.images.decode import read
from lithoscope.data.images.reading import ReadingSettings
from lithoscope.data.images.square import crop_uniform_border, to_square

GAP = 2
"""A JPEG may be decoded at a half, a quarter or an eighth of its scale as long as what is left inside its border is at
least this many times as long as the square's side; ``benchmarks/reduced_decoding.py`` measures what that changes."""


def read_framed(
    path: Path, settings: ReadingSettings, size: int, crop_border: bool, gap: float | None = GAP
) -> tuple[npt.NDArray[np.uint8], int]:
    """Read a file and frame it; see :func:`lithoscope.data.images.square.to_square`.

    Args:
        path: The file or one of its pages.
        settings: How it is read.
        size: Side of the square, pixels.
        crop_border: Whether to cut a uniform border away.
        gap: As :data:`GAP`; None decodes at full scale, as the training did.

    Returns:
        uint8 (size, size, 3), and how many pages the file has.

    Raises:
        UnreadablePhotograph: With the reason.
    """
    reading = read(path, settings, None if gap is None else round(gap * size))
    picture = reading.picture
    if crop_border:
        inner = crop_uniform_border(picture)
        if gap is not None and max(picture.size) < max(reading.size) and max(inner.size) < gap * size:
            reading = read(path, settings)  # the border was most of it
            inner = crop_uniform_border(reading.picture)
        picture = inner
    return to_square(picture, size, crop_border=False), reading.pages

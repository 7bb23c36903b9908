"""A file as the network sees it: read and framed, large JPEGs at a reduced scale where that is as good."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from lithoscope.data.images.decode import read
from lithoscope.data.images.reading import ReadingSettings
from lithoscope.data.images.square import to_square, uniform_border

GAP = 2
"""A JPEG may be decoded at a half, a quarter or an eighth of its scale as long as what is left inside its border is at
least this many times as long as the square's side; ``benchmarks/reduced_decoding.py`` measures what that changes."""

TOLERANCE = 0.15
"""No probability of an answer moves by more than this by decoding at a reduced scale, so a label changes only where the
first two classes lie closer together than twice this; the benchmark ends with an error where one moves further."""


@dataclass(frozen=True)
class FramedPhotograph:
    """A photograph as the network sees it.

    Attributes:
        square: uint8 (size, size, 3), RGB.
        pages: How many full-size pages or frames its file has.
        notes: What was done to it that its owner may want to know.
    """

    square: npt.NDArray[np.uint8]
    pages: int
    notes: tuple[str, ...]


def read_framed(
    source: Path | BinaryIO,
    settings: ReadingSettings,
    size: int,
    crop_border: bool,
    gap: float | None = GAP,
    page: int = 1,
) -> FramedPhotograph:
    """Read a file and frame it; see :func:`lithoscope.data.images.square.to_square`.

    Args:
        source: The file, one of its pages, or its content as a binary stream that can seek.
        settings: How it is read.
        size: Side of the square, pixels.
        crop_border: Whether to cut a uniform border away.
        gap: As :data:`GAP`; None decodes at full scale, as the training did.
        page: As of :func:`lithoscope.data.images.decode.read`.

    Raises:
        UnreadablePhotograph: With the reason.
    """
    reading = read(source, settings, None if gap is None else round(gap * size), page)
    if gap is not None and crop_border and max(reading.picture.size) < max(reading.size):
        left, top, right, bottom = uniform_border(reading.picture)
        if max(right - left, bottom - top) < gap * size:  # the border was most of it
            if not isinstance(source, Path):
                source.seek(0)
            reading = read(source, settings, page=page)
    square = to_square(reading.picture, size, crop_border, None if gap is None else reading.size)
    return FramedPhotograph(square, reading.pages, reading.notes)

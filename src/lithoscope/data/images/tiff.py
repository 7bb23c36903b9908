"""TIFF files: which page is the photograph, and the pixels that Pillow reads wrongly or not at all."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from lithoscope.data.images.depth import to_eight_bits, undo_multiplied
from lithoscope.data.images.raw import kind_of_maker
from lithoscope.data.images.reading import MIN_SIDE, ReadingSettings, UnreadablePhotograph

FULL_SIZE = 0.25
"""A page with at least this share of the largest page's pixels is no thumbnail."""

_REDUCED, _MASK = 1, 4  # bits of NewSubfileType (TIFF 6.0, section 8)
_CFA, _LINEAR_RAW = 32803, 34892  # photometric interpretations of sensors (TIFF/EP, DNG)
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _SEPARATED, _YCBCR = 0, 1, 2, 3, 5, 6
_DNG_VERSION, _MAKER, _ORIENTATION, _PROFILE = 50706, 271, 274, 34675
_UNSIGNED = 1  # of SampleFormat
_PILLOW_COMPRESSIONS = {1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 50000}
_RGB_ALREADY = {6, 7, 34712, 50001, 50002}  # JPEG, JPEG 2000, WebP and JPEG XL are decoded to RGB
_IN_PLANES = 2  # of PlanarConfiguration
_MULTIPLIED, _SEPARATE = 1, 2  # of ExtraSamples: transparency that the colours were multiplied by, or not
_MOST_SAMPLES = 5  # CMYK and transparency

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # it logs damage; what cannot be read is said by us


@dataclass(frozen=True)
class Tiff:
    """The photograph in a TIFF file.

    Attributes:
        pages: What makes it: one page, or several of the same shape.
        numbers: The pages' places in the file's chain of pages, from 0; None for one that hangs below another.
        count: How many full-size pages the file has.
        note: Which pages were used, where the file has several.
        raw: The kind of camera raw file it is, or None.
    """

    pages: Sequence[tifffile.TiffPage]
    numbers: Sequence[int | None]
    count: int = 1
    note: str | None = None
    raw: str | None = None

    @property
    def page(self) -> tifffile.TiffPage:
        """The first of its pages."""
        return self.pages[0]

    def for_pillow(self) -> bool:
        """Say whether Pillow reads such pixels, and reads them right."""
        page = self.page
        return (
            None not in self.numbers
            and _bits(page) <= 8
            and page.sampleformat == _UNSIGNED
            and int(page.compression) in _PILLOW_COMPRESSIONS
            and not self._has_eight_bit_palette()
        )

    def _has_eight_bit_palette(self) -> bool:
        """Say whether a palette's colours are 0 … 255, as some programs write them in the place of 0 … 65,535."""
        colours = self.page.colormap if int(self.page.photometric) == _PALETTE else None
        return colours is not None and 0 < int(colours.max()) <= 255

    def orientation(self) -> object:
        """Return EXIF's orientation."""
        return _value(self.page, _ORIENTATION)

    def profile(self) -> bytes | None:
        """Return the ICC profile."""
        found = _value(self.page, _PROFILE)
        return bytes(found) if isinstance(found, bytes | tuple) and found else None


def open_tiff(stream: BinaryIO, settings: ReadingSettings, number: int = 1) -> Tiff:
    """Find the photograph in a TIFF file; no pixel is read.

    Args:
        stream: The file.
        settings: How to read.
        number: Which of the full-size pages, from 1, where each is a photograph.

    Raises:
        UnreadablePhotograph: It is too large or too small, or there is no such page.
        Exception: The file is damaged; tifffile raises almost anything.
    """
    file = tifffile.TiffFile(stream)
    chain = [_whole(page) for page in file.pages]
    if not chain:
        raise UnreadablePhotograph("truncated")
    first = chain[0]
    found: list[tuple[int | None, tifffile.TiffPage]] = []
    for position, page in enumerate(chain):
        found.append((position, page))
        found += [(None, _whole(below)) for below in (page.pages or ())]
    sensor = any(int(page.photometric) in (_CFA, _LINEAR_RAW) for _, page in found)
    if sensor or first.tags.get(_DNG_VERSION) is not None:
        maker = str(_value(first, _MAKER) or "")
        raw = "DNG" if first.tags.get(_DNG_VERSION) is not None else kind_of_maker(maker)
        return Tiff([first], [0], raw=raw)
    seen = sum(1 for _, page in found if not page.subfiletype & _MASK)
    full = [one for one in found if not one[1].subfiletype & (_REDUCED | _MASK)] or found
    most = max(page.imagewidth * page.imagelength for _, page in full)
    full = [one for one in full if one[1].imagewidth * one[1].imagelength >= FULL_SIZE * most]
    if number > len(full):
        raise UnreadablePhotograph(f"has {len(full)} full-size pages, and no page {number}")
    place, page = full[number - 1]
    settings.check_size(page.imagewidth, page.imagelength)
    settings.check_size(max(page.tilewidth, MIN_SIDE), max(page.tilelength, MIN_SIDE))
    if settings.pages == "max":
        alike = [one for one in full if (one[1].shape, one[1].dtype) == (page.shape, page.dtype)]
        note = f"the maximum of {len(alike)} of {seen} pages" if seen > 1 else None
        return Tiff([one[1] for one in alike], [one[0] for one in alike], len(full), note)
    where = "a page below another" if place is None else f"page {place + 1}"
    which = "the first full-size one" if settings.pages == "first" else f"full-size one {number} of {len(full)}"
    return Tiff([page], [place], len(full), f"{seen} pages: {which} is used, {where}" if seen > 1 else None)


def decode_pages(tiff: Tiff) -> tuple[Image.Image, list[str]]:
    """Decode what Pillow does not: more than 8 bits, floating point, compressions such as LERC, JPEG 2000, JPEG XL.

    Returns:
        A picture of mode L, LA, RGB, RGBA or CMYK, not yet turned upright, and notes.

    Raises:
        UnreadablePhotograph: Such pixels are no photograph's.
        Exception: The file is damaged; decoders raise almost anything.
    """
    page = tiff.page
    photometric, samples = int(page.photometric), page.samplesperpixel
    if photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _SEPARATED, _YCBCR):
        raise UnreadablePhotograph(f"{described(page)}: save it as RGB")
    if samples > _MOST_SAMPLES or page.imagedepth > 1:
        raise UnreadablePhotograph(f"{described(page)}: {samples} channels are no photograph's, save three as RGB")
    bits = _bits(page)
    merge = np.minimum if photometric == _WHITE_IS_ZERO else np.maximum
    values = _samples(page)
    for other in tiff.pages[1:]:
        values = merge(values, _samples(other))
    colours = {_RGB: 3, _YCBCR: 3, _SEPARATED: 4}.get(photometric, 1)
    if photometric == _PALETTE:
        values, bits, colours = np.moveaxis(np.asarray(page.colormap), 0, -1)[values[..., 0]], 16, 3
    eight, note = to_eight_bits(values[..., :colours], bits)
    if photometric == _WHITE_IS_ZERO:
        eight = 255 - eight
    parts = [eight]
    transparency = int(page.extrasamples[0]) if page.extrasamples else 0
    if transparency in (_MULTIPLIED, _SEPARATE) and colours in (1, 3) and values.shape[-1] > colours:
        alpha, _ = to_eight_bits(values[..., colours : colours + 1], bits)
        if transparency == _MULTIPLIED:
            parts[0] = undo_multiplied(eight, alpha)
        parts.append(alpha)
    pixels = np.ascontiguousarray(np.concatenate(parts, axis=-1))
    notes = [note] if note else []
    if pixels.shape[-1] == 1:
        return Image.fromarray(pixels[..., 0]), notes
    mode = "CMYK" if colours == 4 else {2: "LA", 3: "RGB", 4: "RGBA"}[pixels.shape[-1]]
    size = pixels.shape[1], pixels.shape[0]
    picture = Image.frombytes(mode, size, pixels.tobytes())
    if photometric == _YCBCR and int(page.compression) not in _RGB_ALREADY:
        picture = Image.frombytes("YCbCr", size, pixels.tobytes()).convert("RGB")
    return picture, notes


def described(page: tifffile.TiffPage) -> str:
    """Say what pixels a page has, in words that follow the file's name."""
    kind = {2: "signed ", 3: "floating-point "}.get(int(page.sampleformat), "")
    words = _name(page.photometric) if int(page.photometric) > 1 else "grey"
    packed = "" if int(page.compression) == 1 else f", packed as {_name(page.compression)}"
    return f"a TIFF of {kind}{words} pixels, {_bits(page)} bits a channel{packed}"


def is_cut(stream: BinaryIO, pages: Sequence[tifffile.TiffPage]) -> bool:
    """Say whether pixels of a page should lie behind the file's end."""
    end = stream.seek(0, os.SEEK_END)
    return any(
        offset + count > end
        for page in pages
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)
    )


def _samples(page: tifffile.TiffPage) -> npt.NDArray[Any]:
    """Read a page as (height, width, samples)."""
    values = np.asarray(page.asarray())
    if page.samplesperpixel == 1:
        return values.reshape(page.imagelength, page.imagewidth, 1)
    return np.moveaxis(values, 0, -1) if int(page.planarconfig) == _IN_PLANES else values


def _bits(page: tifffile.TiffPage) -> int:
    return page.bitspersample if isinstance(page.bitspersample, int) else max(page.bitspersample)


def _whole(page: Any) -> tifffile.TiffPage:
    """Return a page with all its tags; tifffile keeps pages alike as frames."""
    whole: tifffile.TiffPage = page.aspage()
    return whole


def _value(page: tifffile.TiffPage, tag: int) -> object:
    found = page.tags.get(tag)
    return None if found is None else found.value


def _name(value: object) -> str:
    return str(getattr(value, "name", value)).replace("_", " ")

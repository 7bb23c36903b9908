"""Any image file becomes an upright RGB picture; what cannot is refused with a reason.

A file is judged by its content alone: names and extensions are never looked at.
"""

import warnings
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageChops, UnidentifiedImageError

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.images.colour import on_white
from lithoscope.data.images.depth import to_eight_bits
from lithoscope.data.images.jpeg_2000 import CODE_STREAM, IN_BOXES, Channels, channels_of
from lithoscope.data.images.other_kinds import TIFF_MARKS, is_heif, why_no_photograph, why_not_read
from lithoscope.data.images.profiles import profile_of
from lithoscope.data.images.raw import kind_of_raw, read_raw
from lithoscope.data.images.reading import (
    DEFAULTS,
    LARGE_PIXELS,
    Reading,
    ReadingSettings,
    UnreadablePhotograph,
    bounded,
    file_and_page,
    require_unchanged,
)
from lithoscope.data.images.samples import decode_samples, is_jpeg_ls, jpeg_size, stored_bits

QUICK_PIXELS = 4_000_000
"""A JPEG below this is always decoded whole, which takes hundredths of a second, and so gives the training's pixels."""
REDUCED_SIDE = 4096
"""A JPEG above :data:`LARGE_PIXELS` is decoded at a half, a quarter or an eighth, with a longer side of at least this:
four times the largest square a network can be given."""

# Raster formats whose decoders ship inside Pillow. Left out on purpose: formats that start other programs or draw
# instructions (EPS, PDF, WMF) and those without a signature, which text files are mistaken for (TGA, PCX, XBM).
# The multi-picture files of some cameras (MPO) are opened as the JPEG they begin with.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "JPEG2000", "PPM", "AVIF")

_MAY_BE_DEEP = (b"\x89PNG", b"P6", CODE_STREAM, IN_BOXES)

# EXIF's orientation tag (CIPA DC-008, 4.6.5.1.6): what turns the stored picture upright.
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Our own limit, which params.yaml can raise for stitched scans, is checked on every header before anything is decoded.
Image.MAX_IMAGE_PIXELS = None
# Pillow warns of damaged metadata, which a user does not have to do anything about.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


def read_photograph(source: Path | BinaryIO, settings: ReadingSettings = DEFAULTS) -> Image.Image:
    """Decode an image file to an upright RGB picture; see :func:`read`.

    Raises:
        UnreadablePhotograph: With the reason.
    """
    return read(source, settings).picture


def read(
    source: Path | BinaryIO, settings: ReadingSettings = DEFAULTS, side: int | None = None, page: int = 1
) -> Reading:
    """Decode an image file.

    Args:
        source: A file, one of its pages (:func:`lithoscope.data.images.reading.page_path`), or its content as a binary
            stream that can seek.
        settings: Which page of several, and how large a picture may be.
        side: A JPEG of at least :data:`QUICK_PIXELS` may come at a half, a quarter or an eighth of its scale, its
            longer side no shorter than this, pixels. None: only a very large one, and no shorter than
            :data:`REDUCED_SIDE`.
        page: Which page of a stream, from 1, where each is a photograph; that of a file stands in its path.

    Returns:
        A picture in mode RGB, at least 32 × 32 px, turned as its EXIF orientation says, in sRGB. Transparent parts lie
        on white, more than 8 bits a channel are scaled to 8 (:mod:`lithoscope.data.images.depth`).

    Raises:
        UnreadablePhotograph: With the reason.
    """
    try:
        if isinstance(source, Path):
            file, number = file_and_page(source)
            with file.open("rb") as stream:
                return _told(stream, settings, number, side)
        return _told(source, settings, page, side)
    except PermissionError:
        raise UnreadablePhotograph("permission denied") from None


def _told(stream: BinaryIO, settings: ReadingSettings, number: int, side: int | None) -> Reading:
    """Read, and give any failure its reason."""
    try:
        return _read(stream, settings, number, side)
    except (UnreadablePhotograph, PermissionError):
        raise
    except MemoryError:
        raise UnreadablePhotograph("needs more memory than there is") from None
    except ImportError as error:
        raise UnreadablePhotograph(f"needs a package: pip install {error.name or 'imagecodecs'}") from None
    except Exception as error:  # decoders fed with damaged files raise almost anything
        reason = "truncated" if "truncated" in str(error).casefold() else "damaged"
        with suppress(Exception):  # it reads the same damaged file
            reason = why_not_read(stream, error) or reason
        raise UnreadablePhotograph(reason) from None


def read_downloaded(path: str, settings: ReadingSettings, content: str = "") -> Image.Image:
    """Decode a photograph that the download stage could read.

    Args:
        path: From the checkout's root; in full if it stayed in its place, where it may have changed.
        settings: How to read.
        content: What :func:`lithoscope.data.images.reading.page_digest` was; "" = do not compare.

    Raises:
        LithoscopeError: It cannot be read any more, or it has changed in its place.
    """
    try:
        if content and Path(path).is_absolute():
            require_unchanged(Path(path), content)
        return read_photograph(Path(path), settings)
    except UnreadablePhotograph as error:
        raise LithoscopeError(f"{path}: {error}; it changed since it was downloaded: `dvc repro -f download`") from None


def _read(stream: BinaryIO, settings: ReadingSettings, number: int, side: int | None) -> Reading:
    head = stream.read(132)
    stream.seek(0)
    if not head:
        raise UnreadablePhotograph("an empty file")
    raw = kind_of_raw(head)
    if raw is not None:
        return read_raw(stream, raw, settings)
    if head.startswith(TIFF_MARKS):
        return _read_tiff(stream, settings, number)
    heif = is_heif(head)
    if heif:
        _register_heif()
    channels = channels_of(stream) if head.startswith((IN_BOXES, CODE_STREAM)) else None
    bits = stored_bits(stream) if head.startswith(_MAY_BE_DEEP) else 8
    try:
        image = Image.open(stream, formats=(*FORMATS, "HEIF") if heif else FORMATS)
    except UnidentifiedImageError as error:
        if head.startswith(b"\xff\xd8") and is_jpeg_ls(stream):
            raise UnreadablePhotograph("a JPEG-LS image, which is not read: save it as PNG, TIFF or JPEG") from None
        if head.startswith(b"\xff\xd8") and (bits := stored_bits(stream)) > 8:  # Pillow knows no such JPEG
            settings.check_size(*jpeg_size(stream))
            return _read_samples(stream, "JPEG", bits, jpeg_size(stream))
        raise UnreadablePhotograph(why_not_read(stream, error) or why_no_photograph(head)) from None
    with image:
        settings.check_size(*image.size)  # from the header: nothing is decoded yet
        profile = profile_of(stream, image)
        if (bits > 8 or not (channels is None or channels.for_pillow)) and image.mode not in ("P", "PA"):
            return _read_samples(stream, str(image.format), bits, image.size, image, profile, channels)
        return _read_opened(image, profile, settings, number, side)


def _read_opened(
    image: Image.Image, profile: bytes | None, settings: ReadingSettings, number: int, side: int | None
) -> Reading:
    size, kind = image.size, str(image.format)
    if side is None and size[0] * size[1] > LARGE_PIXELS:
        side = REDUCED_SIDE
    if kind == "JPEG" and side is not None and 2 * side <= max(size) and size[0] * size[1] >= QUICK_PIXELS:
        scale = side / max(size)
        image.draft(None, (max(1, round(size[0] * scale)), max(1, round(size[1] * scale))))
    frames = 1 if kind in ("JPEG", "MPO", "HEIF") else getattr(image, "n_frames", 1)  # depth maps, auxiliary pictures
    notes: list[str | None] = []
    with bounded(*size):
        if number > 1:
            image.seek(number - 1)
        image.load()
        picture, note = on_white(_eight_bits(image, notes), profile)
        if frames > 1 and settings.pages == "max":
            for frame in range(1, frames):
                image.seek(frame)
                picture = ImageChops.lighter(picture, on_white(image, profile)[0])
            image.seek(0)
    if frames > 1:
        which = {"first": "the first", "each": f"number {number}", "max": "the maximum"}[settings.pages]
        notes.append(f"{which} of {frames} frames")
    return _finished(picture, kind, _exif_orientation(image), [*notes, note], size, frames)


def _read_tiff(stream: BinaryIO, settings: ReadingSettings, number: int) -> Reading:
    """Read a TIFF: Pillow decodes what it decodes right, tifffile the rest."""
    from lithoscope.data.images.tiff import decode_pages, described, is_cut, open_tiff  # TIFF alone pays for it

    try:
        tiff = open_tiff(stream, settings, number)
    except UnreadablePhotograph:
        raise
    except Exception:
        raise UnreadablePhotograph("truncated or damaged") from None
    stream.seek(0)
    if tiff.raw:
        return read_raw(stream, tiff.raw, settings)
    if is_cut(stream, tiff.pages):
        raise UnreadablePhotograph("truncated")
    with bounded(tiff.page.imagewidth, tiff.page.imagelength):
        if tiff.for_pillow():
            with suppress(Exception):  # tifffile may know what Pillow does not
                picture, note = _pages_by_pillow(stream, [place for place in tiff.numbers if place is not None])
                return _finished(picture, "TIFF", None, [tiff.note, note], pages=tiff.count)  # upright already
        try:
            decoded, found = decode_pages(tiff)
        except (UnreadablePhotograph, MemoryError):
            raise
        except Exception as error:
            raise UnreadablePhotograph(f"{described(tiff.page)}, which cannot be decoded") from error
        picture, note = on_white(decoded, tiff.profile())
        return _finished(picture, "TIFF", tiff.orientation(), [tiff.note, *found, note], pages=tiff.count)


def _pages_by_pillow(stream: BinaryIO, numbers: list[int]) -> tuple[Image.Image, str | None]:
    stream.seek(0)
    with Image.open(stream, formats=("TIFF",)) as image:
        found = None
        for number in numbers:
            image.seek(number)
            image.load()
            page, note = on_white(image, image.info.get("icc_profile"))
            found = page if found is None else ImageChops.lighter(found, page)
    if found is None:
        raise UnreadablePhotograph("a TIFF without a page")
    return found, note


def _read_samples(
    stream: BinaryIO,
    kind: str,
    bits: int,
    size: tuple[int, int],
    opened: Image.Image | None = None,
    profile: bytes | None = None,
    channels: Channels | None = None,
) -> Reading:
    with bounded(*size):
        decoded, depth_note = decode_samples(stream, kind, bits, channels)
        picture, note = on_white(decoded, profile)
    return _finished(picture, kind, _exif_orientation(opened) if opened else None, [depth_note, note])


def _finished(
    picture: Image.Image,
    kind: str,
    orientation: object,
    notes: list[str | None],
    size: tuple[int, int] | None = None,
    pages: int = 1,
) -> Reading:
    size = size or picture.size
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    if turn is not None:
        picture = picture.transpose(turn)
        size = (size[1], size[0]) if orientation in (5, 6, 7, 8) else size
    return Reading(picture, kind, size, tuple(note for note in notes if note), pages)


@lru_cache(maxsize=1)
def _register_heif() -> None:
    from pi_heif.as_plugin import HeifImageFile, register_heif_opener

    register_heif_opener()
    Image.register_open("HEIF", HeifImageFile, is_heif)  # the plugin itself looks at the first brand alone


def _exif_orientation(image: Image.Image) -> object:
    """Return what the EXIF data say; damaged EXIF data count as none."""
    try:
        return image.getexif().get(_ORIENTATION_TAG)
    except Exception:
        return None


def _eight_bits(image: Image.Image, notes: list[str | None]) -> Image.Image:
    if not image.mode.startswith(("I", "F")):
        return image
    values, note = to_eight_bits(np.asarray(image))
    notes += [note] if note else []
    return Image.fromarray(values)

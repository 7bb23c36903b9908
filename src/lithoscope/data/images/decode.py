"""Any image file becomes an upright RGB picture; what cannot is refused with a reason.

A file is judged by its content alone: names and extensions are never looked at.
"""

import threading
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO

import imagehash
import numpy as np
from PIL import Image, UnidentifiedImageError

MIN_SIDE = 32
"""Smallest width and height of a photograph, in pixels."""

MAX_PIXELS = 178_956_970
"""Most pixels that are decoded: Pillow's own limit for decompression bombs, 16 bytes a pixel being 2.7 GiB."""

# Raster formats whose decoders ship inside Pillow. Left out on purpose: formats that start other programs or draw
# instructions (EPS, PDF, WMF) and those without a signature, which text files are mistaken for (TGA, PCX, XBM).
# The multi-picture files of some cameras (MPO) are opened as the JPEG they begin with.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "JPEG2000", "PPM", "AVIF")

_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

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

# Photographs are decoded in parallel, very large ones one at a time, so that memory stays bounded.
_LARGE_PIXELS = 32_000_000
_ONE_LARGE_AT_A_TIME = threading.Lock()

# Pillow warns of large photographs and of damaged metadata, neither of which a user has to do anything about.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


class UnreadablePhotograph(Exception):  # noqa: N818 (an answer about a file, caught where files are listed)
    """A file that cannot serve as a photograph.

    Attributes:
        reason: Why, in words that follow the file's name: ``"truncated"``, ``"not an image"``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_photograph(source: Path | BinaryIO) -> Image.Image:
    """Decode an image file to an upright RGB picture.

    Args:
        source: A file, or its content as a binary stream that can seek.

    Returns:
        A Pillow image in mode RGB, at least 32 × 32 px, turned as its EXIF orientation says. Transparent parts lie on
        white, more than 8 bits a channel are scaled to 8, and of several frames the first is taken.

    Raises:
        UnreadablePhotograph: With the reason.
    """
    return read_with_format(source)[0]


def read_with_format(source: Path | BinaryIO) -> tuple[Image.Image, str]:
    """Decode an image file like :func:`read_photograph`; also return the name Pillow has for its format."""
    try:
        if isinstance(source, Path):
            with source.open("rb") as stream:
                return _read(stream)
        return _read(source)
    except UnreadablePhotograph:
        raise
    except PermissionError:
        raise UnreadablePhotograph("permission denied") from None
    except Image.DecompressionBombError:
        raise UnreadablePhotograph(f"more than {MAX_PIXELS:,} pixels, perhaps a decompression bomb") from None
    except MemoryError:
        raise UnreadablePhotograph("needs more memory than there is") from None
    except Exception as error:  # decoders fed with damaged files raise almost anything
        raise UnreadablePhotograph("truncated" if "truncated" in str(error).casefold() else "damaged") from None


def perceptual_hash(image: Image.Image) -> str:
    """Return the 64-bit DCT hash of a picture as 16 hexadecimal digits (Zauner 2010; ``imagehash.phash``)."""
    return str(imagehash.phash(image))


def _read(stream: BinaryIO) -> tuple[Image.Image, str]:
    head = stream.read(32)
    stream.seek(0)
    if not head:
        raise UnreadablePhotograph("an empty file")
    try:
        image = Image.open(stream, formats=FORMATS)
    except UnidentifiedImageError:
        raise UnreadablePhotograph(_why_unidentified(head)) from None
    with image:
        width, height = image.size  # from the header: nothing is decoded yet
        if width * height > MAX_PIXELS:
            raise UnreadablePhotograph(f"{width} by {height} px, perhaps a decompression bomb")
        if min(width, height) < MIN_SIDE:
            raise UnreadablePhotograph(f"{width} by {height} px, smaller than {MIN_SIDE} px")
        with _ONE_LARGE_AT_A_TIME if width * height > _LARGE_PIXELS else nullcontext():
            image.load()
            return _upright(_to_rgb(image), image), str(image.format)


def _why_unidentified(head: bytes) -> str:
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return "a HEIC image, which is not read: convert it to JPEG"
    if (
        head.startswith(_SIGNATURES)
        or (head.startswith(b"RIFF") and head[8:12] == b"WEBP")
        or head[4:12] == b"ftypavif"
    ):
        return "truncated or damaged"
    return "not an image"


def _upright(image: Image.Image, decoded: Image.Image) -> Image.Image:
    """Turn ``image`` as the EXIF data of ``decoded`` say; damaged EXIF data count as none."""
    try:
        orientation = decoded.getexif().get(_ORIENTATION_TAG)
    except Exception:
        return image
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_eight_bits(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        canvas = Image.new("RGB", layers.size, "white")
        canvas.paste(layers, mask=layers.getchannel("A"))
        return canvas
    return image.convert("RGB")


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """Scale grey values of more than 8 bits, shape (height, width), to uint8.

    Values of 0 … 65,535 keep their share of that range and values of 0 … 1 (floating point) theirs. Others have no
    agreed white: the least becomes black and the greatest white.
    """
    low, high = 0.0, 65535.0
    if values.dtype.kind == "f":
        values = np.nan_to_num(values, posinf=0.0, neginf=0.0)
        high = 1.0
    if values.min() < low or values.max() > high:
        low, high = float(values.min()), float(values.max())
    scaled = (values.astype(np.float32) - low) * (255.0 / max(high - low, 1e-12))
    rounded: np.ndarray = np.rint(scaled).clip(0, 255).astype(np.uint8)
    return rounded

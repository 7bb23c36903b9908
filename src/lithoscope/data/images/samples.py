"""PNG, PPM, JPEG 2000 and JPEG files of more than 8 bits a channel, of which Pillow cuts or breaks the values."""

import re
import struct
from collections.abc import Callable
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from lithoscope.data.images.depth import to_eight_bits, undo_multiplied
from lithoscope.data.images.jpeg_2000 import CODE_STREAM, IN_BOXES, MULTIPLIED, OPACITY, Channels
from lithoscope.data.images.reading import UnreadablePhotograph

_JPEG_LS = 0xF7
# Markers of a JPEG's frame header (ITU T.81, table B.1; T.87).
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {_JPEG_LS}


def stored_bits(stream: BinaryIO) -> int:
    """Return the most bits a channel of a PNG, PPM, JPEG 2000 or JPEG has, by its header; 8 for anything else."""
    stream.seek(0)
    head = stream.read(1 << 16)
    stream.seek(0)
    if head.startswith(b"\x89PNG") and len(head) > 24:
        return head[24]  # IHDR is the first chunk
    if (start := head.find(CODE_STREAM)) >= 0 and (start == 0 or head.startswith(IN_BOXES)):
        channels = struct.unpack_from(">H", head, start + 40)[0]
        return max((head[start + 42 + 3 * place] & 0x7F) + 1 for place in range(channels))
    if head.startswith(b"P6"):
        return 16 if _ppm_header(head)[2] == 2**16 - 1 else 8  # Pillow scales other ranges right
    return _jpeg_frame(stream)[1] if head.startswith(b"\xff\xd8") else 8


def jpeg_size(stream: BinaryIO) -> tuple[int, int]:
    """Return width and height from a JPEG's header."""
    return _jpeg_frame(stream)[2:]


def is_jpeg_ls(stream: BinaryIO) -> bool:
    """Tell whether a JPEG is one of the kind that is called JPEG-LS."""
    return _jpeg_frame(stream)[0] == _JPEG_LS


def decode_samples(
    stream: BinaryIO, kind: str, bits: int, said: Channels | None = None
) -> tuple[Image.Image, str | None]:
    """Decode a file of more than 8 bits a channel, or a JPEG 2000 whose channels Pillow takes for others.

    Args:
        stream: The file.
        kind: ``"PNG"``, ``"PPM"``, ``"JPEG2000"`` or ``"JPEG"``.
        bits: As :func:`stored_bits` says.
        said: What the header of a JPEG 2000 says of its channels.

    Returns:
        A picture of mode L, LA, RGB, RGBA or CMYK, not yet turned upright, and a note where its range was found.

    Raises:
        UnreadablePhotograph: It is a deep JPEG of printers' inks.
        Exception: The file is damaged; decoders raise almost anything.
    """
    import imagecodecs  # few files pay for it

    decoders: dict[str, Callable[[bytes], npt.NDArray[np.generic]]] = {
        "PNG": imagecodecs.png_decode,
        "JPEG2000": lambda content: imagecodecs.jpeg2k_decode(_without_profile(content)),
        "JPEG": imagecodecs.jpeg_decode,
        "PPM": _decode_ppm,
    }
    stream.seek(0)
    values = decoders[kind](stream.read())
    channels = values.reshape(*values.shape[:2], -1)
    count = channels.shape[-1]
    if kind == "JPEG" and count == 4:
        raise UnreadablePhotograph(f"a JPEG of {bits} bits in CMYK, which is not read: save it as RGB")
    said = said or Channels(count, 3 if count >= 3 else 1)
    eight, note = to_eight_bits(channels[..., : said.colours], bits)  # imagecodecs puts colours first, in their order
    parts = [eight]
    if said.beyond in (OPACITY, MULTIPLIED):
        alpha, _ = to_eight_bits(channels[..., said.colours : said.colours + 1], bits)
        parts = [undo_multiplied(eight, alpha) if said.beyond == MULTIPLIED else eight, alpha]
    pixels = np.ascontiguousarray(np.concatenate(parts, axis=-1))
    mode = "CMYK" if said.cmyk else {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[pixels.shape[-1]]
    return Image.frombytes(mode, (pixels.shape[1], pixels.shape[0]), pixels.tobytes()), note


def _without_profile(jpeg_2000: bytes) -> bytes:
    """Hide an embedded profile from a decoder that would apply it, as if every picture had 8 or 16 bits."""
    place = jpeg_2000.find(b"colr\2", 0, max(jpeg_2000.find(CODE_STREAM), 0))
    return jpeg_2000 if place < 0 else jpeg_2000[: place + 4] + b"\xff" + jpeg_2000[place + 5 :]


def _jpeg_frame(stream: BinaryIO) -> tuple[int, int, int, int]:
    """Return marker, bits, width, height; 0, 8, 0, 0 where there is no frame header in the first megabyte."""
    stream.seek(0)
    head = stream.read(1 << 20)
    stream.seek(0)
    place = 2
    while place + 9 < len(head) and head[place] == 0xFF:
        marker, length = head[place + 1], struct.unpack_from(">H", head, place + 2)[0]
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", head, place + 5)
            return marker, head[place + 4], width, height
        place += 2 + length
    return 0, 8, 0, 0


def _ppm_header(head: bytes) -> tuple[int, int, int, int]:
    """Return width, height, the largest value and where the pixels begin (netpbm's ppm format); zeros if damaged."""
    found = re.match(rb"P6" + rb"(?:\s|#[^\n]*\n)+(\d+)" * 3 + rb"\s", head)
    return (*map(int, found.groups()), found.end()) if found else (0, 0, 0, 0)  # type: ignore[return-value]


def _decode_ppm(content: bytes) -> npt.NDArray[np.generic]:
    width, height, _, start = _ppm_header(content)
    return np.frombuffer(content, ">u2", width * height * 3, start).reshape(height, width, 3)

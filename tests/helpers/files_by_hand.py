"""Image files that no library here writes: of boxes, and BMPs of rare kinds."""

import struct
from collections.abc import Sequence

import imagecodecs
import numpy as np
import numpy.typing as npt

from helpers.known_pictures import HEIGHT, WIDTH


def box(kind: bytes, content: bytes) -> bytes:
    """Return a box of JPEG 2000 or HEIF."""
    return struct.pack(">I4s", 8 + len(content), kind) + content


def heif(codec: bytes, brand: bytes = b"mif1", packed: bytes = bytes(200)) -> bytes:
    """Return a HEIF file (ISO/IEC 23008-12) of one picture, packed by a codec."""

    def whole(kind: bytes, content: bytes, version: int = 0) -> bytes:
        return box(kind, bytes([version, 0, 0, 0]) + content)

    def meta(place: int) -> bytes:
        entry = whole(b"infe", struct.pack(">HH", 1, 0) + codec + b"\0", version=2)
        size = box(b"ipco", whole(b"ispe", struct.pack(">II", WIDTH, HEIGHT)))
        parts = [
            whole(b"hdlr", bytes(4) + b"pict" + bytes(13)),
            whole(b"pitm", struct.pack(">H", 1)),
            whole(b"iloc", bytes([0x44, 0]) + struct.pack(">HHHHII", 1, 1, 0, 1, place, len(packed))),
            whole(b"iinf", struct.pack(">H", 1) + entry),
            box(b"iprp", size + whole(b"ipma", struct.pack(">IHBB", 1, 1, 1, 1))),
        ]
        return whole(b"meta", b"".join(parts))

    first = box(b"ftyp", brand + bytes(4) + b"mif1")
    return first + meta(len(first) + len(meta(0)) + 8) + box(b"mdat", packed)


def jp2(values: npt.NDArray[np.generic], space: int, definitions: Sequence[tuple[int, int, int]] = ()) -> bytes:
    """Return a JPEG 2000 file of boxes.

    Args:
        values: uint8 or uint16, (height, width, channels).
        space: Its enumerated colour space: 12 CMYK, 14 CIE L*a*b*, 16 sRGB, 17 grey.
        definitions: Channel, type (0 a colour, 1 opacity, 2 opacity that colours were multiplied by, 65535 none) and
            the colour it belongs to, from 1.
    """
    stream = imagecodecs.jpeg2k_encode(values, level=0, codecformat="j2k", planar=False, mct=False)
    height, width, count = values.shape
    header = box(b"ihdr", struct.pack(">IIHBBBB", height, width, count, 8 * values.itemsize - 1, 7, 0, 0))
    header += box(b"colr", b"\1\0\0" + struct.pack(">I", space))
    if definitions:
        said = b"".join(struct.pack(">HHH", *one) for one in definitions)
        header += box(b"cdef", struct.pack(">H", len(definitions)) + said)
    signature = box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 " + bytes(4) + b"jp2 ")
    return signature + box(b"jp2h", header) + box(b"jp2c", bytes(stream))


def bmp(bits: int, compression: int = 0, header: int = 40, masks: Sequence[int] = ()) -> bytes:
    """Return a BMP of the known pictures' size, black."""
    pixels = bytes(WIDTH * HEIGHT * 8)
    said = struct.pack("<IiiHHIIiiII", header, WIDTH, HEIGHT, 1, bits, compression, len(pixels), 0, 0, 0, 0)[:header]
    said += struct.pack(f"<{len(masks)}I", *masks)
    start = 14 + len(said)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + said + pixels

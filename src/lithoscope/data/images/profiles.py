"""The colour profile of an image file, where Pillow gives it and where the file states its colours otherwise.

JPEG 2000 keeps its profile in a box (ISO/IEC 15444-1, I.5.3.3) that Pillow passes over. PNG, AVIF and HEIF may state
primaries and curve by code points (ITU-T H.273) instead of a profile: one is made of them. What a PNG says by ``gAMA``
and ``cHRM`` alone does not count: too many programs write them without a thought.
"""

import struct
from functools import lru_cache
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from lithoscope.data.images.reading import UnreadablePhotograph

_HEADERS = 1 << 20  # bytes from the file's beginning in which its headers lie
_SRGB_PRIMARIES, _UNSPECIFIED = 1, 2
_PRIMARIES = {  # chromaticities x, y of red, green, blue and white (H.273, table 2)
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), (0.3127, 0.3290)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), (0.3127, 0.3290)),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.3127, 0.3290)),
}
_NAMES = {1: "BT.709", 9: "BT.2020", 11: "DCI-P3", 12: "Display P3"}
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}  # all other curves count as that of sRGB, as in browsers
_HDR = {16: "PQ", 18: "HLG"}
_D50 = (0.9642, 1.0, 0.8249)
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])

Floats = npt.NDArray[np.float64]


def profile_of(stream: BinaryIO, image: Image.Image) -> bytes | None:
    """Return the ICC profile that an opened image's colours follow, or None for sRGB.

    Args:
        stream: The file; its position is left as it was.
        image: As Pillow opened it from the stream.

    Raises:
        UnreadablePhotograph: Its light is that of HDR television, which has no agreed conversion.
    """
    found = image.info.get("icc_profile")
    if found or image.format not in ("JPEG2000", "PNG", "AVIF", "HEIF"):
        return bytes(found) if found else None
    position = stream.tell()
    stream.seek(0)
    head = stream.read(_HEADERS)
    stream.seek(position)
    if image.format == "JPEG2000":
        return _in_box(head)
    codes = _png_codes(head) if image.format == "PNG" else _box_codes(head)
    return coded_profile(*codes) if codes else None


@lru_cache(maxsize=16)
def coded_profile(primaries: int, transfer: int) -> bytes | None:
    """Return an ICC profile (ICC.1:2001-04) of code points, None where they mean sRGB or nothing.

    Args:
        primaries: ColourPrimaries of H.273; 12 is Display P3.
        transfer: TransferCharacteristics of H.273; 13 is sRGB's.

    Raises:
        UnreadablePhotograph: The curve is that of PQ or HLG.
    """
    if transfer in _HDR:
        raise UnreadablePhotograph(
            f"an HDR picture ({_HDR[transfer]}), whose brightness has no agreed conversion: save it as SDR"
        )
    if primaries == _UNSPECIFIED:
        primaries = _SRGB_PRIMARIES
    if primaries not in _PRIMARIES or (primaries == _SRGB_PRIMARIES and transfer not in _GAMMAS):
        return None
    steps = np.linspace(0, 1, 1024)
    gamma = _GAMMAS.get(transfer)
    linear = steps**gamma if gamma else np.where(steps <= 0.04045, steps / 12.92, ((steps + 0.055) / 1.055) ** 2.4)
    curve = struct.pack(">4sII", b"curv", 0, len(steps)) + np.rint(linear * 65535).astype(">u2").tobytes()
    tags = {b"desc": _description(_NAMES[primaries]), b"cprt": b"text\0\0\0\0none\0", b"wtpt": _xyz(_D50)}
    for letter, column in zip("rgb", _colorants(primaries).T, strict=True):
        tags[f"{letter}XYZ".encode()] = _xyz(tuple(column))
        tags[f"{letter}TRC".encode()] = curve
    return _assembled(tags)


def _in_box(head: bytes) -> bytes | None:
    place = head.find(b"colr")
    if place < 4 or head[place + 4 : place + 5] not in (b"\2", b"\3"):  # 1: an enumerated space, which Pillow heeds
        return None
    size = struct.unpack_from(">I", head, place - 4)[0]
    return head[place + 7 : place - 4 + size]


def _png_codes(head: bytes) -> tuple[int, int] | None:
    place = head.find(b"cICP", 0, head.find(b"IDAT"))
    return (head[place + 4], head[place + 5]) if place > 0 else None


def _box_codes(head: bytes) -> tuple[int, int] | None:
    place = head.find(b"colrnclx")
    return struct.unpack_from(">HH", head, place + 8) if 0 < place < len(head) - 12 else None


def _colorants(primaries: int) -> Floats:
    """Return the matrix from linear RGB to XYZ under D50, whites adapted by Bradford's transform."""
    *colours, white = [np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in _PRIMARIES[primaries]]
    columns = np.array(colours).T
    gains = (_BRADFORD @ np.array(_D50)) / (_BRADFORD @ white)
    found: Floats = np.linalg.inv(_BRADFORD) @ np.diag(gains) @ _BRADFORD @ (columns * np.linalg.solve(columns, white))
    return found


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def _description(name: str) -> bytes:
    text = name.encode("ascii") + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(8 + 2 + 1 + 67)


def _assembled(tags: dict[bytes, bytes]) -> bytes:
    place = 128 + 4 + 12 * len(tags)
    table, bodies = struct.pack(">I", len(tags)), b""
    for signature, body in tags.items():
        table += struct.pack(">4sII", signature, place + len(bodies), len(body))
        bodies += body + bytes(-len(body) % 4)
    head = struct.pack(">I4s4B4s4s4s", place + len(bodies), bytes(4), 2, 0x40, 0, 0, b"mntr", b"RGB ", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", *(round(value * 65536) for value in _D50))
    return head + bytes(128 - len(head)) + table + bodies

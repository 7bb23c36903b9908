"""Small ICC profiles (ICC.1:2001-04) and the same conversions in NumPy, so that tests know the right colours."""

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_D50 = (0.9642, 1.0, 0.8249)
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


@dataclass(frozen=True)
class Space:
    """A space of RGB colours.

    Attributes:
        name: For people.
        primaries: Chromaticities x, y of red, green and blue.
        white: Chromaticity of white.
        gamma: A power; 0 for the curve of sRGB.
    """

    name: str
    primaries: tuple[tuple[float, float], ...]
    white: tuple[float, float]
    gamma: float

    def to_xyz(self) -> Floats:
        """Return the matrix from linear RGB to XYZ under D50."""
        xyz = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in self.primaries]).T
        x, y = self.white
        white = np.array([x / y, 1.0, (1 - x - y) / y])
        scaled = xyz * np.linalg.solve(xyz, white)
        gains = (_BRADFORD @ np.array(_D50)) / (_BRADFORD @ white)
        adapted: Floats = np.linalg.inv(_BRADFORD) @ np.diag(gains) @ _BRADFORD @ scaled
        return adapted

    def decode(self, values: Floats) -> Floats:
        """Make values of 0 … 1 linear."""
        if self.gamma:
            return values**self.gamma
        return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)

    def encode(self, linear: Floats) -> Floats:
        """Undo :meth:`decode`."""
        if self.gamma:
            return linear ** (1 / self.gamma)
        return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)

    def profile(self) -> bytes:
        """Return an ICC profile of three primaries and their curves."""
        steps = self.decode(np.linspace(0, 1, 1024))
        curve = struct.pack(">4sII", b"curv", 0, 1024) + np.rint(steps * 65535).astype(">u2").tobytes()
        columns = self.to_xyz().T
        tags = {b"wtpt": _xyz(_D50), b"desc": _description(self.name), b"cprt": b"text\0\0\0\0none\0"}
        for letter, column in zip("rgb", columns, strict=True):
            tags[f"{letter}XYZ".encode()] = _xyz(tuple(column))
            tags[f"{letter}TRC".encode()] = curve
        return _assembled(b"RGB ", tags)


SRGB = Space("sRGB", ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)), (0.3127, 0.3290), 0)
DISPLAY_P3 = Space("Display P3", ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06)), (0.3127, 0.3290), 0)
ADOBE_RGB = Space("Adobe RGB (1998)", ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), (0.3127, 0.3290), 563 / 256)
PROPHOTO = Space("ProPhoto RGB", ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)), (0.3457, 0.3585), 1.8)


def encoded(picture: npt.NDArray[np.uint8], space: Space) -> npt.NDArray[np.uint8]:
    """Write the colours of an sRGB picture as the numbers of another space, whose gamut must hold them."""
    linear = SRGB.decode(picture / 255) @ SRGB.to_xyz().T @ np.linalg.inv(space.to_xyz()).T
    return np.rint(space.encode(linear.clip(0, 1)) * 255).astype(np.uint8)


def grey_profile(gamma: float) -> bytes:
    """Return the profile of grey pictures whose values are a power of the light."""
    curve = struct.pack(">4sIIH", b"curv", 0, 1, round(gamma * 256)) + b"\0\0"
    return _assembled(b"GRAY", {b"wtpt": _xyz(_D50), b"desc": _description("grey"), b"kTRC": curve})


def ink_profile() -> bytes:
    """Return the profile of CMYK pictures with the inks :data:`INKS`: a table of two steps an ink (ICC.1, lut8Type)."""
    corners = [ink_colour((c, m, y, k)) for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1)]
    straight = bytes(range(256))
    identity = struct.pack(">9i", *(65536 * (place % 4 == 0) for place in range(9)))
    table = struct.pack(">4sI4B", b"mft1", 0, 4, 3, 2, 0) + identity + straight * 4
    for lab in corners:
        table += bytes(round(value) for value in (lab[0] * 255 / 100, lab[1] + 128, lab[2] + 128))
    tags = {b"wtpt": _xyz(_D50), b"desc": _description("inks"), b"cprt": b"text\0\0\0\0none\0"}
    return _assembled(b"CMYK", {**tags, b"A2B0": table + straight * 3}, space=b"Lab ", kind=b"prtr")


INKS = ((58.0, -37.0, -50.0), (50.0, 74.0, -6.0), (88.0, -6.0, 92.0), (12.0, 0.0, 0.0))
"""CIE L*a*b* under D50 of cyan, magenta, yellow and black on paper that is white."""


def ink_colour(inks: tuple[int, int, int, int]) -> tuple[float, float, float]:
    """Return the CIE L*a*b* of inks that lie on each other fully or not at all; crude, but a colour all the same."""
    used = [colour for colour, there in zip(INKS, inks, strict=True) if there]
    light = 100 * float(np.prod([colour[0] / 100 for colour in used]))
    red, yellow = (sum(colour[axis] for colour in used) / max(len(used), 1) for axis in (1, 2))
    return light, float(red), float(yellow)


def lab_to_srgb(lab: tuple[float, float, float]) -> Floats:
    """Return the sRGB values, 0 … 255, of a CIE L*a*b* colour under D50 (CIE 15:2004)."""
    middle = (lab[0] + 16) / 116
    powers = np.array([middle + lab[1] / 500, middle, middle - lab[2] / 200])
    xyz = np.where(powers > 6 / 29, powers**3, 3 * (6 / 29) ** 2 * (powers - 4 / 29)) * _D50
    values: Floats = 255 * SRGB.encode((np.linalg.inv(SRGB.to_xyz()) @ xyz).clip(0, 1))
    return values


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _description(name: str) -> bytes:
    text = name.encode() + b"\0"
    return struct.pack(">4sII", b"desc", 0, len(text)) + text + bytes(78)


def _assembled(colours: bytes, tags: dict[bytes, bytes], space: bytes = b"XYZ ", kind: bytes = b"mntr") -> bytes:
    start, table, data = 128 + 4 + 12 * len(tags), b"", b""
    for tag, content in tags.items():
        table += struct.pack(">4sII", tag, start + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    header = struct.pack(">I4sI4s4s4s", start + len(data), b"\0\0\0\0", 0x02400000, kind, colours, space)
    header += bytes(12) + b"acsp" + bytes(28) + b"".join(struct.pack(">i", round(value * 65536)) for value in _D50)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data

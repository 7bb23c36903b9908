"""What the header of a JPEG 2000 file says of its channels (ISO/IEC 15444-1, I.5.3)."""

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from lithoscope.data.images.boxes import boxes, content, fill_the_file, first_box
from lithoscope.data.images.reading import UnreadablePhotograph

CODE_STREAM = b"\xff\x4f\xff\x51"
"""What a code stream begins with (A.4.1, A.5.1); a file without boxes is one."""

IN_BOXES = b"\0\0\0\x0cjP"
"""What a file of boxes begins with."""

COLOUR, OPACITY, MULTIPLIED = 0, 1, 2
"""Types of channels; a channel of another type says nothing of a photograph."""

_END = b"\xff\xd9"
_CMYK = 12
_READ = {0, 15, 16, 17, 18, _CMYK}  # enumerated colour spaces: black and white, sRGB, grey, sYCC
_NAMES = {14: "CIE L*a*b*", 19: "CIE Jab", 20: "e-sRGB", 21: "ROMM RGB", 24: "e-sYCC"}


@dataclass(frozen=True)
class Channels:
    """The channels of a picture.

    Attributes:
        count: How many there are.
        colours: How many of them are colours.
        cmyk: Whether these are inks.
        types: The type of each, in the file's order; none where the file does not say, and what is beyond the colours
            counts as opacity, as other readers take it.
        in_order: Whether the colours lie in their order before the others.
    """

    count: int
    colours: int
    cmyk: bool = False
    types: Sequence[int] = ()
    in_order: bool = True

    @property
    def beyond(self) -> int | None:
        """The type of the first channel that is no colour, or None where there is none."""
        rest = [kind for kind in self.types if kind != COLOUR]
        return (rest[0] if rest else None) if self.types else (OPACITY if self.count > self.colours else None)

    @property
    def for_pillow(self) -> bool:
        """Whether Pillow, which looks at no definition of channels, takes 8 bits of them right."""
        return self.in_order and self.beyond in (None, OPACITY)


def channels_of(stream: BinaryIO) -> Channels | None:
    """Read the header of a JPEG 2000 file; None where it has none.

    Raises:
        UnreadablePhotograph: A whole file has more channels than a photograph, or another colour space.
    """
    head = _at(stream, 0, 42)
    if head.startswith(CODE_STREAM) and len(head) == 42:
        count = struct.unpack_from(">H", head, 40)[0]
        if count > 4 and _at(stream, -2, 2) == _END:
            raise UnreadablePhotograph(_too_many(count))
        return Channels(count, _usual_colours(count))
    header = first_box(stream, b"jp2h") if head.startswith(IN_BOXES) else None
    if header is None:
        return None
    parts = {box.kind: content(stream, box) for box in reversed([*boxes(stream, header.start, header.end)])}
    if len(parts.get(b"ihdr", b"")) < 14:
        return None
    count = struct.unpack_from(">H", parts[b"ihdr"], 8)[0]
    colours = parts.get(b"colr", b"")
    space = struct.unpack_from(">I", colours, 3)[0] if colours[:1] == b"\1" and len(colours) >= 7 else None
    if fill_the_file(stream):
        if count > 4:
            raise UnreadablePhotograph(_too_many(count))
        if space is not None and space not in _READ:
            name = _NAMES.get(space, f"the colour space {space}")
            raise UnreadablePhotograph(f"a JPEG 2000 image in {name}, which is not read: save it as sRGB")
    cmyk = space == _CMYK and count == 4
    return _defined(b"" if b"pclr" in parts else parts.get(b"cdef", b""), count, _usual_colours(count, cmyk), cmyk)


def _defined(definitions: bytes, count: int, colours: int, cmyk: bool) -> Channels:
    if len(definitions) < 2 + 6 * count:
        return Channels(count, colours, cmyk)
    found = sorted(struct.unpack_from(">HHH", definitions, 2 + 6 * place) for place in range(count))
    first = [(COLOUR, place + 1) for place in range(colours)]
    in_order = [(kind, belongs) for _, kind, belongs in found[:colours]] == first
    return Channels(count, colours, cmyk, [kind for _, kind, _ in found], in_order)


def _usual_colours(count: int, cmyk: bool = False) -> int:
    return 4 if cmyk else 3 if count > 2 else 1


def _too_many(count: int) -> str:
    return f"a JPEG 2000 image of {count} channels, which is not read: save three as RGB"


def _at(stream: BinaryIO, place: int, count: int) -> bytes:
    stream.seek(place, os.SEEK_END if place < 0 else os.SEEK_SET)
    return stream.read(count)

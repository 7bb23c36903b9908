"""Boxes, of which JPEG 2000 (ISO/IEC 15444-1, annex I) and HEIF (ISO/IEC 14496-12) files are made."""

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple


class Box(NamedTuple):
    """A box.

    Attributes:
        kind: Its four letters.
        start: Where its content begins, bytes from the file's beginning.
        end: Where it ends.
    """

    kind: bytes
    start: int
    end: int


def boxes(stream: BinaryIO, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """Yield the boxes that begin between two places of a file, to its end by default; the last may claim to lie beyond.

    What is no box ends them.
    """
    end = stream.seek(0, os.SEEK_END) if end is None else end
    while start + 8 <= end:
        stream.seek(start)
        length, kind = struct.unpack(">I4s", stream.read(8))
        head = 8
        if length == 1 and start + 16 <= end:
            length, head = struct.unpack(">Q", stream.read(8))[0], 16
        if length == 0:  # to the end
            length = end - start
        if length < head:
            return
        yield Box(kind, start + head, start + length)
        start += length


def fill_the_file(stream: BinaryIO) -> bool:
    """Say whether the file ends where its last box does: it is whole."""
    found = list(boxes(stream))
    return bool(found) and found[-1].end == stream.seek(0, os.SEEK_END)


def content(stream: BinaryIO, box: Box) -> bytes:
    """Read what a small box holds."""
    stream.seek(box.start)
    return stream.read(min(box.end - box.start, 1 << 16))

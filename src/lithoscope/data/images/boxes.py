"""Boxes, of which JPEG 2000 (ISO/IEC 15444-1, annex I) and HEIF (ISO/IEC 14496-12) files are made."""

import os
import struct
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO, NamedTuple

MOST = 10_000
"""Boxes side by side that are looked at; photographs have a few, a file that was made to keep a reader busy millions.
"""


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
    """Yield the boxes that begin between two places of a file, to its end by default, the first :data:`MOST` of them.

    What is no box ends them. One that claims to lie beyond the second place ends there.
    """
    end = stream.seek(0, os.SEEK_END) if end is None else end
    for box in islice(_claimed(stream, start, end), MOST):
        yield box._replace(end=min(box.end, end))


def first_box(stream: BinaryIO, kind: bytes, start: int = 0, end: int | None = None) -> Box | None:
    """Return the first box of a kind that begins between two places, or None; see :func:`boxes`."""
    return next((box for box in boxes(stream, start, end) if box.kind == kind), None)


def _claimed(stream: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """Yield boxes with the ends that they claim."""
    while start + 8 <= end:
        stream.seek(start)
        said = stream.read(16)
        if len(said) < 8:
            return
        length, kind = struct.unpack_from(">I4s", said)
        head = 8
        if length == 1 and len(said) == 16:
            length, head = struct.unpack_from(">Q", said, 8)[0], 16
        if length == 0:  # to the end
            length = end - start
        if length < head:
            return
        yield Box(kind, start + head, start + length)
        start += length


def fill_the_file(stream: BinaryIO) -> bool:
    """Say whether the file ends where its last box does, of at most :data:`MOST`: it is whole."""
    size, end = stream.seek(0, os.SEEK_END), -1
    for box in islice(_claimed(stream, 0, size), MOST):
        end = box.end
    return end == size


def content(stream: BinaryIO, box: Box) -> bytes:
    """Read what a small box holds."""
    stream.seek(box.start)
    return stream.read(min(box.end - box.start, 1 << 16))

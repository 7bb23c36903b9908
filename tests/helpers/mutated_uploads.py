"""Uploads that no one means well with, each a function of its seed: cut, flipped, lying, or two types at once."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

Random = np.random.Generator

KINDS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000")


def _whole(random: Random) -> bytes:
    side = random.integers(33, 120, 2)
    pixels = random.integers(0, 256, (*side, 3), dtype=np.uint8)
    packed = io.BytesIO()
    Image.fromarray(pixels).save(packed, str(random.choice(KINDS)))
    return packed.getvalue()


def _cut(random: Random) -> bytes:
    content = _whole(random)
    return content[: int(random.integers(0, len(content)))]


def _flipped(random: Random) -> bytes:
    content = bytearray(_whole(random))
    for place in random.integers(0, len(content), int(random.integers(1, 40))):
        content[int(place)] ^= 1 << int(random.integers(0, 8))
    return bytes(content)


def _head_overwritten(random: Random) -> bytes:
    content = bytearray(_whole(random))
    start = int(random.integers(0, min(64, len(content))))
    content[start : start + 16] = random.bytes(16)
    return bytes(content)


def _pieces_swapped(random: Random) -> bytes:
    one, other = _whole(random), _whole(random)
    place = int(random.integers(0, min(len(one), len(other))))
    return one[:place] + other[place:]


def _appended(random: Random) -> bytes:
    return _whole(random) + random.bytes(int(random.integers(1, 5000)))


def _random(random: Random) -> bytes:
    return random.bytes(int(random.integers(0, 4000)))


def _other_type(random: Random) -> bytes:
    heads: tuple[bytes, ...] = (
        b"%PDF-1.7\n",
        b"PK\3\4",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\x7fELF",
        b"MZ",
        b'{"a": 1}',
    )
    heads += (b"%!PS-Adobe-3.0 EPSF-3.0\n", b"<?php echo 1; ?>", b"#!/bin/sh\n", b"\0" * 64)
    return heads[int(random.integers(0, len(heads)))] + random.bytes(200)


def _two_at_once(random: Random) -> bytes:
    """A picture that is a script or an archive too."""
    tails = (b"<script>alert(1)</script>", b"PK\5\6" + bytes(18), b"\n%PDF-1.7\n%%EOF")
    return _whole(random) + bytes(tails[int(random.integers(0, len(tails)))])


def claims_size(width: int, height: int) -> bytes:
    """A PNG whose header claims a size that its few bytes of pixels do not fill."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(100_000)))
        + chunk(b"IEND", b"")
    )


def _claims_size(random: Random) -> bytes:
    return claims_size(int(random.integers(1, 2**31)), int(random.integers(1, 2**31)))


def _claims_length(random: Random) -> bytes:
    content = bytearray(_whole(random))
    place = int(random.integers(0, max(1, len(content) - 4)))
    content[place : place + 4] = struct.pack(">I", int(random.integers(2**24, 2**32)))
    return bytes(content)


def _tiny(random: Random) -> bytes:
    packed = io.BytesIO()
    Image.new("RGB", (int(random.integers(1, 34)), int(random.integers(1, 34)))).save(packed, "PNG")
    return packed.getvalue()


MUTATIONS: tuple[Callable[[Random], bytes], ...] = (
    *(_whole, _cut, _flipped, _head_overwritten, _pieces_swapped, _appended, _random, _other_type, _two_at_once),
    *(_claims_size, _claims_length, _tiny),
)


def mutated_upload(seed: int) -> bytes:
    """Return the upload of a seed."""
    random = np.random.default_rng(seed)
    return MUTATIONS[seed % len(MUTATIONS)](random)


def mutated_body(seed: int) -> tuple[bytes, str]:
    """Return a whole request body and its content type: mostly multipart as it should be, at times not."""
    random = np.random.default_rng([seed, 1])
    boundary = f"b{seed}"
    name = str(random.choice(["a.png", "../../a", "ä\u202e.jpg", "", "a" * 300, 'q"uote.png', "con.png"]))
    field = str(random.choice(["photographs"] * 8 + ["other", ""]))
    parts = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'.encode()
        + mutated_upload(seed * 3 + number)
        + b"\r\n"
        for number in range(int(random.integers(1, 4)))
    )
    body = parts + f"--{boundary}--\r\n".encode()
    kind = f"multipart/form-data; boundary={boundary}"
    spoiled = int(random.integers(0, 20))
    if spoiled == 0:
        body = body[: len(body) // 2]
    elif spoiled == 1:
        kind = "multipart/form-data"
    elif spoiled == 2:
        kind = str(random.choice(["", "image/png", "application/json", "multipart/form-data; boundary="]))
    elif spoiled == 3:
        body = random.bytes(300)
    return body, kind

"""Photographs of every kind that the page for the field reads in a way of its own, and of those that it refuses."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageFilter

from helpers.icc_profiles import ADOBE_RGB, DISPLAY_P3, PROPHOTO, SRGB, Space, grey_profile

SIZES = [(64, 48), (80, 200), (33, 300), (500, 40), (96, 96), (449, 301), (97, 430), (1300, 900)]


def scene(width: int, height: int, seed: int = 0) -> Image.Image:
    """Return a picture with edges, gradients, saturated colours and grain."""
    random = np.random.default_rng((seed, width, height))
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / (3 + 4 * channel) + seed) + np.cos(y / (5 + 3 * channel)) for channel in range(3)]
    pixels = 128 + 60 * np.stack(waves, axis=-1) + random.normal(0, 12, (height, width, 3))
    pixels[height // 4 : height // 2, width // 4 : width // 2] = random.integers(0, 256, 3)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.6))


def bordered(width: int, height: int, border: tuple[int, int, int, int], colour: tuple[int, int, int]) -> Image.Image:
    """Return a scene with a border of so many pixels left, above, right and below."""
    left, top, right, bottom = border
    canvas = Image.new("RGB", (width, height), colour)
    canvas.paste(scene(width - left - right, height - top - bottom), (left, top))
    return canvas


def odd_photographs() -> dict[str, bytes]:
    """Return the files that must give the reference's pixels, by what is odd about them."""
    picture, alpha = scene(160, 120), _alpha(160, 120)
    see_through = picture.copy()
    see_through.putalpha(Image.fromarray(alpha))
    opaque = picture.copy()
    opaque.putalpha(255)
    files = {f"PNG {width}x{height}": _file(scene(width, height, 3), "PNG") for width, height in SIZES}
    for space in (DISPLAY_P3, ADOBE_RGB, PROPHOTO):
        files[f"JPEG, {space.name}"] = _file(picture, "JPEG", quality=92, icc_profile=space.profile())
    parametric = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    power = Space("sRGB primaries, gamma 1.8", SRGB.primaries, SRGB.white, 1.8).profile()
    files |= {
        "JPEG, 4:2:0": _file(picture, "JPEG", quality=75, subsampling=2),
        "JPEG, 4:4:4": _file(picture, "JPEG", quality=95, subsampling=0),
        "JPEG, progressive": _file(picture, "JPEG", progressive=True),
        "JPEG, grey": _file(picture.convert("L"), "JPEG"),
        "JPEG, grey, with a profile of RGB": _file(picture.convert("L"), "JPEG", icc_profile=ADOBE_RGB.profile()),
        "JPEG, CMYK": _file(picture.convert("CMYK"), "JPEG"),
        "JPEG, sRGB": _file(picture, "JPEG", icc_profile=SRGB.profile()),
        "JPEG, sRGB by parameters": _file(picture, "JPEG", icc_profile=parametric),
        "JPEG, primaries of sRGB, another curve": _file(picture, "JPEG", icc_profile=power),
        "JPEG, Display P3 by parameters": _file(picture, "JPEG", icc_profile=_parametric(DISPLAY_P3)),
        "JPEG, with a profile of grey": _file(picture, "JPEG", icc_profile=grey_profile(2.2)),
        "JPEG, with a broken profile": _file(picture, "JPEG", icc_profile=b"nothing of the kind" * 20),
        "PNG, Adobe RGB": _file(picture, "PNG", icc_profile=ADOBE_RGB.profile()),
        "PNG, opaque, Display P3": _file(opaque, "PNG", icc_profile=DISPLAY_P3.profile()),
        "PNG, transparent": _file(see_through, "PNG"),
        "PNG, gAMA": _with_chunk(_file(picture, "PNG"), b"gAMA", struct.pack(">I", 100000)),
        "PNG, code points of sRGB": with_codes(_file(picture, "PNG"), 1, 13),
        "PNG, code points that nobody knows": with_codes(_file(picture, "PNG"), 77, 4),
        "PNG, palette": _file(picture.quantize(32), "PNG"),
        "PNG, grey": _file(picture.convert("L"), "PNG"),
        "PNG, one bit": _file(picture.convert("1"), "PNG"),
        "PNG, upright by eXIf": _file(picture, "PNG", exif=_turned(6)),
        "WebP": _file(picture, "WEBP", quality=90),
        "WebP, lossless, transparent": _file(see_through, "WEBP", lossless=True),
        "WebP, transparent": _file(see_through, "WEBP", quality=80),
        "WebP, Display P3": _file(picture, "WEBP", icc_profile=DISPLAY_P3.profile()),
        "AVIF": _file(picture, "AVIF"),
        "AVIF, turned": _file(picture, "AVIF", exif=_turned(6)),
        "GIF": _file(picture.quantize(64), "GIF"),
        "BMP": _file(picture, "BMP"),
        "border, white": _file(bordered(300, 200, (40, 20, 60, 30), (255, 255, 255)), "PNG"),
        "border, JPEG, one side": _file(bordered(300, 200, (0, 0, 0, 90), (12, 12, 14)), "JPEG", quality=60),
        "nothing but border": _file(Image.new("RGB", (90, 50), (200, 10, 10)), "PNG"),
    }
    files |= {f"JPEG, EXIF {turn}": _file(picture, "JPEG", exif=_turned(turn)) for turn in range(1, 9)}
    files |= {f"WebP, EXIF {turn}": _file(picture, "WEBP", exif=_turned(turn)) for turn in (3, 6, 8)}
    return files


def with_codes(content: bytes, primaries: int, transfer: int) -> bytes:
    """Return a PNG or AVIF whose colours follow code points (ITU-T H.273)."""
    if content.startswith(b"\x89PNG"):
        chunk = b"cICP" + bytes([primaries, transfer, 0, 1])
        return content[:33] + struct.pack(">I", 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + content[33:]
    place = content.index(b"colrnclx") + 8
    return content[:place] + struct.pack(">HH", primaries, transfer) + content[place + 4 :]


def refused_photographs() -> dict[str, tuple[bytes, str]]:
    """Return files that the page does not answer, and a part of the reason that it gives."""
    picture = scene(64, 48)
    see_through = picture.copy()
    see_through.putalpha(Image.fromarray(_alpha(64, 48)))
    grey = Image.fromarray(np.arange(64 * 48, dtype=np.uint16).reshape(48, 64) * 16)
    tables = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    return {
        "TIFF": (_file(picture, "TIFF"), "a TIFF"),
        "JPEG 2000": (_file(picture, "JPEG2000"), "JPEG 2000"),
        "PNG of 16 bits": (_file(grey, "PNG"), "16 bits"),
        "AVIF, transparent": (_file(see_through, "AVIF"), "transparent"),
        "grey with a profile": (_file(picture.convert("L"), "JPEG", icc_profile=grey_profile(1.8)), "not converted"),
        "PNG with code points of Display P3": (with_codes(_file(picture, "PNG"), 12, 13), "code points"),
        "PNG with code points of BT.709 and a gamma": (with_codes(_file(picture, "PNG"), 1, 4), "code points"),
        "AVIF with code points of PQ": (with_codes(_file(picture, "AVIF"), 9, 16), "code points"),
        "transparent with a profile": (_file(see_through, "PNG", icc_profile=ADOBE_RGB.profile()), "transparent"),
        "profile of tables": (_file(picture, "JPEG", icc_profile=_renamed(tables, b"RGB ")), "not converted"),
        "truncated": (_file(scene(160, 120), "JPEG")[:2000], "truncated"),
        "text": (b"These are no pixels at all, only words.", "not an image"),
        "empty": (b"", "empty"),
        "too wide": (_file(Image.new("RGB", (16500, 40)), "PNG"), "16500 px wide"),
        "profile with an endless curve": (_file(picture, "JPEG", icc_profile=_endless(DISPLAY_P3)), "not converted"),
        "too small": (_file(scene(20, 60), "PNG"), "smaller than 32"),
    }


def _file(picture: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def _alpha(width: int, height: int) -> npt.NDArray[np.uint8]:
    return np.linspace(0, 255, width * height).astype(np.uint8).reshape(height, width)


def _turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def _with_chunk(png: bytes, name: bytes, content: bytes) -> bytes:
    after = 8 + 25  # the signature and IHDR
    checked = name + content
    return (
        png[:after] + struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked)) + png[after:]
    )


def _parametric(space: Space) -> bytes:
    """Return a space's profile with the curve of sRGB as parameters, as phones embed Display P3."""
    values = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    curve = struct.pack(">4sIHH5i", b"para", 0, 3, 0, *(round(value * 65536) for value in values))
    profile = space.profile()
    start = profile.index(b"curv")
    return profile[:start] + curve + profile[start + len(curve) :]


def _endless(space: Space) -> bytes:
    """Return a space's profile whose curves claim four thousand million entries."""
    profile = space.profile()
    start = profile.index(b"curv") + 8
    return profile[:start] + b"\xff\xff\xff\xff" + profile[start + 4 :]


def _renamed(profile: bytes, colours: bytes) -> bytes:
    return profile[:16] + colours + profile[20:]

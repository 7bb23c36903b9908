"""Embedded colour profiles: the colours are those that are meant."""

import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image

from lithoscope.data.images.decode import read
from lithoscope.data.images.reading import Reading

from helpers.icc_profiles import (
    ADOBE_RGB,
    DISPLAY_P3,
    PROPHOTO,
    SRGB,
    Space,
    encoded,
    grey_profile,
    ink_colour,
    ink_profile,
    lab_to_srgb,
)
from helpers.known_pictures import CLOSE, EIGHT, GREY, error, reason, smooth
from helpers.odd_photographs import with_codes


@pytest.mark.kind(
    about="photographs",
    kind="an embedded profile: Display P3, Adobe RGB, ProPhoto (JPEG, PNG, TIFF of 8 or 16 bits, WebP, AVIF, HEIC)",
    done="converted to sRGB, relative colorimetric with black-point compensation; noted",
    reported="OpenDisplay/Home_Assistant_Integration#73, kohya-ss/sd-scripts#2179",
)
@pytest.mark.parametrize(
    ("name", "space"),
    [
        (name, space)
        for name in ("a.png", "a.tif", "deep.tif", "a.webp", "a.jpg", "a.avif", "a.heic")
        for space in (DISPLAY_P3, ADOBE_RGB, PROPHOTO)
        if (name, space) != ("a.avif", PROPHOTO)  # whose few numbers for common colours that codec rounds too far
    ],
)
def test_colours_are_those_the_profile_means(tmp_path: Path, name: str, space: Space) -> None:
    wanted = np.asarray(smooth())
    stored, profile = Image.fromarray(encoded(wanted, space)), space.profile()
    options: dict[str, dict[str, Any]] = {
        "a.webp": {"lossless": True},
        "a.jpg": {"quality": 100, "subsampling": 0},
        "a.avif": {"quality": 100, "subsampling": "4:4:4"},
    }
    if name == "deep.tif":
        deep = np.asarray(stored).astype(np.uint16) * 257
        tifffile.imwrite(tmp_path / name, deep, photometric="rgb", iccprofile=profile)
    elif name == "a.heic":
        pillow_heif.from_pillow(stored).save(tmp_path / name, quality=100, chroma=444, icc_profile=profile)
    else:
        stored.save(tmp_path / name, icc_profile=profile, **options.get(name, {}))
    read_ = read(tmp_path / name)
    assert error(Reading(stored, "", stored.size), wanted) > CLOSE, "what ignoring the profile would give"
    assert error(read_, wanted) < CLOSE
    assert read_.notes == (f"colours converted from {space.name} to sRGB",)


@pytest.mark.kind(
    about="photographs", kind="JPEG 2000 with an embedded profile", done="converted to sRGB; noted", reported="–"
)
@pytest.mark.parametrize("depth", [8, 12, 16])
def test_the_profile_of_a_jpeg_2000_is_applied(tmp_path: Path, depth: int) -> None:
    stored = encoded(EIGHT, PROPHOTO)
    deep = stored if depth == 8 else np.rint(stored / 255 * (2**depth - 1)).astype(np.uint16)
    content = imagecodecs.jpeg2k_encode(deep, level=0, codecformat="jp2", reversible=True, bitspersample=depth)
    place = content.index(b"colr") - 4  # a box: its size, its name, the method 2, two bytes, the profile
    profile = b"\2\0\0" + PROPHOTO.profile()
    around = content.index(b"jp2h") - 4
    old, new = struct.unpack_from(">I", content, place)[0], 8 + len(profile)
    size = struct.unpack_from(">I", content, around)[0] + new - old
    content = content[:place] + struct.pack(">I", new) + b"colr" + profile + content[place + old :]
    (tmp_path / "a.jp2").write_bytes(content[:around] + struct.pack(">I", size) + content[around + 4 :])
    read_ = read(tmp_path / "a.jp2")
    assert error(read_) < CLOSE
    assert read_.notes == (f"colours converted from {PROPHOTO.name} to sRGB",)


@pytest.mark.kind(
    about="photographs",
    kind="colours stated by code points instead of a profile: cICP of PNG, nclx of AVIF and HEIF",
    done="converted to sRGB; noted. PQ and HLG (HDR) are set aside as what they are",
    reported="–",
)
@pytest.mark.parametrize("name", ["a.png", "a.avif"])
def test_colours_are_those_that_code_points_mean(tmp_path: Path, name: str) -> None:
    wanted = np.asarray(smooth())
    options: dict[str, Any] = {"quality": 100, "subsampling": "4:4:4"} if name == "a.avif" else {}
    Image.fromarray(encoded(wanted, DISPLAY_P3)).save(tmp_path / name, **options)
    stored = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(with_codes(stored, 12, 13))
    read_ = read(tmp_path / name)
    assert error(read_, wanted) < CLOSE
    assert read_.notes == ("colours converted from Display P3 to sRGB",)
    (tmp_path / name).write_bytes(with_codes(stored, 1, 13))
    assert read(tmp_path / name).notes == ()
    for transfer, light in ((16, "PQ"), (18, "HLG")):
        (tmp_path / name).write_bytes(with_codes(stored, 9, transfer))
        assert reason(tmp_path / name).startswith(f"an HDR picture ({light}), whose brightness has no agreed")


@pytest.mark.kind(
    about="photographs",
    kind="a profile that is sRGB by any name, broken, or of another kind of picture; none at all",
    done="the pixels stay as they are",
    reported="pbs/its#180",
)
@pytest.mark.parametrize(
    "profile", [SRGB.profile(), b"no profile at all", grey_profile(1.0), DISPLAY_P3.profile()[:150]]
)
def test_a_profile_that_changes_nothing_changes_nothing(tmp_path: Path, profile: bytes) -> None:
    Image.fromarray(EIGHT).save(tmp_path / "a.png", icc_profile=profile)
    read_ = read(tmp_path / "a.png")
    assert error(read_) == 0
    assert read_.notes == ()


@pytest.mark.kind(
    about="photographs", kind="a profile of a grey picture", done="converted to sRGB; noted", reported="–"
)
def test_a_grey_profile_is_applied(tmp_path: Path) -> None:
    light = (SRGB.decode(GREY / 255.0) * 255).round().astype(np.uint8)
    Image.fromarray(light).save(tmp_path / "a.png", icc_profile=grey_profile(1.0))
    read_ = read(tmp_path / "a.png")
    assert error(read_, GREY) < CLOSE
    assert read_.notes == ("colours converted from grey to sRGB",)


@pytest.mark.kind(
    about="photographs",
    kind="CMYK for printers, with a profile of the inks (JPEG, TIFF)",
    done="converted to sRGB by the profile; noted. Without a profile by subtracting the inks from white",
    reported="–",
)
@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_inks_have_the_colours_that_the_profile_says(tmp_path: Path, name: str) -> None:
    inks = [(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (1, 0, 1, 0), (0, 1, 1, 0)]
    patches = np.repeat(np.repeat(np.array([inks, inks[::-1]], np.uint8) * 255, 32, axis=0), 32, axis=1)
    picture = Image.fromarray(patches, "CMYK")
    options: dict[str, Any] = {"quality": 100, "subsampling": 0} if name == "a.jpg" else {}
    picture.save(tmp_path / name, icc_profile=ink_profile(), **options)
    read_ = read(tmp_path / name)
    assert read_.notes == ("colours converted from inks to sRGB",)
    shown = np.asarray(read_.picture)[16, 16::32].astype(float)
    wanted = np.array([lab_to_srgb(ink_colour(one)) for one in inks])
    assert np.abs(shown - wanted).mean() < CLOSE
    picture.save(tmp_path / name, **options)
    plain = np.asarray(read(tmp_path / name).picture)[16, 16::32].astype(float)
    subtracted = 255.0 * (1 - np.array(inks)[:, :3]) * (1 - np.array(inks)[:, 3:])
    assert np.abs(plain - subtracted).mean() < CLOSE
    assert np.abs(plain - wanted).mean() > 20

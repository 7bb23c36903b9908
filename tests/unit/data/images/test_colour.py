"""Embedded colour profiles: the colours are those that are meant."""

from pathlib import Path
from typing import Any

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
from helpers.known_pictures import CLOSE, EIGHT, GREY, error, smooth


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

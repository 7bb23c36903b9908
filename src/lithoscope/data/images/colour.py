"""Colours as sRGB: what an embedded ICC profile says of a picture's numbers is applied, once.

The conversion is relative colorimetric with black-point compensation, as browsers and photo editors show photographs.
A picture without a profile, or with one that is broken or of another kind of picture, counts as sRGB.
"""

import io
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

_KINDS = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab "}
_SRGB = ImageCms.createProfile("sRGB")
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOCACHE  # no cache: threads share a conversion

SAME_COLOURS = 2
"""Profiles that move no colour by more than this, of 255, are sRGB by another hand: their pictures stay as they are."""


@lru_cache(maxsize=64)
def _conversion(profile: bytes, mode: str) -> tuple[Any, str] | None:
    """Return the conversion of a profile's pictures to sRGB and the profile's name, or None where none is needed."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space != _KINDS.get(mode):
            return None
        transform = ImageCms.buildTransform(source, _SRGB, mode, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC, _FLAGS)
        name = " ".join((ImageCms.getProfileDescription(source) or "").split()) or "an unnamed profile"
        if mode == "RGB":
            steps = np.linspace(0, 255, 9).round().astype(np.uint8)
            lattice = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
            moved = np.asarray(ImageCms.applyTransform(Image.fromarray(lattice), transform)).astype(int) - lattice
            if np.abs(moved).max() <= SAME_COLOURS:
                return None
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return transform, name


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str | None]:
    """Convert a picture without transparency to RGB as sRGB means it.

    Args:
        image: Of any mode of 8 bits a channel.
        profile: The ICC profile the file holds, if any.

    Returns:
        A picture of mode RGB, and a note where a profile changed its colours.
    """
    if image.mode == "LAB":
        lab = ImageCms.buildTransform(ImageCms.createProfile("LAB"), _SRGB, "LAB", "RGB")
        converted = ImageCms.applyTransform(image, lab)
        return (converted or image), None
    if image.mode not in _KINDS or (image.mode == "L" and profile and _conversion(profile, "L") is None):
        image = image.convert("RGB")
    found = _conversion(profile, image.mode) if profile else None
    if found is None:
        return image.convert("RGB"), None
    transform, name = found
    return ImageCms.applyTransform(image, transform) or image.convert("RGB"), f"colours converted from {name} to sRGB"


def on_white(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str | None]:
    """Convert any picture of 8 bits a channel to RGB as sRGB means it; transparent parts lie on white."""
    if not image.has_transparency_data:
        return to_srgb(image, profile)
    layers = image.convert("RGBA")
    colours, note = to_srgb(layers.convert("RGB"), profile)
    canvas = Image.new("RGB", layers.size, "white")
    canvas.paste(colours, mask=layers.getchannel("A"))
    return canvas, note

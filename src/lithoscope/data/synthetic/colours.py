"""Colours in linear light, as ``(3, ...)`` arrays of red, green and blue."""

import colorsys

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_WAVELENGTHS = np.array([610.0, 545.0, 465.0])  # nanometres, of red, green and blue


def linear(code: str) -> Floats:
    """Return the linear light of an sRGB colour such as ``"#3f6b52"``, shape ``(3,)`` (IEC 61966-2-1)."""
    encoded = np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.float64) / 255.0
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def encode(light: Floats) -> Floats:
    """Return the sRGB encoding of linear light in 0…1, any shape."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055)


def shade(rng: np.random.Generator, *codes: str, hue: float = 0.02, spread: float = 0.15) -> Floats:
    """Return a random colour between some given ones, with its hue, saturation and value varied.

    Args:
        rng: Random stream.
        codes: sRGB colours to mix with random weights.
        hue: Standard deviation of the hue, as a share of the colour circle.
        spread: Standard deviation of the logarithm of value; saturation varies as much.

    Returns:
        Linear light, shape ``(3,)``.
    """
    weights = rng.dirichlet(np.full(len(codes), 0.7))
    red, green, blue = np.sum([w * encode(linear(c)) for w, c in zip(weights, codes, strict=True)], axis=0)
    h, s, v = colorsys.rgb_to_hsv(float(red), float(green), float(blue))
    turn, saturate, brighten = rng.standard_normal(3)
    h = (h + hue * turn) % 1.0
    s = min(s * float(np.exp(spread * saturate)), 1.0)
    v = min(v * float(np.exp(spread * brighten)), 1.0)
    varied = colorsys.hsv_to_rgb(h, s, v)
    return linear("#" + "".join(f"{round(255 * channel):02x}" for channel in varied))


def blend(first: Floats, second: Floats, amount: Floats) -> Floats:
    """Mix two colours by a map.

    Args:
        first: ``(3,)`` or ``(3, h, w)``.
        second: As ``first``.
        amount: ``(h, w)``, 0 for the first colour and 1 for the second.

    Returns:
        ``(3, h, w)``.
    """
    a = first[:, None, None] if first.ndim == 1 else first
    b = second[:, None, None] if second.ndim == 1 else second
    return a * (1.0 - amount) + b * amount


def thin_film(thickness: Floats) -> Floats:
    """Return the colours of a transparent film on metal, as on tarnished ore.

    Light from both sides of the film interferes; red, green and blue are extinguished one after the other as the
    film grows (the temper colours: straw, purple, blue, then paler second orders).

    Args:
        thickness: Optical thickness (index times depth) in nanometres, ``(h, w)``.

    Returns:
        Factors of the reflected light in 0…1, ``(3, h, w)``.
    """
    phase = 4.0 * np.pi * thickness[None] / _WAVELENGTHS[:, None, None]
    return np.asarray(0.5 + 0.5 * np.cos(phase), dtype=np.float64)


def temperature(kelvin: float) -> Floats:
    """Return the colour of a lamp of 2,500–10,000 K relative to daylight of 6,000 K, shape ``(3,)``, green = 1."""
    mired = 1e6 / kelvin - 1e6 / 6000.0
    return np.array([np.exp(0.0021 * mired), 1.0, np.exp(-0.0032 * mired)])

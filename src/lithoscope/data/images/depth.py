"""More than 8 bits a channel: integers and floating point become 8 bits by one rule.

Integers are divided by the largest value of the narrowest of 8, 10, 12, 14 or 16 bits that holds the picture's own
maximum: cameras and microscopes of 10, 12 or 14 bits store their values in 16. Where the file has room for another
number of bits (15 beside a sign, 9 in some JPEG 2000), that number counts too. Floating point of 0 … 1 keeps its share
of 1; floating point up to 65,535 follows the rule of the integers. Whatever has negative or larger values has no agreed
white: the least becomes black and the greatest white.
"""

import numpy as np
import numpy.typing as npt

WIDTHS = (8, 10, 12, 14, 16)
"""Bits a sample that cameras and microscopes have."""


def to_eight_bits(values: npt.NDArray[np.generic], stored_bits: int = 16) -> tuple[npt.NDArray[np.uint8], str | None]:
    """Scale samples to 0 … 255.

    Args:
        values: Integers or floating point of any shape; NaN and infinities count as 0.
        stored_bits: The bits a sample that the file has room for.

    Returns:
        uint8, same shape; and a note where the range was found in the picture, not stated by the file.
    """
    numbers = values if values.dtype.kind in "ui" else np.nan_to_num(values, posinf=0.0, neginf=0.0)
    low, high = float(numbers.min()), float(numbers.max())
    note = None
    if numbers.dtype.kind == "f" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif low >= 0 and high < 2**16 and (numbers.dtype.kind != "f" or high > 16):
        if numbers.dtype in (np.int8, np.int16):
            stored_bits -= 1  # the sign's
        room = {stored_bits} if stored_bits < max(WIDTHS) else set()
        bits = next(width for width in sorted({*WIDTHS, *room}) if high < 2**width)
        if bits < stored_bits and high:
            note = f"values up to {high:,.0f}: {bits} bits in {stored_bits}, scaled by {2**bits - 1:,}"
        low, high = 0.0, float(2**bits - 1)
    elif low == high:
        low, high = 0.0, max(abs(high), 1.0)
    else:
        note = f"values of {low:,.6g} … {high:,.6g} have no agreed white: stretched from black to white"
    return _scaled(numbers, low, high), note


def undo_multiplied(colours: npt.NDArray[np.uint8], opacity: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return colours, (height, width, n), as before they were multiplied by the opacity, (height, width, 1)."""
    whole: npt.NDArray[np.uint8] = np.rint(colours * (255.0 / np.maximum(opacity, 1))).clip(0, 255).astype(np.uint8)
    return whole


def _scaled(numbers: npt.NDArray[np.generic], low: float, high: float) -> npt.NDArray[np.uint8]:
    if numbers.dtype == np.uint8 and (low, high) == (0.0, 255.0):
        return numbers.astype(np.uint8)
    scaled = (numbers.astype(np.float32) - np.float32(low)) * np.float32(255.0 / max(high - low, 1e-12))
    rounded: npt.NDArray[np.uint8] = np.rint(scaled).clip(0, 255).astype(np.uint8)
    return rounded

"""Text: numbers as people read them, and what others wrote made fit for a terminal or for Markdown."""

import io
import math
import sys
import unicodedata
from collections.abc import Mapping
from typing import Any

NARROW = "\N{NARROW NO-BREAK SPACE}"
MISSING = "–"


def percent(share: float | None, digits: int = 1) -> str:
    """Write a share as a percentage, a dash where there is none."""
    return MISSING if _absent(share) else f"{100 * float(share or 0):.{digits}f}{NARROW}%"


def number(value: float | None, digits: int = 3) -> str:
    """Write a figure with a fixed number of digits, a dash where there is none."""
    return MISSING if _absent(value) else f"{float(value or 0):.{digits}f}"


def interval(ends: Mapping[str, Any], digits: int = 3) -> str:
    """Write the ends ``low`` and ``high`` of a figure's 95 % interval, e.g. ``[0.611, 0.770]``."""
    return f"[{number(ends['low'], digits)}, {number(ends['high'], digits)}]"


def percents(ends: Mapping[str, Any], digits: int = 1) -> str:
    """Write the ends ``low`` and ``high`` of a share's 95 % interval as percentages, e.g. ``[68.9, 77.3]``."""
    low, high = (100 * float(ends[name]) for name in ("low", "high"))
    return f"[{low:.{digits}f}, {high:.{digits}f}]"


def count(value: int, noun: str = "", nouns: str = "") -> str:
    """Write a whole number with its thousands apart, and the noun in the number that fits."""
    text = f"{int(value):,}".replace(",", NARROW)
    if not noun:
        return text
    return f"{text} {noun if value == 1 else nouns or noun + 's'}"


def _absent(value: float | None) -> bool:
    return value is None or math.isnan(value)


def sentence(text: str) -> str:
    """Make a phrase a sentence: a capital in front, a full stop behind; nothing stays nothing."""
    text = text.strip()
    return text if not text else text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")


def markdown_text(text: str) -> str:
    """Escape what a class or a file could be called and Markdown would read."""
    text = " ".join(text.split())
    for sign in "\\|*_<>[]`":
        text = text.replace(sign, f"\\{sign}")
    return text


def print_in_any_encoding() -> None:
    """Let ``print`` write as an escape what the terminal's encoding has no character for, and not end by it.

    Windows' code pages, a POSIX locale and a redirected stream have no dash, no ellipsis and few scripts.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def safe(text: str) -> str:
    """Return a text in which nothing can steer a terminal or break a line.

    Control characters, those that turn the direction of writing, and bytes that are no UTF-8 are shown as escapes.
    """
    return "".join(
        character
        if character.isprintable() or unicodedata.category(character) == "Zs"
        else character.encode("unicode_escape", "surrogatepass").decode()
        for character in text
    )

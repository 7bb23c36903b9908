"""How the page writes numbers, parameters and pictures."""

import base64
import io
import json
import math
import shlex
from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

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


def parameter(value: Any) -> str:
    """Write a parameter as ``params.yaml`` has it; of an absolute path only the name, since the rest is a machine's."""
    if isinstance(value, str):
        return f"…/{_name(value)}" if _is_absolute(value) else value
    return json.dumps(value, ensure_ascii=False)


def experiment(parameters: Mapping[str, Any]) -> str:
    """Write the command that runs these parameters as a DVC experiment from any state of ``params.yaml``.

    Where the photographs come from is left out: a path belongs to one machine, and ``lithoscope use`` sets it.
    """
    left_out = ("dataset", "mirror", "osf_api")
    settings = [
        "-S " + shlex.quote(f"{key}={value if isinstance(value, str) else json.dumps(value)}")
        for key, value in parameters.items()
        if key not in left_out and not (isinstance(value, str) and _is_absolute(value))
    ]
    return " \\\n  ".join(["dvc exp run", *settings])


def _is_absolute(text: str) -> bool:
    return PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute() or text.startswith("~")


def _name(text: str) -> str:
    return PureWindowsPath(text).name or text


def picture_uri(picture: NDArray[np.uint8]) -> str:
    """Encode a photograph as a data URI.

    Args:
        picture: uint8 RGB of shape (height, width, 3).
    """
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=88, optimize=True)
    return data_uri(buffer.getvalue(), "image/jpeg")


def data_uri(content: bytes, media_type: str) -> str:
    """Put a file's bytes into a URI, so that the page needs no other file."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"

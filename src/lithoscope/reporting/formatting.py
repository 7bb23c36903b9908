"""Formatting of parameters and pictures for the page."""

import base64
import io
import json
import shlex
from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def parameter(value: Any) -> str:
    """Write a parameter as ``params.yaml`` has it; of an absolute path only the name, since the rest is a machine's."""
    if isinstance(value, str):
        return f"…/{_name(value)}" if _is_absolute(value) else value
    return json.dumps(value, ensure_ascii=False)


def experiment(parameters: Mapping[str, Any]) -> str:
    """Write the command that runs these parameters as a DVC experiment from any state of ``params.yaml``.

    Where the photographs come from and how they are laid out is left out: a path belongs to one machine, and
    ``lithoscope use`` sets both.
    """
    left_out = ("dataset", "mirror", "osf_api", *(key for key in parameters if key.startswith("folder.")))
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

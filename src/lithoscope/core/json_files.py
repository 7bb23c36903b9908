"""Reading JSON files that this project wrote."""

import json
from pathlib import Path
from typing import Any

from lithoscope.core.errors import LithoscopeError


def read_json(path: Path, remedy: str = "`dvc repro` makes it") -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Args:
        path: Errors name it as it is given.
        remedy: What errors tell to do.

    Raises:
        LithoscopeError: It is not there, or it is damaged.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LithoscopeError(f"{path} is missing: {remedy}") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise LithoscopeError(f"{path}: damaged ({error}); {remedy} anew") from None
    if not isinstance(values, dict):
        raise LithoscopeError(f"{path}: damaged (no JSON object); {remedy} anew")
    return values

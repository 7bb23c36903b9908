"""Reading the JSON files that the stages write."""

import json
from pathlib import Path
from typing import Any

from lithoscope.errors import LithoscopeError


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Args:
        path: Of a file that a stage writes; errors name it as it is given.

    Raises:
        LithoscopeError: It is not there, or it is damaged.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LithoscopeError(f"{path} is missing: `dvc repro` makes it") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise LithoscopeError(f"{path}: damaged ({error}); `dvc repro` makes it anew") from None
    if not isinstance(values, dict):
        raise LithoscopeError(f"{path}: damaged (no JSON object); `dvc repro` makes it anew")
    return values

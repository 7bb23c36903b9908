"""Nested mappings under dotted keys."""

from collections.abc import Mapping
from typing import Any


def flatten(values: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    """Return the values of nested mappings under dotted keys, e.g. ``{"train": {"lr": 1}}`` as ``{"train.lr": 1}``."""
    pairs: dict[str, Any] = {}
    for key, value in values.items():
        pairs |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return pairs

"""Schema validation: blocks of strictly typed parameters, where a mistake is a line that says what is allowed."""

import difflib
import json
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from lithoscope.core.errors import LithoscopeError


class Block(BaseModel):
    """Keys and values: no other key, no conversion between types, no NaN."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


_Block = TypeVar("_Block", bound=Block)
_WORDS: dict[Any, str] = {int: "a whole number", float: "a number", bool: "true | false", str: "a text"}


def validate_block(
    kind: type[_Block], values: Any, where: str, prefix: str = "", context: Mapping[str, Any] | None = None
) -> _Block:
    """Validate a block that was read from ``where`` (the name to use in errors).

    Args:
        kind: What it must be.
        values: What was read.
        where: The file.
        prefix: Stands before each key in errors, such as ``gate.``.
        context: What its validators are told beside the values.

    Raises:
        LithoscopeError: With one line for each mistake: the key, its value, what is allowed.
    """
    try:
        return kind.model_validate(values, context=dict(context or {}))
    except ValidationError as error:
        lines = [_explain(kind, dict(problem), prefix) for problem in error.errors()]
    raise LithoscopeError("\n".join(f"{where}: {line}" for line in lines))


def _explain(kind: type[BaseModel], problem: dict[str, Any], prefix: str) -> str:
    location = [str(part) for part in problem["loc"]]
    key = prefix + ".".join(location) if location else prefix.rstrip(".")
    mistake, value = problem["type"], problem["input"]
    if mistake == "missing":
        return f"{key} is missing: allowed: {_allowed(_field(kind, location))}"
    if mistake == "extra_forbidden":
        block = _block(kind, location[:-1])
        names = list(block.model_fields) if block else []
        near = difflib.get_close_matches(location[-1], names, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        return f"unknown key {key} = {_shown(value)}: {hint}allowed: {', '.join(names)}"
    if mistake == "value_error":
        message = str(problem["ctx"]["error"])
        return message if not key or message.startswith(key + ".") else f"{key} = {_shown(value)}: {message}"
    return f"{key} = {_shown(value)}: allowed: {_allowed(_field(kind, location))}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "…"


def _block(kind: type[BaseModel], location: list[str]) -> type[BaseModel] | None:
    block = kind
    for name in location:
        field = block.model_fields.get(name)
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            return None
        block = field.annotation
    return block


def _field(kind: type[BaseModel], location: list[str]) -> FieldInfo | None:
    block = _block(kind, location[:-1]) if location else None
    return block.model_fields.get(location[-1]) if block else None


def _allowed(field: FieldInfo | None) -> str:
    """Say in words what a parameter may be."""
    if field is None:
        return "see params.yaml"
    kind = field.annotation
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return f"a block with {', '.join(kind.model_fields)}"
    if get_origin(kind) is Literal:
        return " | ".join(map(str, get_args(kind)))
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(["null", *(_WORDS[part] for part in get_args(kind) if part in _WORDS)])
    limits = []
    for rule in field.metadata:
        for attribute, sign in [("gt", ">"), ("ge", "≥"), ("lt", "<"), ("le", "≤")]:
            limit = getattr(rule, attribute, None)
            if limit is not None:
                limits.append(f"{sign} {limit}")
        if getattr(rule, "pattern", None):
            limits.append("that starts with http:// or https://")
        if getattr(rule, "min_length", None):
            limits.append("that is not empty")
    return " ".join([_WORDS[kind], " and ".join(limits)]).strip()

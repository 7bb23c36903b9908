"""YAML as DVC reads it: by ruamel.yaml, YAML 1.2.

``dvc exp run -S lr=1e-5`` writes ``1e-05``, which YAML 1.1 loaders such as PyYAML take for a text, as they take the key
``on`` for true. ruamel.yaml refuses a key that stands twice; refused besides are keys that are lists or mappings, and
what holds itself or is nested too deeply: none of them is a parameter.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, StreamMark, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, Event, MappingStartEvent, NodeEvent
from ruamel.yaml.nodes import Node

from lithoscope.core.errors import LithoscopeError

NESTED = 50
"""Most lists and mappings within one another."""


class _PlacingConstructor(SafeConstructor):
    """Says where a text stands that its type does not fit, such as ``!!int x`` or ``2020-13-40``."""

    def construct_object(self, node: Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, KeyError, OverflowError) as error:
            kind = str(node.tag).rpartition(":")[2]
            raise ConstructorError(None, None, f"cannot be read as {kind} ({error})", node.start_mark) from None


def _check(events: Iterable[Event]) -> None:
    """Refuse what ruamel.yaml would make a value of that no parameter is, or none at all."""
    around: list[CollectionStartEvent] = []
    expects_key: list[bool] = []
    place: StreamMark | None = None
    try:
        for event in events:
            place = event.end_mark
            if isinstance(event, CollectionEndEvent):
                around.pop(), expects_key.pop()
            if not isinstance(event, NodeEvent):
                continue
            if isinstance(event, AliasEvent):
                holder = next((one for one in around if one.anchor == event.anchor), None)
                if holder:
                    raise ConstructorError(None, None, "holds itself", holder.start_mark)
            is_key = bool(expects_key) and expects_key[-1]
            if expects_key and isinstance(around[-1], MappingStartEvent):
                expects_key[-1] = not is_key
            if isinstance(event, CollectionStartEvent):
                if is_key:
                    problem = "a key must be a plain value, not a list or a mapping"
                    raise ConstructorError(None, None, problem, event.start_mark)
                if len(around) == NESTED:
                    raise ConstructorError(None, None, f"nested more than {NESTED} deep", event.start_mark)
                around.append(event)
                expects_key.append(isinstance(event, MappingStartEvent))
    except (ValueError, OverflowError):  # from the scanner, which says no more
        raise ConstructorError(None, None, "an escape that stands for no character, after", place) from None


def read_yaml(path: Path) -> Any:
    """Read a YAML file.

    Raises:
        LithoscopeError: The file is missing, is no YAML, or holds what this loader refuses.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise LithoscopeError(f"{path}: no such file; run this inside a Lithoscope checkout") from None
    except UnicodeDecodeError as error:
        raise LithoscopeError(f"{path.name}: not readable as YAML: {error}") from None
    return parse_yaml(text, path.name)


def parse_yaml(text: str, where: str) -> Any:
    """Read YAML text; ``where`` names it in errors.

    Raises:
        LithoscopeError: The text is no YAML, or holds what this loader refuses.
    """
    reader = YAML(typ="safe", pure=True)
    reader.Constructor = _PlacingConstructor
    try:
        _check(reader.parse(text))
        return reader.load(text)
    except MarkedYAMLError as error:
        place, what = error.problem_mark, " ".join(filter(None, (error.context, error.problem)))
        detail = f"{what}, line {place.line + 1}, column {place.column + 1}" if place else what
    except (YAMLError, RecursionError) as error:
        detail = " ".join(str(error).split())
    raise LithoscopeError(f"{where}: not readable as YAML: {detail}")


def read_block_file(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds keys and values.

    Raises:
        LithoscopeError: It is missing, is no YAML, or holds something else.
    """
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise LithoscopeError(f"{path.name}: must hold keys and values, found {type(values).__name__}")
    return values

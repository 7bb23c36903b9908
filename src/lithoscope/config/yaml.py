"""Read YAML as DVC reads it: by the 1.2 core schema.

PyYAML follows YAML 1.1, where ``1e-3`` is a string and the key ``on`` is the boolean true, while ``dvc exp run -S
lr=1e-5`` writes exactly such values. This loader resolves plain scalars by YAML 1.2, section 10.3.2, and refuses a
key that stands twice, a key that is no plain value, and what holds itself or is nested too deeply.
"""

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from lithoscope.core.errors import LithoscopeError

NESTED = 50
"""Most lists and mappings within one another."""


class _CoreSchemaLoader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (PyYAML's own class attribute, emptied on purpose)

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.deep_construct = True  # so that what holds itself is refused
        self._depth = 0

    def get_single_node(self) -> yaml.Node | None:
        try:
            return super().get_single_node()
        except (ValueError, OverflowError) as error:  # an escape that stands for no character
            raise yaml.scanner.ScannerError(None, None, str(error), self.get_mark()) from None

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self._depth > NESTED:
            place = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, f"nested more than {NESTED} deep", place)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, KeyError, AttributeError):  # of a text under a tag it does not fit, e.g. !!int x
            kind = node.tag.rpartition(":")[2]
            raise yaml.constructor.ConstructorError(None, None, f"cannot be read as {kind}", node.start_mark) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        if not isinstance(node, yaml.MappingNode):
            raise yaml.constructor.ConstructorError(None, None, "no mapping", node.start_mark)
        mapping: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                reason = "a key must be a plain value, not a list or a mapping"
                raise yaml.constructor.ConstructorError(None, None, reason, key_node.start_mark)
            key = self.construct_object(key_node, deep=True)
            if key in mapping:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            mapping[key] = self.construct_object(value_node, deep=deep)
        return mapping


def _plain_float(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float:
    text = str(loader.construct_scalar(node)).lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


def _plain_int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    return int(text, 0) if text.startswith(("0x", "0o")) else int(text, 10)


for _tag, _pattern, _first in [
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("tag:yaml.org,2002:int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
]:
    _CoreSchemaLoader.add_implicit_resolver(_tag, re.compile(rf"^(?:{_pattern})$"), _first)
_CoreSchemaLoader.add_constructor("tag:yaml.org,2002:float", _plain_float)
_CoreSchemaLoader.add_constructor("tag:yaml.org,2002:int", _plain_int)


def read_yaml(path: Path) -> Any:
    """Read a YAML file by the 1.2 core schema.

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
    """Read YAML text by the 1.2 core schema; ``where`` names it in errors.

    Raises:
        LithoscopeError: The text is no YAML, or holds what this loader refuses.
    """
    try:
        # The loader extends SafeLoader: it builds plain values only and runs no code.
        return _CoreSchemaLoader(text).get_single_data()
    except yaml.YAMLError as error:
        detail = " ".join(str(error).split())
        raise LithoscopeError(f"{where}: not readable as YAML: {detail}") from None


def read_block_file(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds keys and values.

    Raises:
        LithoscopeError: It is missing, is no YAML, or holds something else.
    """
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise LithoscopeError(f"{path.name}: must hold keys and values, found {type(values).__name__}")
    return values

"""Where photographs come from, as ``lithoscope use PATH`` writes it into ``params.yaml``."""

import json
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode

from lithoscope.config.params import FolderParameters
from lithoscope.config.yaml import read_yaml
from lithoscope.core.errors import LithoscopeError
from lithoscope.core.git import git_output
from lithoscope.core.text import safe
from lithoscope.data.sources.remote import check_address


def mirror_value(place: Path | str, root: Path) -> str:
    """Return a place as the parameters ``mirror`` and ``folder.table`` take it.

    A path from the checkout's root where DVC or Git keeps it there, so that a colleague's clone and an experiment's
    checkout have it too; else the full path. An address is taken as it is.

    Args:
        place: A folder, an archive, a table or an address.
        root: The checkout.

    Raises:
        LithoscopeError: The path cannot stand in a parameter.
    """
    if isinstance(place, str):
        check_address(place)
        value = place
    else:
        value = os.path.abspath(place.expanduser())  # noqa: PTH100 (a link is the user's name for a place: kept)
        value = _kept_in(root, Path(value)) or value
    if "${" in value:
        raise LithoscopeError(f"{safe(value)}: DVC would take `${{` for a parameter's name; rename the folder or file")
    if any(unicodedata.category(character) == "Cs" for character in value):
        raise LithoscopeError(f"{safe(value)}: not valid UTF-8; rename the folder or file")
    return value


def _kept_in(root: Path, place: Path) -> str | None:
    """Return a path from the checkout's root if Git knows the place, or the ``.dvc`` file of it or of one around it."""
    base = Path(os.path.abspath(root))  # noqa: PTH100
    if not place.is_relative_to(base):
        return None
    inside = place.relative_to(base)
    if inside.as_posix() in (".", "data"):  # `mirror: data` is the set's own source
        return None
    around = [inside, *inside.parents[:-1]]
    known = [inside.as_posix(), *(f"{folder.as_posix()}.dvc" for folder in around)]
    try:
        listed = git_output(base, "--literal-pathspecs", "ls-files", "--", *known)
    except LithoscopeError:  # no Git, or one that does not answer: the full path is right here all the same
        return None
    return inside.as_posix() if listed else None


def set_source(
    params_path: Path, dataset: str, mirror: Path | str | None, layout: FolderParameters | None = None
) -> None:
    """Write where the photographs come from into a parameter file; everything else in it stays as it is, to the byte.

    Args:
        params_path: Usually ``params.yaml``.
        dataset: The value of ``dataset``.
        mirror: A folder, an archive or an address (see :func:`mirror_value`); None for the set's own source.
        layout: The values of the block ``folder``; None for those of one folder a class.

    Raises:
        LithoscopeError: The file has not those keys, or the path cannot stand in it.
    """
    value = "data" if mirror is None else mirror_value(mirror, params_path.absolute().parent)
    try:
        before = read_yaml(params_path)
        if not isinstance(before, dict):
            raise LithoscopeError(f"{params_path}: has no keys and values")
        with params_path.open(encoding="utf-8", newline="") as stream:
            text = stream.read()
        folder = (layout or FolderParameters()).model_dump()
        wanted = {**before, "dataset": dataset, "mirror": value}
        if "folder" in before or layout is not None:  # not in files of the time before there was a choice
            wanted["folder"] = folder
        for keys, new in _leaves(wanted):
            if new != _leaf(before, keys):
                text = _with_value(text, keys, new)
    except (OSError, UnicodeError, YAMLError) as error:
        raise LithoscopeError(f"{params_path}: cannot be read ({type(error).__name__})") from None
    fresh = params_path.with_name(f".{params_path.name}.new")
    fresh.write_text(text, encoding="utf-8", newline="")
    if read_yaml(fresh) != wanted:
        fresh.unlink()
        raise LithoscopeError(f"{params_path}: set by hand: dataset: {dataset}, mirror: {_scalar(value)}")
    fresh.replace(params_path)


def _leaves(values: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key), value


def _leaf(values: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        values = values.get(key) if isinstance(values, dict) else None
    return values


def _with_value(text: str, keys: tuple[str, ...], value: str | int | None) -> str:
    """Replace the value of a key in YAML text; a comment behind it keeps its column where it can.

    ruamel.yaml finds the value but does not write the file: its round trip turns ``null`` into nothing.
    """
    node = YAML().compose(text)
    for key in keys:
        pairs = node.value if isinstance(node, MappingNode) else []
        node = next((node for name, node in pairs if name.value == key), None)
    if not isinstance(node, ScalarNode):
        raise LithoscopeError(f"params.yaml: has no key {'.'.join(keys)} with a plain value")
    start, end = node.start_mark.index, node.end_mark.index
    new = _scalar(value) if isinstance(value, str) else json.dumps(value)
    rest = text[end:]
    comment = re.match("( +)#", rest)
    if comment:
        gap = max(1, _comment_column(text) - node.start_mark.column - len(new))
        rest = " " * gap + rest[len(comment[1]) :]
    return text[:start] + new + rest


def _comment_column(text: str) -> int:
    """Return the column in which most comments behind values begin."""
    columns = [len(line[1]) for line in re.finditer("^([^#\\n]*[^#\\s] +)#", text, re.MULTILINE)]
    return Counter(columns).most_common(1)[0][0] if columns else 0


def _scalar(value: str) -> str:
    """Write a text as a YAML scalar on one line that YAML 1.1 and 1.2 read alike."""
    if re.fullmatch(r"/?[A-Za-z][A-Za-z0-9._/-]*", value) and value not in {"true", "false", "null", "yes", "no"}:
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return "".join(
        character if character.isprintable() or unicodedata.category(character) == "Zs" else f"\\U{ord(character):08X}"
        for character in quoted
    )

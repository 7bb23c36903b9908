"""Names of the package, read from its source."""

import ast
from collections import defaultdict
from pathlib import Path

import lithoscope

PACKAGE = Path(lithoscope.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))


def test_no_two_classes_share_a_name() -> None:
    defined: dict[str, list[str]] = defaultdict(list)
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                defined[node.name].append(path.relative_to(PACKAGE).as_posix())
    assert len(defined) > 100
    assert {name: places for name, places in defined.items() if len(places) > 1} == {}


def test_every_module_says_in_a_line_what_it_is_about() -> None:
    assert len(MODULES) > 150
    silent = []
    for path in MODULES:
        first = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0]
        if not first.rstrip().endswith((".", "?")):
            silent.append(path.relative_to(PACKAGE).as_posix())
    assert silent == []

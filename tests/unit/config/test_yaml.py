from pathlib import Path
from typing import Any

import pytest
from dvc.utils import serialize

from lithoscope.config.yaml import NESTED, parse_yaml, read_yaml
from lithoscope.core.errors import LithoscopeError


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("lr: 1\nmirror: {{ data }}", "line 2, column 10"),
        ("[a, b]: 1", "line 1, column 1"),
        ("? - a\n: 1", "line 1, column 3"),
        ("? !!set {a}\n: 1", "line 1, column 3"),
        ("lr: 1\nsplit: " + "[" * 5000 + "]" * 5000, "line 2, column "),
        ("lr: 1\n" + "{a: " * 5000 + "}" * 5000, "line 2, column "),
        ("lr: &a {b: *a}", "line 1, column 5"),
        ("lr: 1\nday: !!timestamp x", "line 2, column 6"),
        ("day: !!timestamp 2020-13-40", "line 1, column 6"),
        ("on: !!bool x", "line 1, column 5"),
        ("lr: 1\nepochs: !!int x", "line 2, column 9"),
        ("lr: !!float x", "line 1, column 5"),
        ("lr: 1\nseed: " + "9" * 5000, "line 2, column 7"),
        ("a: !!map x", "line 1, column 4"),
        ("a: !!map [b]", "line 1, column 4"),
        ("a: !!set [b]", "line 1, column 4"),
        ('lr: 1\na: "\\UFFFFFFFF"', "line 2, column "),
        ('lr: 1\na: "\\U00110000"', "line 2, column "),
        ("lr: 1\nlr: 2", "line 2, column 1"),
        ("lr: 1\nmodel: [a", "line 2, column 10"),
        ("day: 2020-13-40", "line 1, column 6"),
        ("a: [1, &b [2, *b]]", "line 1, column 8"),
        ("a: {1: 2, [3]: 4}", "line 1, column 11"),
        ("a: *b", "line 1, column 4"),
        ("a: !!python/object:os.system x", "line 1, column 4"),
        ("a: 1\n---\nb: 2", "line 2, column 1"),
        ("a: \x00", "position 3"),
    ],
)
def test_what_is_no_plain_yaml_is_one_line_with_its_place(text: str, place: str) -> None:
    with pytest.raises(LithoscopeError) as caught:
        parse_yaml(text, "params.yaml")
    assert str(caught.value).startswith("params.yaml: not readable as YAML: ")
    assert place in str(caught.value)
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)


def dvc_reads(text: str) -> Any:
    return serialize.parse_yaml(text, "params.yaml")  # type: ignore[no-untyped-call]


SCALARS = [
    "1_000",
    "0b11",
    "-0x1F",
    "0o17",
    "017",
    "0x1F",
    "1e-05",
    "1e-3",
    "1E5",
    "+.5",
    ".5",
    "5.",
    "1.",
    "-0",
    "0.",
    ".inf",
    "-.Inf",
    ".nan",
    "~",
    "null",
    "Null",
    "yes",
    "no",
    "on",
    "off",
    "y",
    "n",
    "true",
    "True",
    "TRUE",
    "false",
    "2020-01-01",
    "2020-01-01T10:00:00Z",
    "1:30",
    "190:20:30",
    "1.5.2",
    "0x",
    "0o9",
    "1__0",
    "_1",
    ".",
    ".e3",
    "12e03",
    "-2E+05",
    "'1'",
    '"1"',
]


@pytest.mark.parametrize("scalar", SCALARS)
def test_scalars_are_read_as_dvc_reads_them(scalar: str) -> None:
    text = f"a: {scalar}\n{scalar}: [b, {scalar}]"
    assert repr(parse_yaml(text, "params.yaml")) == repr(dvc_reads(text))


@pytest.mark.parametrize("file", ["params.yaml", "dvc.yaml", "data.dvc", "dvc.lock"])
def test_files_are_read_as_dvc_reads_them(checkout: Path, file: str) -> None:
    assert read_yaml(checkout / file) == dvc_reads((checkout / file).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "text", ["a: &x [1]\nb: *x", "a: &x {b: 1}\nc: {<<: *x, d: 2}", "a: |\n  b\n  c\n", "a:\n- b: 1\n"]
)
def test_structures_are_read_as_dvc_reads_them(text: str) -> None:
    assert parse_yaml(text, "params.yaml") == dvc_reads(text)


def test_nesting_is_free_up_to_its_limit() -> None:
    deep = parse_yaml("[" * NESTED + "]" * NESTED, "deep")
    for _ in range(NESTED - 1):
        (deep,) = deep
    assert deep == []


def test_a_text_without_a_value_is_none() -> None:
    assert parse_yaml("# nothing", "params.yaml") is None

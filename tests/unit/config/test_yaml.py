from pathlib import Path

import pytest

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
    ],
)
def test_what_is_no_plain_yaml_is_one_line_with_its_place(text: str, place: str) -> None:
    with pytest.raises(LithoscopeError) as caught:
        parse_yaml(text, "params.yaml")
    assert str(caught.value).startswith("params.yaml: not readable as YAML: ")
    assert place in str(caught.value)
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)


def test_scalars_are_those_of_the_core_schema_and_nesting_is_free_up_to_its_limit(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("on: 1e-3\nb: &list [yes, true, 0o17, 0x1F, .5, ~, 017]\nc: *list\n2: {d: !!int 3}\n", "utf-8")
    values = ["yes", True, 15, 31, 0.5, None, 17]
    assert read_yaml(file) == {"on": 0.001, "b": values, "c": values, 2: {"d": 3}}
    deep = parse_yaml("[" * NESTED + "]" * NESTED, "deep")
    for _ in range(NESTED - 1):
        (deep,) = deep
    assert deep == []

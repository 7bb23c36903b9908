import pytest

from lithoscope.core.text import safe

ESCAPE = "\x1b[31m"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"quartz{ESCAPE}\n", "quartz\\x1b[31m\\n"),
        ("a\rb\tc\x9bd", "a\\rb\\tc\\x9bd"),  # U+009B alone begins a command too
        ("gpj.\u202eexe", "gpj.\\u202eexe"),  # turns what follows around
        ("gr\udcfcn", "gr\\udcfcn"),  # a byte that is no UTF-8
        ("Grüner Schiefer\u00a0石英 [x] \\n", "Grüner Schiefer\u00a0石英 [x] \\n"),
    ],
)
def test_what_could_steer_a_terminal_is_shown_as_an_escape_and_all_else_stays(text: str, expected: str) -> None:
    assert safe(text) == expected
    assert safe(expected) == expected
    assert expected.encode()

"""Options of ``lithoscope serve`` that do not go together."""

from pathlib import Path

import pytest

from lithoscope.cli import serve as command
from lithoscope.core.errors import LithoscopeError


@pytest.mark.parametrize(
    "option",
    [
        ["--token", "secret"],
        ["--allow-host", "example.org"],
        ["--model", "build/model"],
        ["--show-training"],
        ["--max-files", "32"],
        ["--waiting", "1"],
    ],
)
def test_what_a_page_for_the_field_cannot_keep_is_refused(option: list[str], tmp_path: Path) -> None:
    with pytest.raises(LithoscopeError, match=rf"^{option[0]}: not with --web"):
        command.serve.main(["--web", str(tmp_path), *option], standalone_mode=False)


def test_a_token_of_the_environment_is_said_to_protect_no_page_for_the_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[Path, str, int]] = []
    monkeypatch.setattr(command, "_serve_web", lambda *given: asked.append(given))
    monkeypatch.setenv(command.TOKEN, "secret")
    command.serve.main(["--web", str(tmp_path), "--host", "127.0.0.1", "--port", "0"], standalone_mode=False)
    assert asked == [(tmp_path, "127.0.0.1", 0)]
    assert capsys.readouterr().err.startswith("note: the page for the field knows no token")

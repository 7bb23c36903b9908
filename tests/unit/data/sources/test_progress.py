"""Items pass by in order; those who read a log hear of it now and then, those who pipe the output never."""

import pytest

from lithoscope.data.sources import progress
from lithoscope.data.sources.progress import track


def test_without_a_terminal_short_work_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(iter("abc"), 3, "reading")) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


def test_without_a_terminal_long_work_says_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", -1.0)
    assert list(track(range(2), 2000, "reading")) == [0, 1]
    assert capsys.readouterr() == ("", "reading: 1 of 2,000\nreading: 2 of 2,000\n")

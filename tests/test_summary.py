"""The few lines at the end of ``make repro``."""

from pathlib import Path
from typing import Any

import pytest

from lithoscope.json_files import read_json
from lithoscope.summary import headline

from made_up_run import make_run, write_json


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({}, "best epoch 6 of 6, validation loss 0.771"),
        ({"validation": False}, "last of 6 epochs, no validation"),
        ({"members": 3}, "3 networks, mean best epoch"),
    ],
)
def test_the_training_is_told_in_a_line(tmp_path: Path, options: dict[str, Any], line: str) -> None:
    make_run(tmp_path, **options)
    write_json(tmp_path / "metrics/data.json", {"photographs": 60})
    assert f"training    {line}" in headline(tmp_path)
    assert "60 photographs" in headline(tmp_path)
    assert read_json(tmp_path / "metrics/train.json")["epochs"] == 6

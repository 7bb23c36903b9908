"""``lithoscope models``."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from lithoscope.cli import main as cli


def test_accuracies_are_read_below_a_checkout_too_and_elsewhere_a_line_says_that_there_are_none(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    network = SimpleNamespace(name="mobilenet_v2", parameters=3_504_872, side=224, weights="at hand")
    catalogue = SimpleNamespace(describe_networks=lambda part: [network])
    monkeypatch.setitem(sys.modules, "lithoscope.models.catalogue", catalogue)
    for folder, shown in ((checkout / "docs", True), (tmp_path, False)):
        monkeypatch.chdir(folder)
        assert cli.main(["models"]) == 0
        printed = capfd.readouterr()
        assert "3.5 M  224 px" in printed.out
        assert ("minerals-best, mean of 3 seeds" in printed.out) is shown
        assert ("note: how accurate they were is shown in a checkout" in printed.err) is not shown

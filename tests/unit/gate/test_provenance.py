"""Whether a revision's lock belongs to what lies beside it, wherever the project lies in its repository."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lithoscope.gate.provenance import mismatches

from helpers.git_checkout import git

pytestmark = pytest.mark.slow

PIPELINE = """stages:
  count:
    cmd: python -c "open('figures.json', 'w').write('{}')"
    deps: [rocks.txt]
    metrics:
      - figures.json:
          cache: false
"""


def dvc(root: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=root, check=True, capture_output=True)


@pytest.mark.parametrize("folder", ["", "science/my rocks"])
def test_a_figure_that_no_stage_made_is_found_at_a_revision(folder: str, tmp_path: Path) -> None:
    root = tmp_path / folder
    root.mkdir(parents=True, exist_ok=True)
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    dvc(root, "init", "--quiet", *(["--subdir"] if folder else []))
    (root / "dvc.yaml").write_text(PIPELINE, encoding="utf-8")
    (root / "rocks.txt").write_text("basalt\n", encoding="utf-8")
    dvc(root, "repro", "--quiet")
    assert json.loads((root / "figures.json").read_text("utf-8")) == {}
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "Made")
    (root / "figures.json").write_text('{"accuracy": 1}', encoding="utf-8")
    (root / "rocks.txt").write_text("gneiss\n", encoding="utf-8")
    git(tmp_path, "commit", "--quiet", "--all", "--message", "Typed in by hand")
    first, second = (git(tmp_path, "rev-parse", revision).strip() for revision in ("HEAD~1", "HEAD"))
    assert mismatches(root, first) == ([], [])
    (wrong,), unchecked = mismatches(root, second)
    assert wrong == "stage count: rocks.txt modified; figures.json modified"
    assert unchecked == []
    assert mismatches(root) == ([wrong], [])

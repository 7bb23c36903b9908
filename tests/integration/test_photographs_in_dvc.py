"""Photographs that DVC keeps inside the repository, with the real DVC: for colleagues, experiments and odd names."""

import shutil
from pathlib import Path

import pytest

from lithoscope.config.yaml import read_yaml

from helpers.pipeline_clone import Clone, make_photographs

pytestmark = pytest.mark.pipeline


@pytest.mark.kind(
    about="DVC",
    kind="photographs kept in DVC inside the repository, in a colleague's clone; a folder called `2024_05`",
    done="`use` writes a path from the root; after `dvc pull` the clone gives the same index; what DVC "
    "makes of the name is refused with how to write it",
    reported="–",
)
def test_a_colleagues_clone_works_after_dvc_pull(checkout: Path, tmp_path: Path) -> None:
    mine = Clone.of(checkout, tmp_path / "mine")
    make_photographs(mine.root / "2024_05", each=4)
    mine.run("dvc", "remote", "add", "--quiet", "--default", "store", str(tmp_path / "store"))
    mine.run("dvc", "add", "--quiet", "2024_05")
    mine.run("git", "add", "2024_05.dvc", ".gitignore")
    mine.run("lithoscope", "use", "2024_05")
    assert read_yaml(mine.root / "params.yaml")["mirror"] == "2024_05"
    mine.run("dvc", "repro", "--quiet", "download")
    index = (mine.root / "build" / "index.csv").read_bytes()
    mine.commit("Keep the photographs in DVC")
    mine.run("dvc", "push", "--quiet", "2024_05.dvc")
    # An experiment in a checkout of its own finds them.
    mine.run("dvc", "exp", "run", "--quiet", "--temp", "--name", "aside", "-S", "folder.depth=1", "download", "--force")

    mine.run("git", "clone", "--quiet", str(mine.root), str(tmp_path / "theirs"))
    theirs = Clone(tmp_path / "theirs")
    shutil.rmtree(mine.root / ".dvc" / "cache")
    theirs.run("dvc", "pull", "--quiet", "2024_05.dvc")
    theirs.run("dvc", "repro", "--quiet", "download")
    assert (theirs.root / "build" / "index.csv").read_bytes() == index

    refused = theirs.run("dvc", "exp", "run", "--name", "number", "-S", "mirror=2024_05", "download", status=255)
    assert "202405" in refused, "DVC says which folder it looked for"
    assert "decode" not in refused
    theirs.run("git", "checkout", "--quiet", "params.yaml")
    theirs.run("dvc", "exp", "run", "--quiet", "--name", "quoted", "-S", "mirror='2024_05'", "download")

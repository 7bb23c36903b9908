"""Photographs that DVC keeps inside the repository, with the real DVC: for colleagues, experiments and odd names."""

import shutil
from pathlib import Path

import pytest

from lithoscope.config.yaml import read_yaml
from lithoscope.experiments.dvc_runs import RecipeRequest, plan
from lithoscope.experiments.recipes import load_recipe

from helpers.pipeline_clone import Clone, make_photographs

pytestmark = pytest.mark.pipeline


@pytest.mark.kind(
    about="DVC",
    kind="photographs kept in DVC inside the repository, their label table in Git beside them, in a colleague's clone; "
    "a folder called `2024_05`",
    done="`use` writes paths from the root, which recipes, queues and `--temp` take; after `dvc pull` the clone gives "
    "the same index; an edit of the table makes `download` stale; `dvc exp run -S mirror=2024_05` ends with DVC's "
    "line, which names 202405; `lithoscope recipe -S` says how to write it",
    reported="–",
)
def test_a_colleagues_clone_works_after_dvc_pull(
    checkout: Path, tmp_path: Path, warm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = Clone.of(checkout, tmp_path / "mine", warm=warm)
    make_photographs(mine.root / "2024_05", each=4)
    rows = [f"{file.parent.name}/{file.name},{file.parent.name}" for file in mine.root.glob("2024_05/*/*.png")]
    (mine.root / "rocks.csv").write_text("\n".join(["file,label", *rows]) + "\n", encoding="utf-8")
    mine.run("dvc", "remote", "add", "--quiet", "--default", "store", str(tmp_path / "store"))
    mine.run("dvc", "add", "--quiet", "2024_05")
    mine.run("git", "add", "2024_05.dvc", ".gitignore", "rocks.csv")
    mine.run("lithoscope", "use", "2024_05", "--labels", "rocks.csv")
    written = read_yaml(mine.root / "params.yaml")
    assert (written["mirror"], written["folder"]["table"]) == ("2024_05", "rocks.csv")
    mine.run("dvc", "repro", "--quiet", "download")
    index = (mine.root / "build" / "index.csv").read_bytes()
    mine.commit("Keep the photographs in DVC")
    mine.run("dvc", "push", "--quiet", "2024_05.dvc")
    # An experiment in a checkout of its own finds them.
    mine.run("dvc", "exp", "run", "--quiet", "--temp", "--name", "aside", "-S", "folder.depth=1", "download", "--force")
    monkeypatch.chdir(mine.root)
    request = RecipeRequest({"dataset": "folder"}, data=Path("2024_05"), queue=True)
    (queued,) = plan(mine.root, load_recipe(mine.root, "osf-best"), request)
    assert (queued.parameters.mirror, queued.parameters.folder.table) == ("2024_05", "rocks.csv")
    assert {"--queue", "dataset=folder"} <= set(queued.command)
    assert not {"mirror=data", "folder.table=stages/no_labels.csv"} & set(queued.command), "as committed"

    mine.run("git", "clone", "--quiet", str(mine.root), str(tmp_path / "theirs"))
    theirs = Clone(tmp_path / "theirs", warm)
    shutil.rmtree(mine.root / ".dvc" / "cache")
    theirs.run("dvc", "pull", "--quiet", "2024_05.dvc")
    theirs.run("dvc", "repro", "--quiet", "download")
    assert (theirs.root / "build" / "index.csv").read_bytes() == index
    (theirs.root / "rocks.csv").write_text("file,label\n", encoding="utf-8")
    assert "rocks.csv" in theirs.run("dvc", "status", "download")
    theirs.run("git", "checkout", "--quiet", "rocks.csv")

    refused = theirs.run("dvc", "exp", "run", "--name", "number", "-S", "mirror=2024_05", "download", status=255)
    assert "202405" in refused, "DVC says which folder it looked for"
    assert "decode" not in refused
    theirs.run("git", "checkout", "--quiet", "params.yaml")
    theirs.run("dvc", "exp", "run", "--quiet", "--name", "quoted", "-S", "mirror='2024_05'", "download")

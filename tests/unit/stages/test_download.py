"""The stage script, run as DVC runs it: a process of its own in the checkout's root."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from lithoscope.cli.main import main
from lithoscope.config.yaml import read_yaml
from lithoscope.data.set_source import set_source

from helpers.photographs_on_disk import class_folders, tree
from helpers.stage import run_stage
from helpers.static_server import served

pytestmark = pytest.mark.slow


@pytest.fixture
def workspace(checkout: Path, tmp_path: Path) -> Path:
    """A folder with the stage's script and parameters; the source code is the checkout's own."""
    root = tmp_path / "a workspace"
    (root / "stages").mkdir(parents=True)
    for name in ("params.yaml", "stages/_checkout.py", "stages/download.py"):
        (root / name).write_bytes((checkout / name).read_bytes())
    (root / "src").symlink_to(checkout / "src")
    return root


def run(workspace: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "KAGGLE_"))}
    return subprocess.run(
        [sys.executable, "stages/download.py"],
        cwd=workspace,
        env={**clean, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_photographs_of_a_folder_are_catalogued_and_a_second_run_writes_the_same_bytes(
    workspace: Path, tmp_path: Path
) -> None:
    photos = class_folders(tmp_path / "My Rocks (1) [x]", "quartz", "Rock Salt", each=3)
    (photos / "quartz" / "notes.txt").write_text("no photograph", encoding="utf-8")
    set_source(workspace / "params.yaml", "folder", photos)
    result = run(workspace)
    assert result.returncode == 0, result.stderr
    assert "6 photographs of 2 classes" in result.stdout
    assert "set aside: quartz/notes.txt (not an image)" in result.stdout
    index = pd.read_csv(workspace / "build" / "index.csv", keep_default_na=False)
    assert all((workspace / path).is_file() for path in index["path"])
    assert json.loads((workspace / "build" / "dataset.json").read_text(encoding="utf-8"))["classes"] == [
        "Rock Salt",
        "quartz",
    ]
    first = tree(workspace / "build")
    assert run(workspace).returncode == 0
    assert tree(workspace / "build") == first


def test_a_name_cannot_steer_the_terminal(workspace: Path, tmp_path: Path) -> None:
    photos = class_folders(tmp_path / "set", "quartz", "salt")
    (photos / "quartz" / "a\x1b[2J\n.png").write_bytes(b"no photograph")
    set_source(workspace / "params.yaml", "folder", photos)
    result = run(workspace)
    assert result.returncode == 0, result.stderr
    assert "set aside: quartz/a\\x1b[2J\\n.png (not an image)\n" in result.stdout
    assert "\x1b" not in result.stdout


def test_half_done_work_lies_in_the_real_repository(workspace: Path, tmp_path: Path) -> None:
    set_source(workspace / "params.yaml", "folder", class_folders(tmp_path / "set", "a", "b"))
    assert run(workspace, DVC_ROOT=str(tmp_path / "real")).returncode == 0
    assert (tmp_path / "real" / ".partial" / "download" / "folder").is_dir()
    assert {path.name for path in (workspace / ".partial").iterdir()} == {"stage.lock"}


@pytest.mark.parametrize(
    ("dataset", "remedy"),
    [
        ("specimens", "run `dvc pull data.dvc`"),
        ("folder", "run `lithoscope use PATH`"),
        ("minerals", "KAGGLE_API_TOKEN"),
    ],
)
def test_a_source_that_is_not_there_is_one_line_with_its_remedy(workspace: Path, dataset: str, remedy: str) -> None:
    set_source(workspace / "params.yaml", dataset, None)
    result = run(workspace, HOME=str(workspace), KAGGLE_CONFIG_DIR=str(workspace))
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert remedy in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (workspace / "build" / "index.csv").exists()


def test_what_use_fetched_from_an_address_is_not_fetched_again(
    workspace: Path, tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.make_archive(
        str(tmp_path / "site" / "rocks"), "zip", class_folders(tmp_path / "p", "quartz", "salt", each=3)
    )
    monkeypatch.chdir(workspace)
    with served(tmp_path / "site") as site:
        address = f"{site}rocks.zip"
        assert main(["use", address]) == 0
        assert capsys.readouterr().out.startswith(f"{address}\ndataset: folder")
        assert read_yaml(workspace / "params.yaml")["mirror"] == address
        result = run_stage(checkout, workspace, "download")
    assert result.returncode == 0, result.stderr
    assert "1 file, 0.0 MB, 1 of them already there" in result.stderr
    assert "6 photographs of 2 classes" in result.stdout
    assert not list((workspace / ".partial").rglob("*.done"))

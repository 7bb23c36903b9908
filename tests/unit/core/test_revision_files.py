import shutil
from pathlib import Path

import pytest
from dvc.repo import Repo
from dvc.scm import SCMError

from lithoscope.core.revision_files import NotThereError, fetch_revision_files

from helpers.git_checkout import git


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose one commit has a file of Git, a file of DVC, and a folder of DVC."""
    root = tmp_path_factory.mktemp("project")
    git(root, "init", "--quiet")
    Repo.init(str(root))
    (root / "of-git.txt").write_text("granite")
    (root / "of-dvc.txt").write_text("basalt")
    (root / "folder").mkdir()
    (root / "folder" / "inside.txt").write_text("schist")
    with Repo(str(root)) as repo:
        repo.add([str(root / "of-dvc.txt"), str(root / "folder")])
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "Photographs")
    return root


@pytest.mark.parametrize("name", ["of-git.txt", "of-dvc.txt", "folder/inside.txt"])
@pytest.mark.parametrize("optional", [False, True])
def test_what_a_revision_has_is_copied(project: Path, tmp_path: Path, name: str, optional: bool) -> None:
    fetch_revision_files(project, "HEAD", [(name, tmp_path / "copy")], optional=optional)
    assert (tmp_path / "copy").read_text() == (project / name).read_text()


def test_what_a_revision_does_not_have_is_left_out_where_it_may_be_missing(project: Path, tmp_path: Path) -> None:
    wanted = [("nothing.txt", tmp_path / "nothing"), ("of-dvc.txt", tmp_path / "copy")]
    fetch_revision_files(project, "HEAD", wanted, optional=True)
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]
    with pytest.raises(NotThereError) as raised:
        fetch_revision_files(project, "HEAD", wanted[:1])
    assert raised.value.name == "nothing.txt"


def test_a_revision_that_is_not_there_is_no_missing_file(project: Path, tmp_path: Path) -> None:
    with pytest.raises(SCMError):
        fetch_revision_files(project, "no-such-branch", [("of-git.txt", tmp_path / "copy")], optional=True)


@pytest.mark.parametrize("name", ["of-dvc.txt", "folder"])
def test_what_the_cache_lost_is_no_missing_file(project: Path, tmp_path: Path, name: str) -> None:
    copy = tmp_path / "copy of the project"
    shutil.copytree(project, copy)
    shutil.rmtree(copy / ".dvc" / "cache")
    with pytest.raises(NotThereError) as raised:
        fetch_revision_files(copy, "HEAD", [(name, tmp_path / "made")], optional=True)
    assert raised.value.name == name

"""Git as it is found: a project in a folder of a repository, another owner's, shallow, a worktree, CRLF by habit."""

from pathlib import Path

import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.core.git import changed_files, git_output, read_blobs
from lithoscope.experiments.dvc_runs import fetch_files
from lithoscope.experiments.recipes import committed_parameters
from lithoscope.experiments.reproducibility import LOCK, check, record
from lithoscope.gate.result_files import revision_files
from lithoscope.tracking import environment

from helpers.git_checkout import git, small_checkout


def test_files_of_several_commits_are_read_byte_for_byte_and_what_is_not_there_is_left_out(tmp_path: Path) -> None:
    below = tmp_path / "a folder"
    below.mkdir()
    git(tmp_path, "init", "--quiet")
    texts = (b"first\nmissing\n\x00\xff", b"")
    for text in texts:
        (below / "file").write_bytes(text)
        git(tmp_path, "add", "--all")
        git(tmp_path, "commit", "--quiet", "--message", "More")
    names = ["HEAD~1:./file", "HEAD:./nowhere at all", "HEAD:a folder", "HEAD:./file", "nobody:./file"]
    assert read_blobs(below, names) == {"HEAD~1:./file": texts[0], "HEAD:./file": texts[1]}


def test_an_answer_is_text_and_a_failure_none(tmp_path: Path) -> None:
    assert git_output(tmp_path, "rev-parse", "HEAD") is None
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    assert git_output(tmp_path, "symbolic-ref", "HEAD") == "refs/heads/main"


HERE = {"processor": "A (1)"}


@pytest.fixture
def project(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in a folder of a repository that holds others, one of which was edited."""
    monkeypatch.setattr("lithoscope.experiments.reproducibility.machine", lambda: HERE)
    root = tmp_path / "monorepo"
    project = root / "science" / "my rocks"
    project.mkdir(parents=True)
    (project / "params.yaml").write_text(git(checkout, "show", "HEAD:params.yaml"), encoding="utf-8")
    (project / LOCK).write_text("first\n", encoding="utf-8")
    record(project)
    (root / "other.txt").write_text("of another project\n", encoding="utf-8")
    (root / "params.yaml").write_text("lr: 1\n", encoding="utf-8")
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "Start")
    (root / "other.txt").write_text("edited\n", encoding="utf-8")
    return project


@pytest.mark.kind(
    about="Git",
    kind="a project in a folder of a larger repository",
    done="revisions are read from that folder",
    reported="treeverse/dvc#4969",
)
def test_a_project_in_a_folder_is_read_at_a_revision_from_that_folder(project: Path, checkout: Path) -> None:
    assert read_blobs(project, [f"HEAD:./{LOCK}", "HEAD:./other.txt"]) == {f"HEAD:./{LOCK}": b"first\n"}
    assert committed_parameters(project) == committed_parameters(checkout)
    assert "epochs" in revision_files(project, "main").files["params.yaml"]


def test_what_changed_elsewhere_in_the_repository_is_not_the_projects(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    assert changed_files(project) == []
    assert check(project, HERE) == (0, "as committed: no tracked file changed")
    assert environment()["git.changed"] == "no"
    (project / LOCK).write_text("second\n", encoding="utf-8")
    assert changed_files(project) == [LOCK]
    assert check(project, HERE) == (
        1,
        f"error: changed: {LOCK}; a machine like this one wrote the committed {LOCK}, so nothing should have",
    )
    assert environment()["git.changed"] == "yes"


def test_an_experiment_of_a_project_in_a_folder_is_fetched(project: Path, tmp_path: Path) -> None:
    (project / ".dvc").mkdir()
    (project / ".dvc" / "config").touch()
    git(project, "add", ".dvc")
    git(project, "commit", "--quiet", "--message", "Let DVC know of it")
    git(project, "update-ref", f"refs/exps/ab/{'c' * 38}/bold-rock", "HEAD")
    fetch_files(project, "bold-rock", tmp_path / "fetched", ["params.yaml", LOCK])
    assert (tmp_path / "fetched" / LOCK).read_text("utf-8") == "first\n"
    assert "epochs" in (tmp_path / "fetched" / "params.yaml").read_text("utf-8")


@pytest.mark.kind(
    about="Git",
    kind='a repository of another user, as in containers ("dubious ownership")',
    done="a line that says so; never taken for one without changes",
    reported="casperdcl/git-fame#81",
)
def test_a_repository_of_another_user_is_never_taken_for_one_without_changes(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    for ask in (changed_files, committed_parameters, lambda root: revision_files(root, "main")):
        with pytest.raises(LithoscopeError, match=r"safe\.directory"):
            ask(project)
    tags = environment()
    assert tags["git.changed"].startswith("unknown: ")
    assert "git.commit" not in tags


def test_a_folder_without_git_is_said_to_have_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert environment()["git.changed"].startswith("unknown: ")
    with pytest.raises(LithoscopeError, match="run this in a Git checkout"):
        changed_files(tmp_path)


@pytest.mark.kind(about="Git", kind="shallow clones and worktrees", done="checkouts like others", reported="–")
def test_a_shallow_clone_and_a_worktree_are_checkouts_like_others(
    tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = small_checkout(tmp_path / "origin", checkout)
    git(origin, "commit", "--quiet", "--allow-empty", "--message", "Second")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{origin}", str(shallow))
    worktree = tmp_path / "worktree"
    git(origin, "worktree", "add", "--quiet", "--detach", str(worktree))
    for root in (shallow, worktree):
        assert committed_parameters(root) == committed_parameters(origin)
        assert "params.yaml" in revision_files(root, "main").files
        (root / "params.yaml").write_text("lr: 1\n", encoding="utf-8")
        assert changed_files(root) == ["params.yaml"]
    with pytest.raises(LithoscopeError, match="no such revision here; fetch it"):
        revision_files(shallow, "HEAD~1")


@pytest.mark.kind(
    about="Git",
    kind="`core.autocrlf`",
    done="the clone has the committed bytes, so no stage is stale",
    reported="treeverse/dvc#619",
)
def test_a_clone_by_somebody_who_turns_line_ends_has_the_committed_bytes(tmp_path: Path, checkout: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "-c", "core.autocrlf=true", "clone", "--quiet", "--no-checkout", str(checkout), str(clone))
    names = ["params.yaml", "dvc.yaml", "stages/train.py", ".gitattributes"]
    git(clone, "-c", "core.autocrlf=true", "checkout", "HEAD", "--", *names)
    for name in names:
        assert (clone / name).read_bytes() == read_blobs(checkout, [f"HEAD:{name}"])[f"HEAD:{name}"]
    assert b"\r" not in (clone / "params.yaml").read_bytes()

from pathlib import Path

import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.gate.result_files import (
    EVALUATION,
    LOCK,
    PREDICTIONS,
    baseline_files,
    revision_files,
    workspace_files,
    write_snapshot,
)

from helpers.git_checkout import git
from helpers.made_up_predictions import predictions, table


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    for folder in ("plots", "metrics"):
        (root / folder).mkdir(parents=True)
    (root / PREDICTIONS).write_text(table(predictions(7, 9)), encoding="utf-8")
    (root / EVALUATION).write_text("{}\n", encoding="utf-8")
    (root / "dvc.yaml").write_text(f"stages:\n  evaluate:\n    metrics: [{EVALUATION}]\n", encoding="utf-8")
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "Start")
    return root


def test_a_revision_is_read_from_git_and_the_workspace_from_files(repository: Path) -> None:
    (repository / PREDICTIONS).write_text(table(predictions(5, 9)), encoding="utf-8")
    main, here = revision_files(repository, "main"), workspace_files(repository)
    assert (int(main.predictions().correct.sum()), int(here.predictions().correct.sum())) == (7, 5)
    assert main.commit == git(repository, "rev-parse", "HEAD").strip()
    assert main.name == f"main ({main.commit[:9]})"
    assert LOCK not in main.files


def test_the_pipeline_s_own_metrics_are_read_whatever_their_names(repository: Path) -> None:
    pipeline = (
        "stages:\n  a:\n    plots:\n    - plots/a.csv\n    - metrics/by_class.json:\n        cache: false\n"
        "    metrics:\n    - metrics/other.json:\n        cache: false\n    - metrics/plain.json\n"
    )
    (repository / "dvc.yaml").write_text(pipeline, encoding="utf-8")
    for name in ("other", "plain", "by_class", "stray"):
        (repository / "metrics" / f"{name}.json").write_text("{}", encoding="utf-8")
    assert workspace_files(repository).metrics_files() == [
        "metrics/other.json",
        "metrics/plain.json",
        "metrics/by_class.json",
    ]


def test_the_groups_of_near_duplicates_come_from_what_was_packed(repository: Path) -> None:
    rows = ["id,split,label,group,file,pixels", "00000.jpg,test,a,00000.jpg,f,p", "00001.jpg,test,b,00000.jpg,f,p"]
    (repository / "plots" / "splits.csv").write_text("\n".join([*rows, "00002.jpg,test,a,,f,p"]), encoding="utf-8")
    assert workspace_files(repository).predictions().groups[:4] == ["00000.jpg", "00000.jpg", "00002.jpg", "00003.jpg"]


def test_a_clone_of_one_branch_finds_main_at_its_origin(repository: Path, tmp_path: Path) -> None:
    git(repository, "checkout", "--quiet", "-b", "idea")
    git(tmp_path, "clone", "--quiet", str(repository), "clone")
    results = baseline_files(tmp_path / "clone", "main")
    assert results.name.startswith("origin/main (")


def test_a_snapshot_holds_all_result_files(repository: Path, tmp_path: Path) -> None:
    results = workspace_files(repository)
    write_snapshot(results, tmp_path / "before.json")
    assert baseline_files(repository, str(tmp_path / "before.json")).files == results.files


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nowhere", "nowhere: no such revision here"),
        ("nowhere.csv", "--baseline nowhere.csv: no such file"),
        ("--all", "--all: no such revision here"),
        (EVALUATION, "not a snapshot"),
    ],
)
def test_what_is_no_baseline_is_refused_in_a_line(
    repository: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: str
) -> None:
    monkeypatch.chdir(repository)
    with pytest.raises(LithoscopeError, match=expected) as caught:
        baseline_files(repository, text)
    assert len(str(caught.value).splitlines()) == 1


def test_figures_that_the_lock_does_not_know_are_altered(repository: Path) -> None:
    # `md5sum` of "{}" and a line's end
    lock = f"stages:\n  evaluate:\n    outs:\n    - path: {EVALUATION}\n      md5: 8a80554c91d9fca8acb82f023de02f11\n"
    (repository / LOCK).write_text(lock, encoding="utf-8")
    assert workspace_files(repository).altered_files() == []
    (repository / EVALUATION).write_text("{} \n", encoding="utf-8")
    assert workspace_files(repository).altered_files() == [EVALUATION]

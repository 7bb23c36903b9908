import json
from pathlib import Path

import pytest

from lithoscope.experiments.reproducibility import LOCK, RECORD, check, machine, record

from helpers.git_checkout import git

HERE = {"processor": "A (1)", "instructions": "AVX512", "torch": "2.13.0"}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose lock was written, and committed, on this machine."""
    monkeypatch.setattr("lithoscope.experiments.reproducibility.machine", lambda: HERE)
    for name in (LOCK, "figures.json"):
        (tmp_path / name).write_text("first\n", encoding="utf-8")
    assert record(tmp_path)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "Start")
    return tmp_path


def test_where_nothing_changed_all_is_well_on_any_machine(root: Path) -> None:
    (root / "untracked.txt").touch()
    assert check(root, {"processor": "another"}) == (0, "as committed: no tracked file changed")
    assert not record(root), "the lock was written by the machine that the record names"


def test_on_a_machine_like_it_a_change_is_an_error_that_names_the_files(root: Path) -> None:
    (root / "figures.json").write_text("second\n", encoding="utf-8")
    status, line = check(root, HERE)
    assert status == 1
    assert "changed: figures.json; a machine like this one" in line


def test_elsewhere_a_change_is_to_be_expected_and_what_differs_is_said(root: Path) -> None:
    for name in (LOCK, "figures.json"):
        (root / name).write_text("second\n", encoding="utf-8")
    assert record(root), "the new lock is this machine's"
    status, line = check(root, {**HERE, "instructions": "AVX2"})
    assert status == 0
    assert "instructions: AVX512, here AVX2" in line
    assert "processor" not in line


@pytest.mark.parametrize("text", ["", "{}", "[]", json.dumps({LOCK: "0" * 64, **HERE})])
def test_a_record_of_another_lock_or_none_does_not_excuse_a_change(root: Path, text: str) -> None:
    (root / RECORD).write_text(text, encoding="utf-8")
    git(root, "commit", "--quiet", "--all", "--message", "Forget")
    (root / "figures.json").write_text("second\n", encoding="utf-8")
    status, line = check(root, {"processor": "another"})
    assert status == 1
    assert "run `make repro` where it was written" in line


def test_a_machine_is_its_processor_and_its_packages() -> None:
    here = machine()
    assert here == machine()
    assert all(here[name] for name in ("processor", "instructions", "python", "torch", "numpy", "scipy", "matplotlib"))

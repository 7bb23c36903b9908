"""CI runs what anybody can run: every step is a target of the Makefile, and ``.ci/run`` runs the same ones."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from lithoscope.config.yaml import read_yaml

SETUP = "./.github/actions/setup"
Step = dict[str, Any]


@pytest.fixture(scope="module")
def workflow(checkout: Path) -> dict[str, Any]:
    read: dict[str, Any] = read_yaml(checkout / ".github" / "workflows" / "check.yml")
    return read


@pytest.fixture(scope="module")
def jobs(workflow: dict[str, Any], checkout: Path) -> dict[str, list[Step]]:
    """Each job's steps, those of the set-up that jobs share in its place."""
    setup: list[Step] = read_yaml(checkout / SETUP / "action.yml")["runs"]["steps"]
    return {
        name: [inner for step in job["steps"] for inner in (setup if step.get("uses") == SETUP else [step])]
        for name, job in workflow["jobs"].items()
    }


@pytest.fixture(scope="module")
def local(checkout: Path) -> list[str]:
    return re.findall(r"^make .*$", (checkout / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)


def commands(steps: list[Step]) -> list[str]:
    return [step["run"] for step in steps if "run" in step]


def test_every_command_is_a_target_of_the_makefile(jobs: dict[str, list[Step]], checkout: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (checkout / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for steps in jobs.values():
        assert commands(steps)
        for command in commands(steps):
            matched = re.fullmatch(r"make ([a-z-]+)( [A-Z]+=\S+)*", command)
            assert matched, command
            assert matched[1] in targets, command


def test_jobs_begin_with_the_set_up_and_do_not_wait_for_each_other(
    workflow: dict[str, Any], jobs: dict[str, list[Step]]
) -> None:
    assert list(jobs) == ["lint", "test", "pipeline"]
    for name, steps in jobs.items():
        assert commands(steps)[0] == "make setup", name
        assert "needs" not in workflow["jobs"][name]
        assert workflow["jobs"][name]["timeout-minutes"] <= 60


def test_the_local_check_runs_the_same_commands_each_job_s_in_its_order(
    jobs: dict[str, list[Step]], local: list[str]
) -> None:
    for steps in jobs.values():
        assert [command for command in local if command in commands(steps)] == commands(steps)
    assert len(local) == len(set(local))
    assert set(local) == {command for steps in jobs.values() for command in commands(steps)}


def test_lint_looks_at_code_layers_and_documentation(jobs: dict[str, list[Step]]) -> None:
    assert commands(jobs["lint"]) == ["make setup", "make check", "make docs"]


def test_the_pipeline_is_reproduced_compared_and_judged(jobs: dict[str, list[Step]]) -> None:
    wanted = ["make gate REV=HEAD", "make repro", "make unchanged", "make gate", "make image"]
    assert commands(jobs["pipeline"])[1:] == wanted
    (uploaded,) = [step for step in jobs["pipeline"] if "upload-artifact" in step.get("uses", "")]
    assert uploaded["if"] == "always()"


def test_tests_run_on_the_oldest_and_the_newest_python(workflow: dict[str, Any], checkout: Path) -> None:
    oldest, newest = workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == f">={oldest}"
    assert f"for Python {oldest} to {newest}" in (checkout / "docs" / "setup-without-make.md").read_text("utf-8")
    shared = [step for step in workflow["jobs"]["test"]["steps"] if step.get("uses") == SETUP]
    assert [step["with"] for step in shared] == [{"python": "${{ matrix.python }}"}]


def test_actions_are_pinned_and_may_only_read(workflow: dict[str, Any], jobs: dict[str, list[Step]]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    for steps in jobs.values():
        for step in steps:
            assert re.search(r"@v\d+$", step.get("uses", "actions/none@v1"))
    used = [step for steps in jobs.values() for step in steps if "uses" in step]
    checkouts = [step["with"] for step in used if step["uses"].startswith("actions/checkout@")]
    assert [options["persist-credentials"] for options in checkouts] == [False] * len(jobs)
    assert [options.get("fetch-depth") for options in checkouts] == [None, 0, 0]
    (key,) = {step["with"]["key"] for step in used if step["uses"].startswith("actions/cache@")}
    assert "hashFiles('requirements.txt'" in key
    assert "inputs.python" in key


def test_the_report_is_tested_in_a_browser_that_must_be_there(jobs: dict[str, list[Step]], checkout: Path) -> None:
    assert commands(jobs["test"]) == ["make setup", "make browser", "make test"]
    (test,) = [step for step in jobs["test"] if step.get("run") == "make test"]
    assert test["env"] == {"LITHOSCOPE_BROWSER": "required"}
    assert "export LITHOSCOPE_BROWSER=required\n" in (checkout / ".ci" / "run").read_text(encoding="utf-8")

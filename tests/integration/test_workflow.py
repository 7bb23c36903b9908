"""CI runs what anybody can run: every step is a target of the Makefile, and ``.ci/run`` runs the same ones."""

import re
from pathlib import Path
from typing import Any

import pytest

from lithoscope.config.yaml import read_yaml


@pytest.fixture(scope="module")
def workflow(checkout: Path) -> dict[str, Any]:
    read: dict[str, Any] = read_yaml(checkout / ".github" / "workflows" / "check.yml")
    return read


@pytest.fixture(scope="module")
def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    (job,) = workflow["jobs"].values()
    found: list[dict[str, Any]] = job["steps"]
    return found


def test_every_command_is_a_target_of_the_makefile(steps: list[dict[str, Any]], checkout: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (checkout / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    commands = [step["run"] for step in steps if "run" in step]
    assert commands
    for command in commands:
        matched = re.fullmatch(r"make ([a-z-]+)( [A-Z]+=\S+)*", command)
        assert matched, command
        assert matched[1] in targets, command


def test_the_local_check_runs_the_same_commands_in_the_same_order(steps: list[dict[str, Any]], checkout: Path) -> None:
    local = re.findall(r"^make .*$", (checkout / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)
    assert local == [step["run"] for step in steps if "run" in step]


def test_actions_are_pinned_and_may_only_read(workflow: dict[str, Any], steps: list[dict[str, Any]]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    used = {step["uses"].partition("@")[0]: step for step in steps if "uses" in step}
    for step in used.values():
        assert re.search(r"@v\d+$", step["uses"])
    assert used["actions/checkout"]["with"]["fetch-depth"] == 0
    assert "hashFiles('requirements.txt'" in used["actions/cache"]["with"]["key"]
    assert used["actions/upload-artifact"]["if"] == "always()"


def test_the_report_is_tested_in_a_browser_that_must_be_there(steps: list[dict[str, Any]], checkout: Path) -> None:
    commands = [step["run"] for step in steps if "run" in step]
    assert commands.index("make browser") == commands.index("make test") - 1
    (test,) = [step for step in steps if step.get("run") == "make test"]
    assert test["env"] == {"LITHOSCOPE_BROWSER": "required"}
    assert "export LITHOSCOPE_BROWSER=required\n" in (checkout / ".ci" / "run").read_text(encoding="utf-8")

"""Stages as processes: one at a time in a folder, and none longer than the dvc that started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helpers.stopping import PATIENCE, is_gone, wait_until

pytestmark = pytest.mark.slow

STAGE = """
import os, sys, time
from pathlib import Path
from lithoscope.core.stage_runner import run

def main():
    name = sys.argv[1]
    Path(f"{name}.started").write_text(str(os.getpid()))
    while not Path(f"{name}.go").exists():
        time.sleep(0.05)
    with open("steps.txt", "a") as file:
        file.write(name + "\\n")

run(main)
"""
DVC = """
import subprocess, sys
subprocess.run(sys.argv[1:])
"""


def environment(checkout: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "TORCHELASTIC_", "RANK"))}
    return {**kept, "PYTHONPATH": str(checkout / "src"), **more}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "stage.py").write_text(STAGE, encoding="utf-8")
    (tmp_path / "dvc.py").write_text(DVC, encoding="utf-8")
    return tmp_path


def start(folder: Path, env: dict[str, str], *command: str, name: str) -> "subprocess.Popen[bytes]":
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen([*command], cwd=folder, env=env, stdout=log, stderr=subprocess.STDOUT)


@pytest.mark.fault(
    tried="A second stage is started in a folder where one still runs",
    outcome="It waits, says so, and runs when the first has ended",
)
def test_a_second_stage_in_the_same_folder_waits_for_the_first(folder: Path, checkout: Path) -> None:
    env = environment(checkout)
    first = start(folder, env, sys.executable, "stage.py", "first", name="first")
    wait_until((folder / "first.started").exists, "the first stage", folder / "first.log")
    second = start(folder, env, sys.executable, "stage.py", "second", name="second")
    (folder / "second.go").touch()
    wait_until(
        lambda: "waiting: another stage" in (folder / "second.log").read_text("utf-8"),
        "its line",
        folder / "second.log",
    )
    assert not (folder / "second.started").exists()
    (folder / "first.go").touch()
    assert (first.wait(PATIENCE), second.wait(PATIENCE)) == (0, 0)
    assert (folder / "steps.txt").read_text(encoding="utf-8").split() == ["first", "second"]


@pytest.mark.fault(
    tried="kill -9 of dvc alone, any stage running",
    outcome="The stage notices, says so and ends without writing; the next `dvc repro` does not meet it",
)
@pytest.mark.parametrize("through", ["the stage itself", "a shell that stays"])
@pytest.mark.parametrize("ignored", [False, True], ids=["", "interrupts ignored"])
def test_a_stage_ends_with_the_dvc_that_started_it(
    folder: Path, checkout: Path, through: str, ignored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "stage.py", "only"]
    if through == "a shell that stays":
        command = ["/bin/sh", "-c", f"{sys.executable} stage.py only; true"]
    before = signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.default_int_handler)
    try:
        dvc = start(folder, environment(checkout, DVC_STAGE="train"), sys.executable, "dvc.py", *command, name="dvc")
    finally:
        signal.signal(signal.SIGINT, before)
    wait_until((folder / "only.started").exists, "the stage", folder / "dvc.log")
    stage = int((folder / "only.started").read_text(encoding="utf-8"))
    dvc.kill()
    dvc.wait()
    wait_until(lambda: is_gone(stage), "the stage's end", folder / "dvc.log")
    assert "dvc is gone: this stage ends" in (folder / "dvc.log").read_text(encoding="utf-8")
    assert not (folder / "steps.txt").exists()


def test_a_stage_that_was_started_by_hand_outlives_its_terminal(folder: Path, checkout: Path) -> None:
    shell = start(
        folder, environment(checkout), sys.executable, "dvc.py", sys.executable, "stage.py", "only", name="shell"
    )
    wait_until((folder / "only.started").exists, "the stage", folder / "shell.log")
    stage = int((folder / "only.started").read_text(encoding="utf-8"))
    shell.kill()
    shell.wait()
    time.sleep(1.5)  # three times what a watch needs to notice
    (folder / "only.go").touch()
    wait_until(lambda: is_gone(stage), "the stage's end", folder / "shell.log")
    assert (folder / "steps.txt").read_text(encoding="utf-8") == "only\n"

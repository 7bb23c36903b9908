"""One training, and all that can befall it: the real ``dvc repro`` is hit by one fault after the other and goes on."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest
from mlflow.entities import LoggedModelStatus, Run
from mlflow.tracking import MlflowClient

from lithoscope.models.saved_model import weights_digest
from lithoscope.tracking import waiting

from helpers.disks import can_mount, fill, mount, read_only, unmount
from helpers.pipeline_clone import Clone, runs
from helpers.tracking_server import Line, TrackingServer, until

pytestmark = pytest.mark.pipeline
EPOCHS = 40
Act = Callable[["subprocess.Popen[str]"], object]


@dataclass
class Part:
    """What a command printed and how it ended."""

    status: int
    text: str

    def epochs(self) -> list[int]:
        """The epochs it told of."""
        return [int(number) for number in re.findall(r"^epoch +(\d+)/", self.text, re.MULTILINE)]

    def lines(self, start: str) -> list[str]:
        """The lines that begin so."""
        assert "Traceback" not in self.text, self.text
        return [line for line in self.text.splitlines() if line.startswith(start)]


@dataclass
class Story:
    """What happened, in its order."""

    clone: Clone
    client: MlflowClient
    parts: dict[str, Part] = field(default_factory=dict)

    def runs(self) -> list[Run]:
        """The server's runs, the oldest first."""
        return runs(self.client)


def work(clone: Clone, *command: str, when: str = "", act: Act = lambda _: None) -> Part:
    """Run a command; act as soon as it prints a line."""
    printed = []
    with subprocess.Popen(
        command,
        cwd=clone.root,
        env=clone.environment,
        text=True,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            printed.append(line)
            if when and line.startswith(when):
                act(process)
                when = ""
    assert not when, f"{when} was never printed:\n{''.join(printed)}"
    return Part(process.returncode, "".join(printed))


def epoch(number: int) -> str:
    return f"epoch {number:>3}/{EPOCHS}"


@pytest.fixture(scope="module")
def story(packed_clone: Clone, blank_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Interrupt, fill the disk, forbid writing, kill the server, kill the delivery; then train once undisturbed."""
    clone = packed_clone.copy(tmp_path_factory.mktemp("story") / "clone")
    clone.edit("params.yaml", r"^epochs: \d+", f"epochs: {EPOCHS}")
    clone.edit("params.yaml", r"^  patience: \d+", "  patience: 0")
    server = TrackingServer(tmp_path_factory.mktemp("server"), blank_database)
    server.start()
    line = Line(server.port)
    clone.environment |= {"MLFLOW_TRACKING_URI": line.address, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    disk = clone.root / ".partial"
    if can_mount():
        mount(disk, "64m")
    told = Story(clone, MlflowClient(server.address))
    try:
        _happen(told, server, line, disk)
        shutil.copyfile(blank_database, clone.root / "mlflow.db")
        del clone.environment["MLFLOW_TRACKING_URI"]
        yield told
    finally:
        line.close()
        server.kill()
        unmount(disk)


def _happen(told: Story, server: TrackingServer, line: Line, disk: Path) -> None:
    clone, parts = told.clone, told.parts

    def interrupt(process: "subprocess.Popen[str]") -> None:
        os.killpg(process.pid, signal.SIGINT)

    def no_space(process: "subprocess.Popen[str]") -> None:
        os.killpg(process.pid, signal.SIGSTOP)  # so that filling takes no time
        fill(disk)
        os.killpg(process.pid, signal.SIGCONT)

    parts["interrupted"] = work(clone, "dvc", "repro", when=epoch(3), act=interrupt)
    if disk.is_mount():
        parts["full"] = work(clone.cold(), "dvc", "repro", when=epoch(10), act=no_space)
        (disk / "filler").unlink()
        read_only(disk, on=True)
        parts["read-only"] = work(clone, "dvc", "repro")
        read_only(disk, on=False)
    parts["vanished"] = work(clone, "dvc", "repro", when=epoch(20), act=lambda _: server.kill())
    parts["status"] = work(clone, "dvc", "status", "train", "evaluate", "report")
    shutil.copytree(disk / "undelivered", disk.parent / "kept")
    parts["away"] = work(clone, "lithoscope", "deliver")
    server.start()
    line.calls, line.die_after = 0, 12
    with subprocess.Popen(["lithoscope", "deliver"], cwd=clone.root, env=clone.environment) as delivery:
        until(line.dead.is_set, "the twelfth call of the delivery")
        delivery.kill()
    line.die_after = 10**9
    line.dead.clear()
    parts["delivered"] = work(clone, "lithoscope", "deliver")


@pytest.mark.fault(
    tried="Ctrl-C in the middle of training, to all of `dvc repro`",
    outcome="One line; the MLflow run says KILLED; the next `dvc repro` goes on after the last epoch",
)
def test_ctrl_c(story: Story) -> None:
    part, after = story.parts["interrupted"], story.parts.get("full", story.parts["vanished"])
    assert part.status != 0
    assert part.lines("stopped") == ["stopped; the next `dvc repro` goes on: a training after its last epoch"]
    assert 1 < after.epochs()[0] <= part.epochs()[-1] + 1
    assert story.runs()[0].info.status == "KILLED"


@pytest.mark.fault(
    tried="A disk that fills up in the middle of training",
    outcome="One line that names the place; with space again the next `dvc repro` goes on after the last epoch",
)
def test_a_full_disk(story: Story) -> None:
    if "full" not in story.parts:
        pytest.skip("only the administrator of a Linux system can mount a small disk")
    part, after = story.parts["full"], story.parts["vanished"]
    assert part.status != 0
    (error,) = part.lines("error")
    assert f"{story.clone.root / '.partial'}" in error
    assert "the disk is full: free some space and start again; what was finished is kept" in error
    assert 1 < after.epochs()[0] <= part.epochs()[-1] + 1
    assert story.runs()[1].info.status == "FAILED"


@pytest.mark.fault(
    tried="A folder for half-done work that can only be read",
    outcome="One line before anything is trained; when it can be written again the next `dvc repro` goes on",
)
def test_a_read_only_folder(story: Story) -> None:
    if "read-only" not in story.parts:
        pytest.skip("only the administrator of a Linux system can mount a small disk")
    part = story.parts["read-only"]
    assert part.status != 0
    (error,) = part.lines("error")
    assert error.startswith(f"error: {story.clone.root / '.partial'}")
    assert error.endswith(": that place can only be read: choose another one")
    assert part.epochs() == []
    assert story.parts["vanished"].epochs()[-1] == EPOCHS


@pytest.mark.fault(
    tried="The MLflow server is killed in the middle of training, and stays away",
    outcome="One line in each stage that tracks; training, evaluation and report are finished and DVC keeps them; "
    "what the server lacks is kept under `.partial/undelivered/`",
)
def test_a_server_that_vanishes(story: Story) -> None:
    part = story.parts["vanished"]
    assert part.status == 0, part.text
    training, evaluation, report = part.lines("note: MLflow: the store ")
    assert "took nothing (" in training
    assert "cannot be used (" in evaluation
    assert "cannot be used (" in report
    assert part.epochs()[-1] == EPOCHS
    assert "the run is kept in " in part.text
    assert "Data and pipelines are up to date" in story.parts["status"].text
    assert len(list((story.clone.root / "kept").iterdir())) == 3


@pytest.mark.fault(
    tried="`lithoscope deliver` while the server is still away",
    outcome="One line, status 1, and everything is still kept",
)
def test_a_delivery_without_a_server(story: Story) -> None:
    part = story.parts["away"]
    assert part.status == 1
    (error,) = part.text.splitlines()
    assert error.startswith("error: MLflow: the store http://127.0.0.1:")
    assert f"nothing was sent, 3 runs wait in {story.clone.root / '.partial' / 'undelivered'}" in error


@pytest.mark.fault(
    tried="`lithoscope deliver` is killed in the middle, and started again",
    outcome="The run is whole: every epoch once, parameters, tags, model, files, and the evaluation's figures",
)
def test_a_delivery_that_is_killed_and_started_again(story: Story) -> None:
    part = story.parts["delivered"]
    assert part.status == 0, part.text
    assert "sent " in part.text
    assert waiting(story.clone.root) == []
    run = story.runs()[-1]
    assert run.info.status == "FINISHED"
    assert run.data.params["epochs"] == str(EPOCHS)
    assert run.data.tags["sha256.weights"] == weights_digest(story.clone.root / "build" / "model")
    history = pd.read_csv(story.clone.root / "plots" / "history.csv")
    for name in ("lr", "train_loss", "train_accuracy", "val_loss", "val_accuracy"):
        points = story.client.get_metric_history(run.info.run_id, name)
        assert [point.step for point in points] == list(range(1, EPOCHS + 1))
        assert [point.value for point in points] == pytest.approx(history[name].tolist(), rel=1e-5)
    assert {"seconds", "best_epoch", "temperature", "test.accuracy"} <= set(run.data.metrics)
    kept = {entry.path for entry in story.client.list_artifacts(run.info.run_id)}
    assert {"history.csv", "evaluation.json", "predictions.csv", "photographs.png", "report"} <= kept
    outputs = story.client.get_run(run.info.run_id).outputs
    assert outputs is not None
    (model_id,) = {output.model_id for output in outputs.model_outputs}
    assert story.client.get_logged_model(model_id).status == LoggedModelStatus.READY
    statuses = [one.info.status for one in story.runs()]
    assert "RUNNING" not in statuses
    assert statuses.count("FINISHED") == 1


@pytest.mark.fault(
    tried="All of these, one after the other, in one training",
    outcome="The weights are those of a training that nothing disturbed, byte for byte",
)
def test_the_weights_are_those_of_an_undisturbed_training(story: Story) -> None:
    before = weights_digest(story.clone.root / "build" / "model")
    again = work(story.clone, "dvc", "repro", "--force", "--single-item", "train")
    assert again.status == 0, again.text
    assert again.epochs() == list(range(1, EPOCHS + 1))
    assert weights_digest(story.clone.root / "build" / "model") == before

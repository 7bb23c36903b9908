"""Two nodes on the loopback, one process each, started by the real ``torchrun``: one is killed, and all go on."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lithoscope.training.history import TrainingResult

from helpers.sharded_cases import fit

pytestmark = pytest.mark.slow

CASE = "batch norm, dropout, average of weights"
TOLERANCE = 2e-4
"""Of losses, nats; docs/repeats.md states it."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_process_that_is_killed_on_one_node_is_started_again_and_all_go_on(tmp_path: Path) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
    meeting = ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{free_port()}", "--max-restarts", "2"]
    nodes = [
        subprocess.Popen(
            [*torchrun, *meeting, "-m", "helpers.sharded_cases", str(tmp_path), CASE],
            cwd=Path(__file__).parents[1],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for _ in range(2)
    ]
    printed = [node.communicate(timeout=300)[0] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], "\n".join(printed)
    # Each began with the first epoch; started again, it went on after the last whole one.
    for rank in range(2):
        assert (tmp_path / f"epochs.{rank}").read_text("utf-8").splitlines()[0] == "restart 0, epoch 1"
    (*_, last) = (tmp_path / "epochs.1").read_text("utf-8").splitlines()
    together, alone = TrainingResult.load(tmp_path / f"{CASE}.pt"), fit(CASE, tmp_path / "alone")
    assert last == f"restart 1, epoch {alone.history[-1].epoch}"
    for first, second in zip(alone.history, together.history, strict=True):
        assert second.measured() == pytest.approx(first.measured(), abs=TOLERANCE), f"epoch {first.epoch}"
    states = [torch.load(tmp_path / f"{CASE}.{rank}.pt", weights_only=True) for rank in range(2)]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())

"""Two nodes on the loopback, one process each, started by the real ``torchrun``: one is killed, and both go on."""

import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import torch

from lithoscope.training.history import TrainingResult

from helpers.sharded_cases import fit
from helpers.tracking_server import free_port

pytestmark = pytest.mark.slow

CASE = "batch norm, dropout, average of weights"
TAKEN = re.compile("EADDRINUSE|address already in use", re.IGNORECASE)
TOLERANCE = 2e-4
"""Of losses, nats; docs/repeats.md states it."""


def run_two_nodes(folder: Path) -> tuple[list[int], str]:
    """Run both to their ends, and return how they ended and what they printed; none is left behind."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
    meeting = ["--max-restarts", "0", "--master-addr", "127.0.0.1", "--master-port", str(free_port())]
    nodes = [
        psutil.Popen(
            [*torchrun, *meeting, "--node-rank", str(rank), "-m", "helpers.sharded_cases", str(folder), CASE],
            cwd=Path(__file__).parents[1],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for rank in range(2)
    ]
    try:
        printed = "\n".join(node.communicate(timeout=300)[0] for node in nodes)
        return [node.returncode for node in nodes], printed
    finally:
        for node in nodes:
            if node.poll() is None:
                for process in (*node.children(recursive=True), node):
                    with suppress(psutil.NoSuchProcess):
                        process.kill()
                node.wait()


def run_where_a_port_is_free(folder: Path) -> tuple[list[int], str]:
    ended, printed = run_two_nodes(folder)
    return run_two_nodes(folder) if TAKEN.search(printed) else (ended, printed)  # by another program, since it was free


def epochs(folder: Path, rank: int) -> list[int]:
    return [int(line) for line in (folder / f"epochs.{rank}").read_text("utf-8").split()]


def test_nodes_of_which_one_was_killed_go_on_when_they_are_started_again(tmp_path: Path) -> None:
    folder = tmp_path / "together"
    folder.mkdir()
    ended, printed = run_where_a_port_is_free(folder)
    assert 0 not in ended, f"the death of one ends both: {printed}"
    assert epochs(folder, 1) == [1]
    ended, printed = run_where_a_port_is_free(folder)
    assert ended == [0, 0], printed
    together, alone = TrainingResult.load(folder / f"{CASE}.pt"), fit(CASE, tmp_path / "alone")
    last = alone.history[-1].epoch
    assert epochs(folder, 1)[1:] == list(range(epochs(folder, 1)[1], last + 1)), "it went on"
    for first, second in zip(alone.history, together.history, strict=True):
        assert second.measured() == pytest.approx(first.measured(), abs=TOLERANCE), f"epoch {first.epoch}"
    states = [torch.load(folder / f"{CASE}.{rank}.pt", weights_only=True) for rank in range(2)]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())

"""One process or two, started by the real ``torchrun``, on the processor."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from lithoscope.training.history import TrainingResult
from lithoscope.training.sharded_batch import ShardedBatch

from helpers.sharded_cases import CASES, fit, start

pytestmark = pytest.mark.slow

TOLERANCE, TOLERANCE_WITHOUT_NORMS = 2e-4, 1e-5
"""Of losses, nats; docs/repeats.md states them. Sums are taken in another order, and norms amplify that."""
STEPS = 0.05
"""Of what the weights moved, as a share of its length; torch's own sums differ by as much in a thread or two more."""


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes made of every case."""
    folder = tmp_path_factory.mktemp("sharded")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*torchrun, "-m", "helpers.sharded_cases", str(folder)],
        cwd=Path(__file__).parents[1],
        text=True,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout
    assert "Warning" not in done.stdout, done.stdout
    return folder


@pytest.mark.parametrize("case", CASES)
def test_two_processes_train_what_one_trains(sharded: Path, tmp_path: Path, case: str) -> None:
    alone, together = fit(case, tmp_path), TrainingResult.load(sharded / f"{case}.pt")
    tolerance = TOLERANCE_WITHOUT_NORMS if case == "no batch norm" else TOLERANCE
    for first, second in zip(alone.history, together.history, strict=True):
        assert second.measured() == pytest.approx(first.measured(), abs=tolerance), f"epoch {first.epoch}"
    assert alone.best_epoch == together.best_epoch
    if case == "AdamW":  # which makes steps of one length out of gradients of any
        return
    before = start(case)
    trained = [name for name in before if name.endswith(("weight", "bias"))]
    one, two = (
        torch.cat([(result.state[name] - before[name]).flatten() for name in trained]) for result in (alone, together)
    )
    assert one.norm() > 0
    assert (two - one).norm() < STEPS * one.norm()


@pytest.mark.parametrize("case", CASES)
def test_both_processes_end_with_the_same_bytes(sharded: Path, case: str) -> None:
    first, second = (torch.load(sharded / f"{case}.{rank}.pt", weights_only=True) for rank in (0, 1))
    assert all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last], ids=str)
def test_a_part_of_a_batch_gets_the_draws_that_its_rows_get_in_the_whole_batch(memory: torch.memory_format) -> None:
    whole = torch.rand(7, 3, 4, 5).contiguous(memory_format=memory)
    torch.manual_seed(1)
    expected = F.dropout(whole, 0.5)
    for rank in range(3):
        torch.manual_seed(1)
        with ShardedBatch(7, rank, 3):
            part = F.dropout(whole[rank::3].contiguous(memory_format=memory), 0.5)
        assert torch.equal(part, expected[rank::3])

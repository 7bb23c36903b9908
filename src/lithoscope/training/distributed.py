"""Distributed training: one process, or several that train one network together, as ``torchrun`` starts them.

The first one is the main process: it alone writes files and talks to MLflow. With one process everything here does
nothing.
"""

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist

from lithoscope.core.errors import LithoscopeError

_Value = TypeVar("_Value")
_PATIENCE = timedelta(days=30)
"""How long one process waits for another: the first one may wait for another training, and a dead one ends all."""


def start(device: str, threads: int) -> int:
    """Join the processes that ``torchrun`` started, over gloo (on GPUs nccl).

    Args:
        device: Resolved; on ``cuda`` each process takes the GPU of its number.
        threads: Processor threads that the whole training may use on this machine.

    Returns:
        How many of them are this process's own, at least one; all of them where it is alone.

    Raises:
        LithoscopeError: The device is one that several processes cannot share, or something else started them.
    """
    asked = os.environ.get("WORLD_SIZE", "1")
    if asked == "1":
        return threads
    if not {"RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR"} <= os.environ.keys():
        raise LithoscopeError(
            f"WORLD_SIZE = {asked} in the environment, but torchrun did not start this: start several processes with "
            "torchrun, or unset it"
        )
    if device not in {"cpu", "cuda"}:
        raise LithoscopeError(f"device = {device}: one process alone can train on it; allowed with torchrun: cpu, cuda")
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("gloo" if device == "cpu" else "cpu:gloo,cuda:nccl", timeout=_PATIENCE)
    atexit.register(dist.destroy_process_group)
    return max(1, threads // local_world_size())


def world_size() -> int:
    """Return how many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Return this one's number, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def local_world_size() -> int:
    """Return how many of them run on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if world_size() > 1 else 1


def is_main_process() -> bool:
    """Return whether this is the first process, or the only one, which writes the files."""
    return rank() == 0


def barrier() -> None:
    """Wait until every process has come here."""
    if world_size() > 1:
        dist.barrier()


def broadcast(value: _Value) -> _Value:
    """Return the first process's value in every one; others wait for it."""
    if world_size() == 1:
        return value
    values = [value]
    dist.broadcast_object_list(values)
    return values[0]


@contextmanager
def main_process_first() -> Iterator[None]:
    """Have the others do something when the first one has done it, and find what it left."""
    if not is_main_process():
        barrier()
    yield
    if is_main_process():
        barrier()

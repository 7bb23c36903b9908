import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from lithoscope.core.errors import LithoscopeError, circumstance
from lithoscope.core.files import reserve
from lithoscope.core.stage_runner import run


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_what_the_machine_refuses_is_a_line_with_the_place_and_what_to_do(number: int) -> None:
    line = circumstance(OSError(number, os.strerror(number), "build/arrays/train.npy"))
    assert line is not None
    assert line.startswith("build/arrays/train.npy: ")
    assert "\n" not in line


@pytest.mark.fault(
    tried="A disk that fills up while weights, checkpoints or arrays are written, by each library that writes them",
    outcome="The stage ends with one line that names the place whose disk is full",
)
def test_however_a_library_says_that_a_disk_is_full_it_is_a_line(small_disk: Path) -> None:
    half_a_megabyte = torch.zeros(2**17)

    def packed() -> None:
        shape = (2**20,)
        np.lib.format.open_memmap(small_disk / "x", mode="w+", dtype=np.uint8, shape=shape)
        reserve(small_disk / "x")

    writers: list[Callable[[], object]] = [
        lambda: torch.save({"a": half_a_megabyte}, small_disk / "x"),
        lambda: safetensors.torch.save_file({"a": half_a_megabyte}, small_disk / "x"),
        lambda: np.save(small_disk / "x.npy", half_a_megabyte.numpy()),
        lambda: (small_disk / "x").write_bytes(bytes(2**20)),
        packed,
    ]
    for write in writers:
        with pytest.raises((OSError, RuntimeError, safetensors.SafetensorError)) as caught:
            write()
        line = circumstance(caught.value)
        assert line is not None, repr(caught.value)
        assert line.startswith(f"{small_disk}: the disk is full: free some space")
        for file in small_disk.iterdir():
            file.unlink()


def test_any_other_error_is_not_hidden() -> None:
    assert circumstance(OSError(errno.EBADF, "bad file descriptor")) is None


@pytest.mark.parametrize(
    ("error", "status", "expected"),
    [
        (LithoscopeError("split.test: too few"), 1, "error: split.test: too few\n"),
        (OSError(errno.ENOSPC, "full", "x.npy"), 1, "error: x.npy: the disk is full"),
        (KeyboardInterrupt(), 130, "stopped; the next `dvc repro` goes on"),
    ],
)
def test_a_stage_ends_with_a_line_instead_of_a_stack_trace(
    capsys: pytest.CaptureFixture[str], error: BaseException, status: int, expected: str
) -> None:
    def main() -> None:
        raise error

    with pytest.raises(SystemExit) as caught:
        run(main)
    assert caught.value.code == status
    assert capsys.readouterr().err.startswith(expected)


@pytest.mark.parametrize(
    "error", [LithoscopeError("a\x1b[2J.png: no photograph\nb"), OSError(errno.ENOSPC, "full", "a\x1b[2J.png")]
)
def test_a_name_in_a_stages_error_cannot_steer_the_terminal(
    capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def main() -> None:
        raise error

    with pytest.raises(SystemExit):
        run(main)
    printed = capsys.readouterr().err.splitlines()
    assert printed[0].startswith("error: a\\x1b[2J.png: ")
    assert all(line.startswith("error: ") and line.isprintable() for line in printed)


def test_a_bug_keeps_its_stack_trace() -> None:
    def main() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(main)

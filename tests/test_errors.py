import errno
import os

import pytest

from lithoscope.errors import LithoscopeError, circumstance
from lithoscope.stage import run


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_what_the_machine_refuses_is_a_line_with_the_place_and_what_to_do(number: int) -> None:
    line = circumstance(OSError(number, os.strerror(number), "build/arrays/train.npy"))
    assert line is not None
    assert line.startswith("build/arrays/train.npy: ")
    assert "\n" not in line


def test_any_other_error_is_not_hidden() -> None:
    assert circumstance(OSError(errno.EBADF, "bad file descriptor")) is None


@pytest.mark.parametrize(
    ("error", "status", "expected"),
    [
        (LithoscopeError("split.test: too few"), 1, "error: split.test: too few\n"),
        (OSError(errno.ENOSPC, "full", "x.npy"), 1, "error: x.npy: the disk is full"),
        (KeyboardInterrupt(), 130, "stopped; `dvc repro` goes on"),
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


def test_a_bug_keeps_its_stack_trace() -> None:
    def main() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(main)

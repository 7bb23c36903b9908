import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.training import distributed
from lithoscope.training.phase import _require_enough


def test_alone_a_process_leads_waits_for_nobody_and_has_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert distributed.start("cpu", 3) == 3
    assert (distributed.rank(), distributed.world_size(), distributed.local_world_size()) == (0, 1, 1)
    assert distributed.is_main_process()
    distributed.barrier()
    assert distributed.broadcast("value") == "value"


def test_several_processes_that_torchrun_did_not_start_are_refused_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with pytest.raises(LithoscopeError, match=r"WORLD_SIZE = 4 .* start several processes with torchrun, or unset it"):
        distributed.start("cpu", 1)


def test_a_device_that_cannot_be_shared_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in (
        ("WORLD_SIZE", "2"),
        ("RANK", "0"),
        ("LOCAL_RANK", "0"),
        ("LOCAL_WORLD_SIZE", "2"),
        ("MASTER_ADDR", "localhost"),
    ):
        monkeypatch.setenv(key, value)
    with pytest.raises(LithoscopeError, match=r"device = mps: .* allowed with torchrun: cpu, cuda"):
        distributed.start("mps", 1)


@pytest.mark.parametrize(
    ("rows", "batch_size", "validation", "enough"),
    [(29, 8, 13, True), (29, 6, 13, False), (29, 8, 2, False), (29, 8, None, True), (5, 32, 13, False)],
)
def test_more_processes_than_a_batch_can_be_divided_among_are_refused(
    rows: int, batch_size: int, validation: int | None, enough: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lithoscope.training.distributed.world_size", lambda: 3)
    if enough:
        _require_enough(rows, batch_size, validation)
        return
    with pytest.raises(LithoscopeError, match=r"torchrun: 3 processes share .* start fewer, or raise batch_size"):
        _require_enough(rows, batch_size, validation)

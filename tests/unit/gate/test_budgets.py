from collections.abc import Callable
from pathlib import Path

import pytest

from lithoscope.gate import budgets
from lithoscope.gate.budgets import size_budget, time_budget
from lithoscope.gate.result_files import LOCK, ResultFiles


def sized(size: int | None) -> ResultFiles:
    lock = f"stages:\n  train:\n    outs:\n    - path: build/model\n      size: {size}\n" if size else ""
    return ResultFiles("here", {LOCK: lock})


@pytest.mark.parametrize(("now", "over"), [(1400, False), (1500, False), (1600, True)])
def test_the_size_of_the_model_comes_from_the_lock(now: int, over: bool) -> None:
    found = size_budget(sized(1000), sized(now), 1.5)
    assert found.ratio == pytest.approx(now / 1000)
    assert found.over is over


def test_a_size_nobody_recorded_cannot_be_compared() -> None:
    found = size_budget(sized(None), sized(10), 1.5)
    assert (found.ratio, found.over) == (None, False)
    assert "cannot tell" in found.text


@pytest.mark.parametrize(("seconds", "over"), [((1.0, 2.0), True), ((1.0, 1.4), False)])
def test_time_is_a_ratio_within_pairs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seconds: tuple[float, float], over: bool
) -> None:
    clock = [0.0]

    def predictor(root: Path, results: ResultFiles, folder: Path) -> Callable[[], object]:
        def predict() -> None:
            clock[0] += seconds[int(folder.name)]

        return predict

    monkeypatch.setattr(budgets, "_predictor", predictor)
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    found = time_budget(tmp_path, sized(1), sized(1), 1.5)
    assert found.ratio == pytest.approx(seconds[1] / seconds[0])
    assert found.over is over


def test_a_file_holds_no_model_to_time(tmp_path: Path) -> None:
    found = time_budget(tmp_path, ResultFiles("before.csv", {}), ResultFiles("before.csv", {}), 1.5)
    assert (found.ratio, found.over, found.text) == (None, False, "cannot tell: before.csv holds no model")

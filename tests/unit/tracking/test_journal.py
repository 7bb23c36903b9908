import json
import math
from pathlib import Path

import numpy as np
import pytest

from lithoscope.core.errors import LithoscopeError
from lithoscope.tracking.journal import LINES, Journal, JournalRecord, Point, waiting

STORE = "http://127.0.0.1:5000"


def begun(root: Path) -> Journal:
    return Journal.create(root, STORE, "quartz", {})


def read(folder: Path) -> JournalRecord:
    journal = Journal.take_over(folder)
    assert journal is not None
    journal.release()
    return journal.record


def test_a_journal_says_all_of_a_run_and_keeps_the_code_beside_a_model(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    (tmp_path / "history.csv").write_text("epoch\n1\n", encoding="utf-8")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "model.safetensors").write_bytes(b"weights")
    for name in ("__pycache__/a.pyc", "__init__.py", "serving/mlflow_model.py", "core/text.py", "reporting/page.py"):
        (tmp_path / "code" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "code" / name).write_text("import lithoscope.core.text", encoding="utf-8")
    journal.append(parameters={"lr": "0.1"}, tags={"device": "cpu"})
    journal.append(run_id="a run", tags={"device": "cuda"})
    journal.append_points([Point("loss", 0.5, 17, 1), Point("loss", math.inf, 18, 2)])
    journal.keep_file(tmp_path / "history.csv")
    journal.keep_file(tmp_path / "history.csv")
    example = np.zeros((1, 2, 2, 3), np.uint8)
    journal.keep_model(tmp_path / "weights", example, tmp_path / "code", ["basalt"], ["torch==2"])
    journal.append(status="FAILED")
    journal.release()
    record = read(journal.folder)
    assert (record.store, record.name, record.run_id, record.status) == (STORE, "quartz", "a run", "FAILED")
    assert (record.parameters, record.tags) == ({"lr": "0.1"}, {"device": "cuda"})
    assert record.points == [Point("loss", 0.5, 17, 1), Point("loss", math.inf, 18, 2)]
    assert record.files == ["history.csv"]
    assert record.model == {"classes": ["basalt"], "requirements": ["torch==2"], "code": ["code"]}
    lines = (journal.folder / LINES).read_text(encoding="utf-8").splitlines()
    assert all(isinstance(json.loads(line, parse_constant=fail), dict) for line in lines), "JSON that others read too"
    kept = {path.relative_to(journal.folder).as_posix() for path in journal.folder.rglob("*") if path.is_file()}
    expected = {"files/history.csv", "model/model.safetensors", "example.npy"}
    expected |= {f"code/code/{name}" for name in ("__init__.py", "serving/mlflow_model.py", "core/text.py")}
    assert kept == {LINES, "lock", *expected}


def fail(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def test_a_line_that_a_kill_cut_off_counts_as_not_written(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    journal.append_points([Point("loss", 0.5, 17, 1)])
    journal.append_points([Point("loss", 0.25, 18, 2)])
    journal.release()
    whole = (journal.folder / LINES).read_bytes()
    for length in range(whole.rindex(b"\n", 0, -1) + 2, len(whole) - 1):
        (journal.folder / LINES).write_bytes(whole[:length])
        assert read(journal.folder).points == [Point("loss", 0.5, 17, 1)]
    (journal.folder / LINES).write_bytes(whole)
    assert len(read(journal.folder).points) == 2


def test_a_journal_that_is_written_is_not_taken_over(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    assert waiting(tmp_path) == [journal.folder]
    assert Journal.take_over(journal.folder) is None
    journal.release()
    again = Journal.take_over(journal.folder)
    assert again is not None
    again.remove()
    assert waiting(tmp_path) == []
    assert Journal.take_over(journal.folder) is None


@pytest.mark.parametrize("text", ["", "[1]\n", '{"id": "a"}\n', "no JSON at all\n"])
def test_a_damaged_journal_is_a_line(tmp_path: Path, text: str) -> None:
    journal = begun(tmp_path)
    journal.release()
    (journal.folder / LINES).write_text(text, encoding="utf-8")
    with pytest.raises(LithoscopeError, match="not as a journal is written; remove"):
        Journal.take_over(journal.folder)


def test_the_oldest_comes_first(tmp_path: Path) -> None:
    journals = [begun(tmp_path) for _ in range(3)]
    started = {journal.folder: journal.record.started for journal in journals}
    times = [started[folder] for folder in waiting(tmp_path)]
    assert times == sorted(times)

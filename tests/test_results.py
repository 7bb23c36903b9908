import json
from pathlib import Path

import pytest

from lithoscope.errors import LithoscopeError
from lithoscope.results import record, render_table


def result(folder: Path, name: str, right: int, of: int) -> None:
    photographs = [{"id": f"{i}", "label": "a", "p": [0.8, 0.2] if i < right else [0.3, 0.7]} for i in range(of)]
    counts = {"train": 50, "val": 9, "test": of}
    values = {
        "dataset": {"name": "minerals", "synthetic": False, "published": 956},
        "data": {"photographs": 758, "splits": {split: {"photographs": count} for split, count in counts.items()}},
        "parameters": {"model": {"name": "cnn"}}, "classes": ["a", "b"], "split": "test",
        "training": {"best_epoch": 7}, "seconds": 12.5, "photographs": photographs,
    }  # fmt: skip
    (folder / f"{name}.json").write_text(json.dumps(values), encoding="utf-8")


def test_the_table_is_computed_from_the_photographs_with_intervals(tmp_path: Path) -> None:
    result(tmp_path, "quartzite-seed0", right=9, of=10)
    result(tmp_path, "quartzite-seed1", right=7, of=10)
    table = render_table(tmp_path)
    # Wilson, 95 %, 9 of 10.
    assert (
        "| quartzite, seed 0 | minerals, 758 of 956 photographs: 50 / 9 / 10 | cnn | test | 10 | .900 [.596, .982] |"
        in table
    )
    assert "| **quartzite**, mean of 2 seeds | | | | | **.800 ± .141** |" in table


def test_a_single_run_has_no_mean(tmp_path: Path) -> None:
    result(tmp_path, "granite", right=1, of=2)
    assert "mean" not in render_table(tmp_path).split("| --- |")[1]


@pytest.mark.parametrize("name", ["../evil", "", "Name", "a/b"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(LithoscopeError, match="allowed: lower-case"):
        record(tmp_path, name)


def test_a_result_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    result(tmp_path / "results", "granite", right=1, of=2)
    with pytest.raises(LithoscopeError, match="never overwritten"):
        record(tmp_path, "granite")


def test_the_documented_table_is_what_the_recorded_files_give(checkout: Path) -> None:
    committed = (checkout / "docs" / "results.md").read_text(encoding="utf-8")
    assert committed == render_table(checkout / "results")
    assert len(list((checkout / "results").glob("*.json"))) > 0

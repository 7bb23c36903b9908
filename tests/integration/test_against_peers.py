"""``benchmarks/against_peers.py``: answers of processes are read right; ratios, verdicts and times follow from them."""

import sys
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from _sections import words_of
from peers.jobs import Job, ask, parse
from peers.tables import (
    CEILING,
    CLOCKS,
    accuracy_rows,
    first_reaching,
    predictions,
    settings_rows,
    speed_rows,
    with_decoding,
)
from peers.torchvision_script import seconds_until, version_of

from lithoscope.gate.settings import Rule

RULE = Rule(better="higher", drop=0.02, level=0.95, floor=None)


Answer = dict[str, Any]


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_the_answer_is_found_among_what_a_process_writes_and_else_its_last_line() -> None:
    assert parse('noise\nanswer: {"images/s": 2.0}\nmore\n', "warning") == {"images/s": 2.0}
    assert parse("begun\n", "Traceback\nOSError: no hub\n") == {"error": "OSError: no hub"}
    assert parse("", "") == {"error": "it wrote nothing"}


def test_seconds_are_read_from_the_mean_that_torchvision_shows() -> None:
    line = "Epoch: [0]  [ 4/40]  eta: 0:01:10  lr: 0.1  img/s: 16.2  loss: 2.0 (2.1)  time: 1.5000  data: 0.0101"
    assert seconds_until(line) == (4, 7.5)
    assert seconds_until(line.replace("[ 4/40]", "[20/40]")) is None  # no longer the mean of all
    assert seconds_until("Creating model") is None


def test_the_words_of_a_command_name_its_options_and_no_path() -> None:
    asked = Namespace(what="speed", photographs=Path("/home/x/y"), models=["a", "b"], old=None, write=True, rounds=2)
    said = words_of(asked, {"photographs": "FOLDER"}, ("what",))
    assert said == "--photographs FOLDER --models a b --write --rounds 2"
    assert version_of(Path("/s/vision-0.21.0/references/classification/train.py")) == "0.21.0"


def test_what_takes_too_long_is_ended_with_what_it_started(tmp_path: Path) -> None:
    late, python = tmp_path / "late", tmp_path / "python"
    python.write_text(f"#!/bin/sh\n(sleep 0.4; touch {late}) &\nwait\n", encoding="utf-8")
    python.chmod(0o755)
    assert ask("peers.elsewhere", Job("", "", "", "", "", 1), str(python), 0.1) == {"error": "not done after 0 s"}
    time.sleep(0.6)
    assert not late.exists()


def speeds(wall: float, processor: float | None = None) -> dict[str, float]:
    return {"images/s": wall, "images/processor s": wall / 2 if processor is None else processor}


def test_ratios_are_taken_within_rounds_and_a_missed_aim_is_said() -> None:
    found: dict[str, list[Answer]] = {
        "ours": [speeds(20), speeds(10), speeds(30)],
        "timm tuned": [speeds(10), speeds(10), speeds(10)],
        "timm's defaults": [speeds(5, 4), speeds(5, 4), speeds(5, 4)],
        "torchvision's script": [speeds(5), {"error": "no module"}, speeds(5)],
        CEILING: [speeds(25), speeds(12.5), speeds(30)],
    }
    rows = {row[0]: row[1:] for row in map(cells, speed_rows(found, dict.fromkeys(CLOCKS, 0.0), 20))}
    assert rows["timm tuned"] == ["10.0 (10.0 to 10.0)", *["2.00 (1.00 to 3.00)"] * 2, "≥ 1.5", "yes"]
    # four times as fast by the wall's clock, not by the processor's
    assert rows["timm's defaults"][1:] == ["4.00 (2.00 to 6.00)", "2.50 (1.25 to 3.75)", "≥ 3", "**no**"]
    assert rows["torchvision's script"][0] == "did not run: `no module`"
    assert rows[CEILING][1:] == [*["0.80 (0.80 to 1.00)"] * 2, "≥ 0.9", "**no**"]
    # a second of decoding a photograph over two epochs: half a second beside a twentieth
    assert with_decoding(20, 1.0, 2) == pytest.approx(1 / 0.55)
    slowed = {row[0]: row[1:] for row in map(cells, speed_rows(found, dict.fromkeys(CLOCKS, 1.0), 2))}
    assert slowed["timm tuned"][-1] == "**no**"
    assert slowed[CEILING] == rows[CEILING]
    once = {way: answers[:1] for way, answers in found.items()}
    for rounds, quiet in ((found, False), (once, True)):  # others at work, and one round, judge nothing
        unsure = [cells(row)[-1] for row in speed_rows(rounds, dict.fromkeys(CLOCKS, 0.0), 20, quiet=quiet)]
        assert set(unsure) <= {"", "not judged"}
        assert unsure.count("not judged") >= 3


def test_settings_are_compared_with_the_first_one() -> None:
    found: dict[str, dict[str, list[Answer]]] = {
        "net": {
            "fp32": [{**speeds(8), "first": 2.0}],
            "bf16": [{**speeds(20), "first": 31.0}],
            "compiled": [{"error": "no compiler"}],
        }
    }
    rows = [cells(row) for row in settings_rows(found)]
    assert rows[1] == ["bf16", "20.0 (20.0 to 20.0)", "2.50 (2.50 to 2.50)", "31"]
    assert rows[2][1] == "did not run: `no compiler`"


def test_time_to_the_others_best_counts_our_decoding_and_never_is_never() -> None:
    assert first_reaching([1, 2, 3], [0.5, 0.9, 0.8], 0.8) == 2
    assert first_reaching([1, 2], [0.5, 0.6], 0.8) is None
    ids = [f"{name}/{number}.jpg" for name in ("a", "b") for number in range(30)]
    sure = np.array([[0.9, 0.1]] * 30 + [[0.1, 0.9]] * 30)
    groups = {name: name for name in ids}
    right = predictions({"ids": ids, "probabilities": sure}, ["a", "b"], groups)
    wrong = predictions({"ids": ids[::-1], "probabilities": np.roll(sure, 15, axis=0)[::-1]}, ["a", "b"], groups)
    assert (right.correct.mean(), wrong.correct.mean()) == (1, 0.5)
    found = {
        "timm tuned": {"seconds": [50, 100, 150], "processor": [60, 120, 180], "accuracies": [0.6, 0.8, 0.7]},
        "soon": {"epochs": 1, "seconds": [10], "processor": [12], "accuracies": [0.8]},
        "late": {"epochs": 2, "seconds": [10, 20], "processor": [12, 24], "accuracies": [0.5, 0.7]},
    }
    decoding = {"seconds": 5.0, "processor": 18.0}
    tests = {"timm tuned": right, "soon": right, "late": wrong}
    timm, soon, late = map(cells, accuracy_rows(found, decoding, RULE, tests))
    assert timm[1:5] == ["3", "150", "0.800", "100"]
    assert soon[1:7] == ["1", "15", "0.800", "15", "6.7", "4.0"]  # sooner by the wall's clock alone
    assert soon[8].startswith("no drop shown")
    assert late[1:7] == ["2", "25", "0.700", "never", "", ""]
    assert late[8].startswith("worse, drop +0.500")

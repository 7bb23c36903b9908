import json
from pathlib import Path

import pytest

from lithoscope.cli import main as cli
from lithoscope.cli.gate import print_verdict
from lithoscope.gate.budgets import Budget
from lithoscope.gate.checks import Finding
from lithoscope.gate.non_inferiority import judge, largest_recall_losses
from lithoscope.gate.report import as_json, markdown
from lithoscope.gate.settings import Rule
from lithoscope.gate.verdict import Verdict

from helpers.made_up_predictions import predictions
from helpers.narrow_terminal import ENCODINGS, writing_in

RULE = Rule(better="higher", drop=0.05, level=0.95, floor=None)
BEFORE, NOW = predictions(180, 200), predictions(150, 200)


def verdict(**changed: object) -> Verdict:
    judged = [judge("accuracy", RULE, BEFORE, NOW, paired=True)]
    values = {
        "photographs": (200, 200),
        "paired": True,
        "judgements": judged,
        "classes": largest_recall_losses(BEFORE, NOW),
        "budgets": [Budget("model size", 1.0, 1.5, False, "10 → 10 bytes")],
    }
    return Verdict("main (1a2b3c4d5)", "the workspace", **{**values, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "status", "word"),
    [
        ({}, 1, "failed"),
        ({"judgements": []}, 0, "passed"),
        ({"judgements": [], "findings": [Finding("unknown", "who knows")]}, 2, "cannot tell"),
        ({"findings": [Finding("unknown", "who knows")]}, 1, "failed"),
        ({"judgements": [], "findings": [Finding("note", "by the way")]}, 0, "passed"),
        ({"judgements": [], "budgets": [Budget("model size", 2.0, 1.5, True, "")]}, 1, "failed"),
        ({"judgements": [], "budgets": [Budget("model size", None, 1.5, False, "cannot tell")]}, 0, "passed"),
        ({"judgements": [], "budgets": [Budget("prediction time", None, 1.5, False, "cannot tell")]}, 2, "cannot tell"),
    ],
)
def test_the_status_and_its_word(changed: dict[str, object], status: int, word: str) -> None:
    made = verdict(**changed)
    assert made.status == status
    assert markdown(made).startswith(f"## gate: {word}")
    assert json.loads(as_json(made))["status"] == status


def test_people_read_the_figures_the_reason_the_test_and_the_classes(capsys: pytest.CaptureFixture[str]) -> None:
    print_verdict(verdict())
    printed = capsys.readouterr().out
    for words in (
        "0.9000",
        "0.7500",
        "-0.1500",
        "visible from",
        "worse (p = ",
        "Paired on the same 200 photographs",
        "exact McNemar",
        "Fails because:",
        "accuracy is worse by at least 0.1",
        "Lost most:",
        "class 0: recall ",
        "gate: failed (the workspace against main (1a2b3c4d5))",
    ):
        assert words in printed


@pytest.mark.kind(
    about="encodings",
    kind="the gate's verdict, in ASCII, latin-1 or cp1252",
    done="printed, with its exit status; what cannot be written is escaped",
    reported="–",
)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_verdict_is_printed_in_any_encoding(checkout: Path, monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    found = verdict(findings=[Finding("failure", "花崗岩 … vanished")])
    monkeypatch.setattr("lithoscope.gate.verdict.decide", lambda *_, **__: found)
    monkeypatch.setattr("lithoscope.gate.result_files.baseline_files", lambda *_: None)
    monkeypatch.chdir(checkout)
    with writing_in(encoding) as written:
        assert cli.main(["gate"]) == 1, written()
        assert "\\u82b1\\u5d17\\u5ca9 " in written()
        assert "gate: failed (the workspace against main" in written()


def test_an_unpaired_comparison_says_so() -> None:
    unpaired = [judge("accuracy", RULE, BEFORE, predictions(150, 180), paired=False)]
    text = markdown(verdict(paired=False, photographs=(200, 180), judgements=unpaired))
    assert "Unpaired, since the photographs changed (200 then, 180 now)" in text


def test_markdown_keeps_a_class_s_name_a_name() -> None:
    odd = verdict(findings=[Finding("failure", "granite | *gneiss* <b> is gone")])
    assert r"granite \| \*gneiss\* \<b\> is gone" in markdown(odd)
    table = [line for line in markdown(verdict()).splitlines() if line.startswith("|")]
    assert len(table) == 3
    assert len({line.replace("\\|", "").count("|") for line in table}) == 1


def test_the_terminal_s_markup_is_not_read_into_names(capsys: pytest.CaptureFixture[str]) -> None:
    print_verdict(verdict(findings=[Finding("failure", "granite [red] is gone")]))
    assert "granite [red] is gone" in capsys.readouterr().out


def test_json_has_no_number_that_is_none() -> None:
    none_visible = judge("accuracy", RULE, predictions(3, 4), predictions(3, 4), paired=True)
    values = json.loads(as_json(verdict(judgements=[none_visible])), parse_constant=pytest.fail)
    assert values["judgements"][0]["smallest"] is None
    assert {"failures", "unknown", "baseline", "paired", "classes", "budgets"} <= set(values)

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from lithoscope.gate import checks
from lithoscope.gate.checks import Finding
from lithoscope.gate.predictions import METRICS
from lithoscope.gate.result_files import BASELINES, EVALUATION, PARAMETERS, PREDICTIONS, SPLITS, ResultFiles
from lithoscope.gate.settings import GateSettings, Rule

from helpers.made_up_predictions import predictions, table

MADE = predictions(15, 20)
PHOTOGRAPHS = [(name, "test", f"f{name}", f"p{name}") for name in MADE.ids] + [
    ("a.jpg", "train", "fa", "pa"),
    ("b.jpg", "train", "fb", "pb"),
    ("c.jpg", "val", "fc", "pc"),
]


def packed(rows: list[tuple[str, str, str, str]], groups: dict[str, str] | None = None) -> str:
    lines = ["id,split,label,group,file,pixels"]
    lines += [f"{name},{split},class 0,{(groups or {}).get(name, '')},{file},{px}" for name, split, file, px in rows]
    return "\n".join(lines) + "\n"


def results(**changed: str | None) -> ResultFiles:
    """The files of a whole run; ``metrics_evaluation`` and the like replace one, None removes it."""
    figures = {
        "n": 20,
        "accuracy": 0.75,
        "loss": round(METRICS["loss"].of(MADE), 6),
        "macro": {"f1": round(METRICS["macro_f1"].of(MADE), 6)},
        "members": [1, 2],
    }
    files = {
        EVALUATION: json.dumps({"test": figures}),
        "metrics/per_class.json": json.dumps({"test": {"class 0": {"f1": 0.7}, "class 1": {"f1": 0.8}}}),
        BASELINES: json.dumps({"test": {"majority_class": 0.5, "colour_histogram": 0.6}}),
        "metrics/train.json": json.dumps({"best_epoch": 3, "validation": {"loss": 0.4}}),
        "metrics/data.json": json.dumps({"photographs": 23, "set_aside": {"at_split": {"blurred": 1}}}),
        PREDICTIONS: table(MADE),
        SPLITS: packed(PHOTOGRAPHS),
        PARAMETERS: "dataset: folder\n",
    }
    for name, text in changed.items():
        path = name.replace("_", "/", 1) + (".csv" if name.startswith("plots") else ".json")
        if text is None:
            del files[path]
        else:
            files[path] = text
    return ResultFiles("here", files)


def failures(found: Iterable[Finding]) -> list[str]:
    return [finding.text for finding in found if finding.kind == "failure"]


def evaluation(change: dict[str, Any]) -> str:
    figures = json.loads(results().files[EVALUATION])["test"]
    return json.dumps({"test": figures | change})


def test_results_that_are_whole_pass_every_check() -> None:
    for found in (
        checks.missing_figures(results(), results()),
        checks.inconsistent_figures(results(), MADE),
        checks.leakage(results(), MADE),
        checks.changed_test_set(MADE, MADE),
    ):
        assert list(found) == []


def test_a_metric_that_vanished_is_named() -> None:
    assert failures(checks.missing_figures(results(), results(metrics_per_class=None))) == [
        "metrics/per_class.json vanished"
    ]
    poorer = results(metrics_per_class=json.dumps({"test": {"class 0": {"f1": 0.7}}}))
    assert failures(checks.missing_figures(results(), poorer)) == ["metrics/per_class.json: vanished: test.class 1.f1"]
    emptied = results(metrics_train=json.dumps({"best_epoch": 3, "validation": None}))
    assert failures(checks.missing_figures(results(), emptied)) == ["metrics/train.json: vanished: validation.loss"]
    assert failures(checks.missing_figures(results(), results(plots_splits=None))) == ["plots/splits.csv vanished"]
    assert failures(checks.missing_figures(results(), results(metrics_train="{"))) == [
        "metrics/train.json is damaged: no JSON object"
    ]


def test_a_number_is_missed_unless_its_block_says_why_it_is_absent() -> None:
    before = results(metrics_evaluation=evaluation({"selective": {"threshold": 0.9, "n": 5, "accuracy": 1.0}}))
    silent = results(metrics_evaluation=evaluation({"selective": {"threshold": None, "n": 5}}))
    assert "selective.accuracy" in failures(checks.missing_figures(before, silent))[0]
    for excuse in ({"threshold": None, "reason": "too few"}, {"threshold": 0.99, "n": 0}):
        assert (
            failures(checks.missing_figures(before, results(metrics_evaluation=evaluation({"selective": excuse}))))
            == []
        )


def test_a_new_metric_and_fewer_reasons_for_setting_aside_are_no_loss() -> None:
    richer = results(metrics_evaluation=evaluation({"ece": 0.1}), metrics_data=json.dumps({"photographs": 23}))
    assert failures(checks.missing_figures(results(), richer)) == []


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_is_none_fails(value: str) -> None:
    broken = results(metrics_train=f'{{"best_epoch": 3, "validation": {{"loss": {value}}}}}')
    (text,) = failures(checks.missing_figures(results(), broken))
    assert text.startswith("metrics/train.json: not a number: validation.loss = ")


def test_a_test_set_that_shrank_fails_and_one_that_grew_is_noted() -> None:
    (text,) = failures(checks.changed_test_set(MADE, predictions(14, 18)))
    assert text == "the test set shrank from 20 to 18: without 00018.jpg, 00019.jpg"
    grown = list(checks.changed_test_set(MADE, predictions(15, 24)))
    assert [finding.kind for finding in grown] == ["note"]
    assert "20 of its 24" in grown[0].text


def test_a_class_without_photographs_fails_even_if_others_replace_them() -> None:
    one_class = replace(MADE, labels=MADE.labels * 0)
    assert failures(checks.changed_test_set(MADE, one_class)) == ["the test set lost every photograph of class 1"]


def test_the_same_photographs_are_those_of_the_same_name_label_and_content() -> None:
    assert checks.same_photographs(results(), results())
    other = [(name, split, "other" if name == MADE.ids[0] else file, px) for name, split, file, px in PHOTOGRAPHS]
    assert not checks.same_photographs(results(), results(plots_splits=packed(other)))
    framed = [(name, split, file, "other") for name, split, file, _ in PHOTOGRAPHS]
    assert checks.same_photographs(results(), results(plots_splits=packed(framed))), (
        "another size is the same photograph"
    )
    assert not checks.same_photographs(results(), results(plots_predictions=table(predictions(15, 20, offset=1))))
    assert checks.same_photographs(results(plots_splits=None), results()), (
        "an older baseline tells names and labels alone"
    )


@pytest.mark.parametrize("change", [{"accuracy": 0.76}, {"loss": 0.1}, {"n": 21}, {"macro": {"f1": 0.9}}])
def test_figures_that_the_predictions_do_not_give_fail(change: dict[str, Any]) -> None:
    (text,) = failures(checks.inconsistent_figures(results(metrics_evaluation=evaluation(change)), MADE))
    assert text.startswith("metrics/evaluation.json says test.")


def test_figures_of_another_split_fail() -> None:
    elsewhere = results(metrics_evaluation=json.dumps({"validation": {"accuracy": 0.75}}))
    assert "says nothing of test" in failures(checks.inconsistent_figures(elsewhere, MADE))[0]


def test_a_probability_too_small_to_be_written_does_not_look_edited() -> None:
    sure = replace(MADE, p_true=MADE.p_true * [0, *[1] * 19])
    written = METRICS["loss"].of(sure)
    true = written + 10 / 20  # e^-24.5 instead of the least that 0.000000 can stand for
    assert failures(checks.inconsistent_figures(results(metrics_evaluation=evaluation({"loss": true})), sure)) == []
    lower = evaluation({"loss": written - 0.05})
    assert failures(checks.inconsistent_figures(results(metrics_evaluation=lower), sure))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((MADE.ids[0], "train", "x", "x"), "training, the same name"),
        (("x.jpg", "train", f"f{MADE.ids[0]}", "x"), "training, the same file"),
        (("x.jpg", "train", "x", f"p{MADE.ids[0]}"), "training, the same pixels"),
        (("x.jpg", "val", f"f{MADE.ids[0]}", f"p{MADE.ids[0]}"), "validation, the same file"),
    ],
)
def test_a_test_photograph_in_training_is_found(row: tuple[str, str, str, str], words: str) -> None:
    found = failures(checks.leakage(results(plots_splits=packed([*PHOTOGRAPHS, row])), MADE))
    assert found == [f"1 photographs of the test set are in {words}: {MADE.ids[0]}"]


def test_a_near_duplicate_in_training_is_found_by_its_group() -> None:
    leaky = results(plots_splits=packed(PHOTOGRAPHS, {MADE.ids[3]: "a.jpg", "a.jpg": "a.jpg"}))
    assert failures(checks.leakage(leaky, MADE)) == [
        f"1 photographs of the test set are in training, near-duplicates: {MADE.ids[3]}"
    ]


def test_a_table_of_other_photographs_than_were_scored_fails_and_none_cannot_tell() -> None:
    assert "differ about the test set: 00019.jpg" in failures(checks.leakage(results(), predictions(15, 19)))[0]
    (found,) = checks.leakage(results(plots_splits=None), MADE)
    assert found.kind == "unknown"
    assert failures(checks.leakage(results(plots_splits="id\n"), MADE))


def settings(**changed: Any) -> GateSettings:
    higher = Rule(better="higher", drop=0.05, level=0.95, floor=None)
    values: dict[str, Any] = {
        "accuracy": higher,
        "macro_f1": higher,
        "loss": Rule(better="lower", drop=0.1, level=0.95, floor=None),
        "above_baselines": True,
        "model_size": 1.5,
        "prediction_time": 1.5,
    }
    return GateSettings(**(values | changed))


def test_floors_hold_whatever_the_baseline_was() -> None:
    assert failures(checks.below_floors(settings(), results(), MADE)) == []
    high = Rule(better="higher", drop=0.05, level=0.95, floor=0.8)
    low = Rule(better="lower", drop=0.1, level=0.95, floor=0.3)
    assert failures(checks.below_floors(settings(accuracy=high, loss=low), results(), MADE)) == [
        "accuracy 0.750 is worse than its floor 0.8",
        "loss 0.655 is worse than its floor 0.3",
    ]


def test_a_model_below_those_without_a_network_fails() -> None:
    strong = results(metrics_baselines=json.dumps({"test": {"majority_class": 0.5, "colour_histogram": 0.76}}))
    assert failures(checks.below_floors(settings(), strong, MADE)) == [
        "accuracy 0.750 is below the model colour_histogram, 0.760"
    ]
    assert failures(checks.below_floors(settings(above_baselines=False), strong, MADE)) == []
    equal = results(metrics_baselines=json.dumps({"test": {"colour_histogram": 0.75}}))
    assert failures(checks.below_floors(settings(), equal, MADE)) == []
    assert failures(checks.below_floors(settings(), results(metrics_baselines="{}"), MADE))

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest

from lithoscope.evaluation.metrics import evaluate, flat
from lithoscope.evaluation.score import EvaluationResult, SplitLogits, score
from lithoscope.models.temperature import tempered

CLASSES = ["basalt", "chert", "granite"]
KINDS = {"basalt": "igneous", "chert": "sedimentary", "granite": "igneous"}


def answers(n: int, name: str, *, noise: float = 1.0) -> SplitLogits:
    """Logits that are right where the noise lets them."""
    rng = np.random.default_rng([n, len(name)])
    labels = rng.integers(0, 3, n)
    logits = 4 * np.eye(3)[labels] + noise * rng.normal(size=(n, 3))
    ids = [f"{name} {row}" for row in range(n)]
    return SplitLogits(ids, ids, labels, logits.astype(np.float32))


def scored(
    test: SplitLogits,
    validation: SplitLogits,
    *,
    temperature: float = 2.0,
    calibrated_on: int = 50,
    split: str = "test",
    coarse: dict[str, str] | None = None,
) -> EvaluationResult:
    guesses: dict[str, npt.NDArray[np.int64]] = {
        "majority_class": np.zeros(len(test.labels), np.int64),
        "colour_histogram": 2 - test.labels,
    }
    return score(
        test,
        validation,
        guesses,
        split=split,
        classes=CLASSES,
        coarse=KINDS if coarse is None else coarse,
        temperature=temperature,
        calibrated_on=calibrated_on,
    )


def test_the_stable_figures_are_those_of_the_calibrated_probabilities() -> None:
    test = answers(60, "test")
    found = scored(test, answers(50, "val"))
    after, before = (evaluate(tempered(test.logits, t), test.labels, CLASSES).overall for t in (2.0, 1.0))
    assert {name: found.evaluation[name] for name in after} == after
    assert found.evaluation["calibration"]["before"]["loss"] == before["loss"] != after["loss"]
    assert found.evaluation["accuracy"] == before["accuracy"]
    assert found.evaluation["calibration"]["photographs"] == 50
    ends = found.evaluation["interval"]["accuracy"]
    assert found.headline == {
        "accuracy": after["accuracy"],
        "accuracy_low": ends["low"],
        "accuracy_high": ends["high"],
        "macro_f1": after["macro"]["f1"],
        "loss": after["loss"],
        "ece": found.evaluation["ece"],
    }
    np.testing.assert_array_equal(found.probabilities, tempered(test.logits, 2.0))
    assert found.predictions["confidence"].to_numpy() == pytest.approx(found.probabilities.max(axis=1))


def test_without_a_temperature_before_and_after_are_the_same() -> None:
    found = scored(answers(60, "test"), answers(0, "val"), temperature=1.0, calibrated_on=0)
    before = found.evaluation["calibration"]["before"]
    assert (before["loss"], before["ece"]) == (found.evaluation["loss"], found.evaluation["ece"])
    assert found.reliability["before"].equals(found.reliability["after"])
    assert found.evaluation["selective"]["reason"] == "no validation photographs"


def test_the_threshold_is_chosen_on_validation_and_judged_on_what_is_scored() -> None:
    validation, test = answers(300, "val", noise=1.6), answers(80, "test", noise=1.6)
    selective = scored(test, validation).evaluation["selective"]
    confidence = tempered(test.logits, 2.0).max(axis=1)
    named = confidence >= selective["threshold"]
    assert 0 < named.sum() < 80
    assert (selective["n"], selective["coverage"]) == (named.sum(), pytest.approx(named.mean()))
    right = tempered(test.logits, 2.0).argmax(axis=1) == test.labels
    assert selective["accuracy"] == pytest.approx(right[named].mean(), abs=1e-6)
    assert selective["in_sample"] is False
    wronged = dataclasses.replace(test, labels=(test.labels + 1) % 3)
    assert scored(wronged, validation).evaluation["selective"]["threshold"] == selective["threshold"]
    assert scored(test, validation, split="validation").evaluation["selective"]["in_sample"] is True


def test_copies_of_a_validation_photograph_count_once() -> None:
    validation = answers(300, "val", noise=0.1)
    copies = dataclasses.replace(validation, groups=[f"group {row // 4}" for row in range(300)])
    assert scored(answers(20, "test"), validation).evaluation["selective"]["threshold"] is not None
    few = scored(answers(20, "test"), copies).evaluation["selective"]
    assert (few["threshold"], few["validation_photographs"]) == (None, 75)


def test_copies_of_a_scored_photograph_make_no_interval_narrower() -> None:
    once, validation = answers(40, "test", noise=2.5), answers(0, "val")
    ids = [f"{name}, copy {copy}" for name in once.ids for copy in range(9)]
    copies = SplitLogits(
        ids, [name.partition(",")[0] for name in ids], np.repeat(once.labels, 9), np.repeat(once.logits, 9, axis=0)
    )
    ends = [
        scored(each, validation).evaluation["interval"]["loss"]
        for each in (once, copies, dataclasses.replace(copies, groups=ids))
    ]
    plain, grouped, taken_for_new = (end["high"] - end["low"] for end in ends)
    assert grouped == pytest.approx(plain, rel=0.05)
    assert taken_for_new == pytest.approx(plain / 3, rel=0.1)


@pytest.mark.kind(
    about="labels",
    kind="a test set in which specimens are shown several times",
    done="the accuracy per specimen stands beside that per photograph; intervals resample specimens",
    reported="–",
)
def test_specimens_stand_beside_photographs_and_widen_the_interval() -> None:
    test, validation = answers(300, "test"), answers(100, "validation")
    plain = scored(test, validation)
    assert not {"specimens", "groups"} & plain.evaluation.keys()
    names = [f"s{label} {row // 6}" for row, label in enumerate(test.labels)]
    grouped = scored(dataclasses.replace(test, groups=names, specimens=names, clustered=True), validation)
    assert grouped.evaluation["accuracy"] == plain.evaluation["accuracy"]
    assert grouped.evaluation["groups"] == len(set(names)) == grouped.evaluation["specimens"]["n"]
    assert grouped.evaluation["specimens"]["accuracy"] >= plain.evaluation["accuracy"]
    assert any(line.startswith("accuracy per specimen ") for line in grouped.lines)
    hard = dataclasses.replace(test, labels=(test.labels + (np.arange(300) % 3 == 0)) % 3)
    blocks = [f"{row // 30}" for row in range(300)]
    order = np.argsort(hard.logits.argmax(axis=1) == hard.labels, kind="stable")  # the mistakes lie in a few specimens
    sorted_ = SplitLogits(hard.ids, blocks, hard.labels[order], hard.logits[order], blocks, clustered=True)
    narrow, wide = (
        scored(one, validation).evaluation["interval"]["accuracy"]
        for one in (dataclasses.replace(sorted_, clustered=False), sorted_)
    )
    assert wide["high"] - wide["low"] > 2 * (narrow["high"] - narrow["low"])


def test_a_set_without_coarse_classes_says_nothing_of_them() -> None:
    assert "coarse" not in scored(answers(30, "test"), answers(0, "val"), coarse={}).evaluation
    assert scored(answers(30, "test"), answers(0, "val")).evaluation["coarse"]["n"] == 30


def test_the_lines_say_what_a_reader_needs_first() -> None:
    text = "\n".join(scored(answers(60, "test"), answers(0, "val")).lines)
    assert "test: accuracy " in text
    assert " of 60 photographs" in text
    assert "after temperature 2" in text
    assert "no confidence from which it is right 95 % of the time: no validation photographs" in text
    assert "the network beats every baseline" in text
    assert "against always naming the most frequent class: better by " in text


def test_mlflow_gets_numbers_under_dotted_names_and_no_words() -> None:
    found = scored(answers(60, "test"), answers(10, "val"))
    numbers = flat(found.evaluation, "test.")
    assert numbers["test.interval.macro_f1.low"] == found.evaluation["interval"]["macro_f1"]["low"]
    assert numbers["test.macro.f1"] == found.evaluation["macro"]["f1"]
    assert "test.selective.reason" not in numbers
    assert "test.selective.threshold" not in numbers
    assert all(isinstance(value, float) for value in numbers.values())

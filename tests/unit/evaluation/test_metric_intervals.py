from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import bootstrap

from lithoscope.core.errors import LithoscopeError
from lithoscope.evaluation.calibration import calibration_error
from lithoscope.evaluation.metric_intervals import _Sums, as_file, figure_intervals, read_groups, read_specimens
from lithoscope.evaluation.metrics import evaluate, losses
from lithoscope.evaluation.statistics.proportions import wilson

pytestmark = pytest.mark.slow

Probabilities = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


def answers(n: int, classes: int = 5, skill: float = 1.5, seed: int = 0) -> tuple[Probabilities, Labels]:
    """Answers of a calibrated model: each label is drawn with the probabilities stated."""
    rng = np.random.default_rng(seed)
    logits = skill * rng.normal(size=(n, classes))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (probabilities.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return probabilities.astype(np.float32), np.minimum(labels, classes - 1).astype(np.int64)


def alone(n: int) -> list[str]:
    return [f"photograph {row}" for row in range(n)]


def width(interval: tuple[float, float]) -> float:
    return interval[1] - interval[0]


def test_what_is_resampled_are_the_figures_themselves() -> None:
    probabilities, labels = answers(83)
    sums = _Sums(probabilities, labels, np.arange(83), 83)
    rng = np.random.default_rng(1)
    times = np.stack([np.ones(83, np.int64), rng.multinomial(83, np.full(83, 1 / 83))])
    found = sums.figures(times)
    for row, counts in enumerate(times):
        drawn = np.repeat(np.arange(83), counts)  # the resample spelt out
        expected = evaluate(probabilities[drawn], labels[drawn], list("abcde")).overall
        assert found["macro_f1"][row] == pytest.approx(expected["macro"]["f1"], abs=1e-6)
        assert found["loss"][row] == pytest.approx(expected["loss"], abs=1e-6)
        assert found["top3_accuracy"][row] == pytest.approx(expected["top3_accuracy"], abs=1e-6)
        assert found["ece"][row] == pytest.approx(calibration_error(probabilities[drawn], labels[drawn]))


def test_the_interval_of_a_mean_is_that_of_scipy() -> None:
    probabilities, labels = answers(120)
    low, high = figure_intervals(probabilities, labels, alone(120))["loss"]
    expected = bootstrap((losses(probabilities, labels),), np.mean, method="percentile", n_resamples=10_000, rng=0)
    assert low == pytest.approx(expected.confidence_interval.low, abs=0.01)
    assert high == pytest.approx(expected.confidence_interval.high, abs=0.01)


def test_accuracy_has_wilsons_interval() -> None:
    probabilities, labels = answers(60)
    right = int((probabilities.argmax(axis=1) == labels).sum())
    assert figure_intervals(probabilities, labels, alone(60))["accuracy"] == wilson(right, 60)


def test_photographs_that_stand_there_four_times_make_no_interval_narrower() -> None:
    probabilities, labels = answers(60)
    once = figure_intervals(probabilities, labels, alone(60))
    fourfold = np.repeat(probabilities, 4, axis=0), np.repeat(labels, 4)
    known = figure_intervals(*fourfold, [name for name in alone(60) for _ in range(4)])
    unknown = figure_intervals(*fourfold, alone(240))
    for name in ("loss", "brier", "macro_f1", "top3_accuracy"):
        assert width(known[name]) == pytest.approx(width(once[name]), rel=0.06)
        assert width(unknown[name]) == pytest.approx(width(once[name]) / 2, rel=0.2)


def test_the_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    figures = evaluate(*answers(200_000, seed=99), list("abcde")).overall
    truths = {"loss": figures["loss"], "top3_accuracy": figures["top3_accuracy"], "macro_f1": figures["macro"]["f1"]}
    truths["ece"] = 0.0  # the model is calibrated by construction
    held = dict.fromkeys(truths, 0)
    for seed in range(60):
        found = figure_intervals(*answers(80, seed=seed), alone(80), str(seed))
        for name, truth in truths.items():
            held[name] += found[name][0] <= truth <= found[name][1]
    assert all(count >= 50 for count in held.values()), held  # of 60; 57 are expected


def test_a_model_that_is_far_too_sure_has_a_calibration_error_above_0() -> None:
    probabilities, labels = answers(150, skill=1.0)
    sharpened = probabilities**6 / (probabilities**6).sum(axis=1, keepdims=True)
    low, high = figure_intervals(sharpened, labels, alone(150))["ece"]
    assert low > 0.1
    assert low <= calibration_error(sharpened, labels) <= high


def test_figures_stay_within_what_is_possible() -> None:
    certain = np.eye(4, dtype=np.float32)[np.arange(20) % 4]
    found = figure_intervals(certain, np.arange(20) % 4, alone(20))
    assert found["macro_f1"] == (1.0, 1.0)
    assert found["ece"] == (0.0, 0.0)
    # 20 of 20 right does not mean that all always are.
    assert found["top3_accuracy"] == pytest.approx(wilson(20, 20))
    assert figure_intervals(certain, np.arange(20) % 4, ["a"] * 10 + ["b"] * 10)["top3_accuracy"] == wilson(2, 2)


def test_the_same_photographs_give_the_same_intervals_and_other_keys_nearly_the_same() -> None:
    probabilities, labels = answers(50)
    first, again = (figure_intervals(probabilities, labels, alone(50), "test") for _ in range(2))
    other = figure_intervals(probabilities, labels, alone(50), "validation")
    assert first == again
    assert first["loss"] != other["loss"]
    assert first["loss"] == pytest.approx(other["loss"], abs=0.03)


def test_groups_are_read_in_the_order_of_the_photographs(tmp_path: Path) -> None:
    table = tmp_path / "splits.csv"
    table.write_text("id,path,label,split,group,reason\na,x,007,test,a,\nb,y,NA,test,a,\nNA,z,NA,test,NA,\n", "utf-8")
    assert read_groups(table, ["NA", "b", "a"]) == ["NA", "a", "a"]
    with pytest.raises(LithoscopeError, match=r"does not hold 'c'.*dvc repro"):
        read_groups(table, ["a", "c"])
    with pytest.raises(LithoscopeError, match="is missing"):
        read_groups(tmp_path / "no.csv", [])


def test_a_metric_file_has_both_ends_by_name() -> None:
    assert as_file({"loss": (0.12345678, 1.0)}) == {"loss": {"low": 0.123457, "high": 1.0}}


def test_specimens_and_photographers_are_read_in_the_order_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "splits.csv"
    path.write_text("id,group,specimen,photographer\na,a,S1,\nb,b,,\nc,a,,Bob\n", encoding="utf-8")
    assert read_specimens(path, ["b", "a"]) == (["", "S1"], True)
    assert read_specimens(path, ["b"]) == ([""], False)
    assert read_specimens(path, ["c"]) == ([""], True)
    path.write_text("id,group\na,a\n", encoding="utf-8")
    assert read_specimens(path, ["a"]) == ([""], False)

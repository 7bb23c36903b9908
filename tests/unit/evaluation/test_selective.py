import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import binomtest

from lithoscope.evaluation.selective import (
    FEWEST,
    RISK,
    TARGET,
    TRIED,
    Threshold,
    accuracy_by_coverage,
    apply_threshold,
    choose_threshold,
    clopper_pearson_lower,
)
from lithoscope.evaluation.statistics.proportions import wilson

Bools = npt.NDArray[np.bool_]


def falling(n: int) -> npt.NDArray[np.float64]:
    """Confidences, the surest first, no two alike."""
    return np.linspace(0.999, 0.3, n)


def right_but(n: int, wrong: list[int]) -> Bools:
    right = np.ones(n, dtype=bool)
    right[wrong] = False
    return right


def test_the_bound_is_clopper_and_pearsons() -> None:
    expected = binomtest(90, 100, alternative="greater").proportion_ci(0.95, method="exact").low
    assert clopper_pearson_lower(90, 100, 0.05) == pytest.approx(expected)
    assert clopper_pearson_lower(0, 10, 0.05) == 0
    assert clopper_pearson_lower(59, 59, 0.05) == pytest.approx(0.05 ** (1 / 59))


def test_so_many_photographs_are_needed_and_not_one_less() -> None:
    assert (
        clopper_pearson_lower(FEWEST, FEWEST, RISK / TRIED)
        >= TARGET
        > clopper_pearson_lower(FEWEST - 1, FEWEST - 1, RISK / TRIED)
    )
    enough = choose_threshold(falling(FEWEST), right_but(FEWEST, []))
    assert enough.value == pytest.approx(0.3)
    few = choose_threshold(falling(FEWEST - 1), right_but(FEWEST - 1, []))
    assert few.value is None
    assert few.reason == f"too few photographs: at least {FEWEST} are needed"
    assert choose_threshold(np.empty(0), np.empty(0, bool)).reason == "no validation photographs"


def test_a_model_that_is_wrong_where_it_is_unsure_gets_a_threshold_that_leaves_those_out() -> None:
    confidence, right = falling(800), right_but(800, list(range(600, 800, 2)))
    chosen = choose_threshold(confidence, right)
    assert chosen.value is not None
    assert 0.35 < chosen.value < 0.6
    assert (chosen.n, chosen.right) == ((confidence >= chosen.value).sum(), right[confidence >= chosen.value].sum())
    assert chosen.low == clopper_pearson_lower(chosen.right, chosen.n, RISK / TRIED)
    assert chosen.low >= TARGET
    assert chosen.right / chosen.n > TARGET


def test_a_model_that_is_often_wrong_where_it_is_sure_gets_none() -> None:
    chosen = choose_threshold(falling(400), right_but(400, list(range(0, 400, 10))))
    assert chosen.value is None
    assert "too few photographs are classified correctly" in chosen.reason
    assert chosen.figures()["threshold"] is None


def test_photographs_of_equal_confidence_are_named_together() -> None:
    confidence = np.repeat([0.9, 0.6], 150)
    chosen = choose_threshold(confidence, right_but(300, list(range(150, 300))))
    assert (chosen.value, chosen.n, chosen.right) == (0.9, 150, 150)


def test_thresholds_keep_their_word_nearly_always() -> None:
    rng, broken, said = np.random.default_rng(0), 0, 0
    for _ in range(300):
        confidence = rng.uniform(0.5, 1, 300)
        sureness = np.clip(0.93 + 0.1 * (confidence - 0.75), 0, 1)  # .905 … .955: only the surest are good enough
        chosen = choose_threshold(confidence, rng.random(300) < sureness)
        if chosen.value is not None:
            said += 1
            broken += (0.93 + 0.1 * ((chosen.value + 1) / 2 - 0.75)) < TARGET
    assert said > 0
    assert broken <= 0.05 * 300


def test_a_threshold_is_judged_on_other_photographs() -> None:
    threshold = Threshold(0.8, 200, 120, 119, 0.951)
    found = apply_threshold(threshold, np.array([0.9, 0.8, 0.7, 0.85]), np.array([True, False, False, True]))
    assert found == {
        "target": 0.95,
        "threshold": 0.8,
        "validation_photographs": 200,
        "chosen_by": {"n": 120, "accuracy": 0.991667, "low": 0.951},
        "coverage": 0.75,
        "n": 3,
        "accuracy": 0.666667,
        "low": round(wilson(2, 3)[0], 6),
        "high": round(wilson(2, 3)[1], 6),
    }
    nobody = apply_threshold(threshold, np.array([0.1]), np.array([True]))
    assert (nobody["coverage"], nobody["n"]) == (0, 0)
    assert "accuracy" not in nobody
    assert apply_threshold(Threshold(None, 5, reason="too few"), np.array([0.1]), np.array([True])) == {
        "target": 0.95,
        "threshold": None,
        "validation_photographs": 5,
        "reason": "too few",
    }


def test_the_curve_goes_from_the_surest_to_all() -> None:
    table = accuracy_by_coverage(np.array([0.5, 0.9, 0.7, 0.7]), np.array([False, True, True, False]))
    assert table["coverage"].tolist() == [0.25, 0.75, 1.0]
    assert table["accuracy"].tolist() == [1.0, pytest.approx(2 / 3), 0.5]
    assert table["confidence"].tolist() == [0.9, 0.7, 0.5]
    assert table["n"].tolist() == [1, 3, 4]
    assert tuple(table.loc[2, ["low", "high"]]) == pytest.approx(wilson(2, 4))


def test_a_long_curve_is_thinned_out_and_keeps_its_ends() -> None:
    table = accuracy_by_coverage(falling(5000), right_but(5000, [4999]))
    assert len(table) == 100
    assert (table["n"].iloc[0], table["n"].iloc[-1]) == (1, 5000)
    assert table["accuracy"].iloc[-1] == 4999 / 5000

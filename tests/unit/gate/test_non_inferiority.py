from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from lithoscope.gate.non_inferiority import disagreements, judge, largest_recall_losses, smallest_detectable_drop
from lithoscope.gate.settings import Rule

from helpers.made_up_predictions import predictions

pytestmark = pytest.mark.slow

RULE = Rule(better="higher", drop=0.05, level=0.95, floor=None)
LOSS = Rule(better="lower", drop=0.1, level=0.95, floor=None)


def test_a_drop_counts_when_even_its_lower_bound_is_beyond_what_is_tolerated() -> None:
    found = judge("accuracy", RULE, predictions(180, 200), predictions(150, 200), paired=True)
    assert found.outcome == "worse"
    assert found.drop == pytest.approx(0.15)
    # 30 of 200 differ, all one way: the bounds are nearly those of a share of .15, one-sided at .95.
    spread = norm.ppf(0.95) * np.sqrt(0.15 * 0.85 / 200)
    assert (found.at_least, found.at_most) == pytest.approx((0.15 - spread, 0.15 + spread), abs=0.006)
    assert found.p_value == pytest.approx(0.5**30)


def test_the_same_drop_is_tolerated_where_more_is() -> None:
    lenient = RULE.model_copy(update={"drop": 0.12})
    found = judge("accuracy", lenient, predictions(180, 200), predictions(150, 200), paired=True)
    assert found.outcome == "tolerated"
    assert found.at_least > 0


def test_a_drop_that_few_photographs_cannot_show_passes() -> None:
    found = judge("accuracy", RULE, predictions(18, 20), predictions(15, 20), paired=True)
    assert found.drop == pytest.approx(0.15)
    assert found.outcome == "no drop shown"


def test_four_photographs_that_all_got_worse_are_not_enough_for_the_exact_test() -> None:
    none = RULE.model_copy(update={"drop": 0.0})
    found = judge("accuracy", none, predictions(90, 100), predictions(86, 100), paired=True)
    assert found.at_least > 0, "the bootstrap alone would have called it worse"
    assert found.p_value == pytest.approx(1 / 16)
    assert found.outcome != "worse"
    assert judge("accuracy", none, predictions(90, 100), predictions(85, 100), paired=True).outcome == "worse"


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_an_improvement_is_called_better(metric: str) -> None:
    found = judge(metric, RULE, predictions(150, 200), predictions(180, 200), paired=True)
    assert found.outcome == "better"
    assert found.at_most < 0


def test_near_duplicates_are_drawn_together() -> None:
    before, now = predictions(180, 200), predictions(170, 200)
    alone = judge("accuracy", RULE, before, now, paired=True)
    groups = [f"group {row // 10}" for row in range(200)]
    grouped = judge("accuracy", RULE, before, replace(now, groups=groups), paired=True)
    assert grouped.at_most - grouped.at_least > 1.5 * (alone.at_most - alone.at_least)


def test_an_improvement_within_what_a_seed_does_is_not_called_better() -> None:
    wide = RULE.model_copy(update={"drop": 0.12})
    assert judge("accuracy", wide, predictions(150, 200), predictions(180, 200), paired=True).outcome == "no drop shown"


def test_a_loss_is_better_lower() -> None:
    sure, unsure = predictions(190, 200, sure=0.95), predictions(190, 200, sure=0.6)
    assert judge("loss", LOSS, sure, unsure, paired=True).outcome == "worse"
    assert judge("loss", LOSS, unsure, sure, paired=True).outcome == "better"


def test_pairing_sees_what_two_separate_sets_cannot_show() -> None:
    before, now = predictions(170, 200), predictions(150, 200)
    assert judge("accuracy", RULE, before, now, paired=True).outcome == "worse"
    unpaired = judge("accuracy", RULE, before, now, paired=False)
    assert unpaired.outcome == "tolerated"
    assert unpaired.p_value is None


def test_unpaired_accuracy_has_newcombe_s_bounds() -> None:
    # Newcombe (1998), table II: 56/70 against 48/80, method 10: .0524 to .3339, two-sided 95 %.
    rule = RULE.model_copy(update={"level": 0.975})
    found = judge("accuracy", rule, predictions(56, 70), predictions(48, 80, offset=100), paired=False)
    assert (found.at_least, found.at_most) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert found.outcome == "worse"


def test_unpaired_accuracy_of_photographs_in_specimens_is_less_sure() -> None:
    before, now = predictions(170, 200), predictions(150, 200, offset=1000)
    alone = judge("accuracy", RULE, before, now, paired=False)
    # Ten photographs of each specimen, all right or all wrong: twenty independent answers on each side.
    grouped = [replace(one, groups=[f"piece {row // 10}" for row in range(200)]) for one in (before, now)]
    found = judge("accuracy", RULE, *grouped, paired=False)
    assert (found.at_most - found.at_least) > 2 * (alone.at_most - alone.at_least)
    assert alone.outcome == "tolerated"
    assert found.outcome == "no drop shown"


def test_the_order_of_the_photographs_does_not_matter() -> None:
    before, now = predictions(180, 200), predictions(150, 200)
    turned = now.in_order_of(replace(before, ids=before.ids[::-1]))
    assert judge("macro_f1", RULE, before, turned, paired=True) == judge("macro_f1", RULE, before, now, paired=True)
    assert disagreements(before, turned) == disagreements(before, now) == (30, 0)


def test_the_smallest_visible_drop_fails_in_four_of_five_comparisons() -> None:
    n, agreeing, rng = 400, 0.8, np.random.default_rng(0)
    smallest = smallest_detectable_drop(n, 1 - agreeing, 0.05, 0.95)
    lost = (1 - agreeing + smallest) / 2
    draws = rng.multinomial(n, [lost, 1 - agreeing - lost, agreeing], size=20_000)
    drops, disagreeing = (draws[:, 0] - draws[:, 1]) / n, (draws[:, 0] + draws[:, 1]) / n
    shown = drops - norm.ppf(0.95) * np.sqrt((disagreeing - drops**2) / n) > 0.05
    assert shown.mean() == pytest.approx(0.8, abs=0.03)


def test_more_photographs_show_smaller_drops_and_four_show_none() -> None:
    visible = [smallest_detectable_drop(n, 0.1, 0.0, 0.95) for n in (50, 500, 5000)]
    assert visible == sorted(visible, reverse=True)
    assert smallest_detectable_drop(4, 0.0, 0.0, 0.95) == float("inf"), "four in a row happen by chance once in 16"
    assert smallest_detectable_drop(5, 0.0, 0.0, 0.95) < 1.01


def test_two_that_answer_alike_say_nothing_of_what_a_worse_one_would_do() -> None:
    same = predictions(150, 200)
    assert judge("loss", LOSS, same, same, paired=True).smallest is None
    accuracy = judge("accuracy", RULE, same, same, paired=True)
    assert accuracy.smallest is not None
    assert accuracy.smallest > 0.05


def test_seeds_within_what_is_tolerated_rarely_fail_and_regressions_rarely_pass() -> None:
    rng, n, failed = np.random.default_rng(1), 300, {0.05: 0, 0.15: 0}
    model = predictions(240, n)
    for drop in failed:
        for _ in range(6):
            right = model.correct & (rng.random(n) > drop / 0.8)
            other = replace(model, predicted=np.where(right, model.labels, 1 - model.labels))
            failed[drop] += judge("accuracy", RULE, model, other, paired=True).outcome == "worse"
    assert failed[0.05] <= 1, "at the very edge of what is tolerated one in twenty is expected"
    assert failed[0.15] >= 5


def test_the_classes_that_lost_most_are_named_in_order() -> None:
    before = predictions(90, 90, classes=3)
    labels = before.labels
    wrong = ((labels == 2) & (np.arange(90) < 45)) | ((labels == 1) & (np.arange(90) < 9))
    now = replace(before, predicted=np.where(wrong, 0, labels))
    assert [(one.label, one.right_now, one.now) for one in largest_recall_losses(before, now)] == [
        ("class 2", 15, 30),
        ("class 1", 27, 30),
    ]

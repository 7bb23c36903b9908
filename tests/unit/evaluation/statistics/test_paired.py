import pytest

from lithoscope.evaluation.statistics.paired import compare_pairs, in_words, mcnemar, verdict


def readings(right: int, of: int, offset: int = 0) -> dict[str, bool]:
    return {f"photograph {index + offset}": index < right for index in range(of)}


def test_a_clear_difference_has_an_interval_without_0() -> None:
    found = compare_pairs({"seed 0": readings(90, 100)}, {"seed 0": readings(60, 100)})
    assert found is not None
    assert (found.photographs, found.pairs) == (100, 100)
    assert found.difference == pytest.approx(0.3)
    # 30 of 100 photographs tell them apart, always in favour of the first: nearly the binomial interval of .3.
    assert found.interval == pytest.approx((0.21, 0.39), abs=0.011)
    assert found.p_values["seed 0"] == pytest.approx(2 * 0.5**30)


def test_the_other_way_round_the_difference_turns_its_sign() -> None:
    found = compare_pairs({"seed 0": readings(60, 100)}, {"seed 0": readings(90, 100)})
    assert found is not None
    assert found.difference == pytest.approx(-0.3)
    assert found.interval[1] < 0


def test_equal_classifiers_differ_by_0_for_sure() -> None:
    found = compare_pairs({"seed 0": readings(50, 100)}, {"seed 0": readings(50, 100)})
    assert found is not None
    assert (found.difference, found.interval, found.p_values) == (0.0, (0.0, 0.0), {"seed 0": 1.0})


def test_classifiers_that_are_equally_good_on_other_photographs_have_0_in_the_interval() -> None:
    mirrored = {name: not right for name, right in readings(20, 40).items()}
    found = compare_pairs({"seed 0": readings(20, 40)}, {"seed 0": mirrored})
    assert found is not None
    assert found.difference == 0
    assert found.interval[0] < -0.2
    assert found.interval[1] > 0.2
    assert found.p_values["seed 0"] == pytest.approx(1)


def test_the_same_photographs_under_more_seeds_make_the_interval_no_narrower() -> None:
    first, second = readings(30, 50), readings(25, 50)
    one = compare_pairs({"seed 0": first}, {"seed 0": second})
    nine = compare_pairs({f"seed {n}": first for n in range(9)}, {f"seed {n}": second for n in range(9)})
    assert one is not None
    assert nine is not None
    assert (nine.photographs, nine.pairs) == (50, 450)
    assert nine.interval == one.interval


def test_other_photographs_under_each_seed_do_make_it_narrower() -> None:
    first = {f"seed {n}": readings(30, 50, offset=50 * n) for n in range(9)}
    second = {f"seed {n}": readings(25, 50, offset=50 * n) for n in range(9)}
    found, one = compare_pairs(first, second), compare_pairs({"a": first["seed 0"]}, {"a": second["seed 0"]})
    assert found is not None
    assert one is not None
    assert found.photographs == found.pairs == 450
    width, width_of_one = found.interval[1] - found.interval[0], one.interval[1] - one.interval[0]
    assert width == pytest.approx(width_of_one / 3, rel=0.15)


def test_only_what_both_read_under_the_same_seed_counts() -> None:
    first = {"seed 0": {"a": True, "b": True, "c": True}, "seed 1": {"a": True}}
    second = {"seed 0": {"b": False, "c": True, "d": True}, "seed 2": {"a": False}}
    found = compare_pairs(first, second)
    assert found is not None
    assert (found.photographs, found.pairs, found.difference) == (2, 2, 0.5)
    assert set(found.p_values) == {"seed 0"}
    assert compare_pairs({"seed 0": {"a": True}}, {"seed 0": {"b": True}}) is None


def test_the_same_comparison_gives_the_same_interval_again() -> None:
    pair = {"seed 0": readings(61, 97)}, {"seed 0": readings(52, 97)}
    assert compare_pairs(*pair, "one", "other") == compare_pairs(*pair, "one", "other")


def test_mcnemar_is_the_exact_two_sided_test_of_the_disagreements() -> None:
    assert mcnemar(0, 0) == 1
    assert mcnemar(0, 5) == pytest.approx(2 / 32)
    assert mcnemar(8, 2) == pytest.approx(2 * (1 + 10 + 45) / 1024)


def test_near_duplicates_are_drawn_together() -> None:
    first, second = readings(30, 50), readings(25, 50)
    copies = [{f"{name}, copy {n}": right for name, right in one.items() for n in range(4)} for one in (first, second)]
    groups = {name: name.partition(",")[0] for name in copies[0]}
    once = compare_pairs({"seed 0": first}, {"seed 0": second})
    known = compare_pairs({"seed 0": copies[0]}, {"seed 0": copies[1]}, groups=groups)
    unknown = compare_pairs({"seed 0": copies[0]}, {"seed 0": copies[1]})
    assert once is not None
    assert known is not None
    assert unknown is not None
    assert known.photographs == 200
    assert known.difference == pytest.approx(once.difference)
    assert known.interval == once.interval
    assert unknown.interval[1] - unknown.interval[0] < 0.6 * (known.interval[1] - known.interval[0])


@pytest.mark.parametrize(
    ("difference", "interval", "p_values", "words"),
    [
        (0.04, (-0.01, 0.09), [0.11], "better by .04 [−.01, .09], p = .11: not shown"),
        (0.2, (0.151, 0.249), [1e-6], "better by .20 [.15, .25], p < .001: shown"),
        (-0.05, (-0.09, -0.01), [0.0213], "worse by .05 [.01, .09], p = .021: shown"),
        (-0.05, (-0.11, 0.01), [0.2], "worse by .05 [−.01, .11], p = .2: not shown"),
        (0.0, (-0.03, 0.03), [1.0], "equal, difference 0 [−.03, .03], p = 1: not shown"),
        (0.004, (-0.002, 0.011), [0.5], "better by .004 [−.002, .011], p = .5: not shown"),
        (0.06, (0.003, 0.12), [0.04], "better by .060 [.003, .120], p = .04: shown"),
        (1.0, (1.0, 1.0), [0.0], "better by 1.00 [1.00, 1.00], p < .001: shown"),
        (0.1, (0.02, 0.18), [0.01, 0.0001], "better by .10 [.02, .18], p by seed .01, < .001: shown"),
        (0.1, (0.02, 0.18), [0.01, 0.3], "better by .10 [.02, .18], p by seed .01, .3: shown"),
    ],
)
def test_a_difference_is_put_in_words(
    difference: float, interval: tuple[float, float], p_values: list[float], words: str
) -> None:
    assert in_words(difference, interval, p_values) == words


def test_a_difference_is_shown_where_interval_and_test_agree() -> None:
    assert verdict(0.1, (0.02, 0.2), [0.03]) == "better"
    assert verdict(-0.1, (-0.2, -0.02), [0.03]) == "worse"
    assert verdict(0.1, (-0.01, 0.2), [0.03]) == "not shown"
    assert verdict(0.1, (0.02, 0.2), [0.05]) == "not shown"


def test_of_several_seeds_the_interval_decides_which_takes_them_together() -> None:
    assert verdict(0.1, (0.02, 0.2), [0.12, 0.03]) == "better"
    assert verdict(0.1, (-0.02, 0.2), [0.01, 0.03]) == "not shown"


def test_a_comparison_says_of_itself_what_it_shows() -> None:
    clear = compare_pairs({"seed 0": readings(90, 100)}, {"seed 0": readings(60, 100)})
    close = compare_pairs({"seed 0": readings(62, 100)}, {"seed 0": readings(60, 100)})
    assert clear is not None
    assert close is not None
    assert clear.verdict == "better"
    assert clear.words.startswith("better by .30 [.2")
    assert clear.words.endswith("p < .001: shown")
    assert close.words.endswith("p = .5: not shown")


def test_one_sided_mcnemar_asks_whether_the_first_is_better() -> None:
    assert mcnemar(5, 0, first_better=True) == pytest.approx(1 / 32)
    assert mcnemar(0, 5, first_better=True) == 1
    assert mcnemar(8, 2, first_better=True) == pytest.approx((1 + 10 + 45) / 1024)
    assert mcnemar(0, 0, first_better=True) == 1

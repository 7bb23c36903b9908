import pytest

from lithoscope.paired import compare_pairs, mcnemar


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

"""The Wilson interval of a proportion."""

import pytest

from lithoscope.evaluation.statistics.proportions import newcombe, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # scipy.stats.binomtest(successes, n).proportion_ci(method="wilson")
        (33, 120, 0.2030289667, 0.3609296583),
        (5, 10, 0.2365930905, 0.7634069095),
        (81, 263, 0.2552885199, 0.3662095768),
    ],
)
def test_agrees_with_published_values(successes: int, n: int, low: float, high: float) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=1e-9)


def test_ends_are_exact_when_all_or_none_succeed() -> None:
    assert wilson(0, 10)[0] == 0.0
    assert wilson(10, 10)[1] == 1.0
    assert wilson(0, 10)[1] == pytest.approx(0.2775, abs=1e-4)
    assert wilson(10, 10)[0] == pytest.approx(0.7225, abs=1e-4)


def test_nothing_is_known_about_no_cases() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


def test_more_confidence_is_a_wider_interval() -> None:
    narrow, wide = wilson(30, 40, confidence=0.5), wilson(30, 40, confidence=0.99)
    assert wide[0] < narrow[0] < 0.75 < narrow[1] < wide[1]


@pytest.mark.parametrize(("successes", "n", "confidence"), [(-1, 3, 0.95), (4, 3, 0.95), (1, 3, 1.0), (1, 3, 0.0)])
def test_impossible_counts_are_refused(successes: int, n: int, confidence: float) -> None:
    with pytest.raises(ValueError, match="allowed"):
        wilson(successes, n, confidence)


@pytest.mark.parametrize(
    ("successes", "n", "expected"),
    [((56, 48), (70, 80), (0.0524, 0.3339)), ((9, 3), (10, 10), (0.1705, 0.8090)), ((10, 0), (10, 20), (0.6791, 1.0))],
)
def test_newcombe_gives_the_published_intervals(
    successes: tuple[int, int], n: tuple[int, int], expected: tuple[float, float]
) -> None:
    # Newcombe (1998), Statistics in Medicine 17, 873–890, table II, method 10.
    assert newcombe(successes, n) == pytest.approx(expected, abs=5e-5)


def test_the_difference_the_other_way_round_is_the_mirrored_interval() -> None:
    low, high = newcombe((56, 48), (70, 80))
    assert newcombe((48, 56), (80, 70)) == pytest.approx((-high, -low))


def test_a_difference_from_nothing_can_be_anything() -> None:
    assert newcombe((0, 5), (0, 10)) == (-1.0, 1.0)

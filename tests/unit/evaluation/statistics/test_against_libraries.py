"""Our intervals and tests, held against statsmodels, SciPy and scikit-learn on drawn counts."""

import itertools
from typing import Literal

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from lithoscope.core.random_streams import generator
from lithoscope.evaluation.selective import clopper_pearson_lower
from lithoscope.evaluation.statistics.bootstrap import basic_interval, cluster_draws, percentile_interval
from lithoscope.evaluation.statistics.paired import mcnemar
from lithoscope.evaluation.statistics.proportions import newcombe, wilson

COUNTS = [(0, 1), (1, 1), (0, 12), (12, 12), (1, 112), (33, 112), (77, 120), (3333, 5640)]


@pytest.mark.parametrize(("successes", "n"), COUNTS)
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.99])
def test_wilson_is_that_of_statsmodels_and_of_scipy(successes: int, n: int, confidence: float) -> None:
    found = wilson(successes, n, confidence)
    assert found == pytest.approx(proportion_confint(successes, n, 1 - confidence, method="wilson"), abs=1e-12)
    assert found == pytest.approx(tuple(binomtest(successes, n).proportion_ci(confidence, "wilson")), abs=1e-12)


def test_wilson_takes_the_mean_of_several_readings_as_statsmodels_does() -> None:
    assert wilson(76.4, 120) == pytest.approx(proportion_confint(76.4, 120, method="wilson"), abs=1e-12)


@pytest.mark.parametrize(("first", "second"), [*itertools.combinations(COUNTS, 2)])
def test_newcombe_is_that_of_statsmodels(first: tuple[int, int], second: tuple[int, int]) -> None:
    successes, n = zip(first, second, strict=True)
    pair = {"method": "newcomb", "compare": "diff"}
    expected = confint_proportions_2indep(*first, *second, **pair)  # type: ignore[no-untyped-call]
    assert newcombe((successes[0], successes[1]), (n[0], n[1])) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("only_first", "only_second"), [(0, 1), (5, 0), (8, 2), (20, 11), (7, 7), (130, 90)])
def test_mcnemar_is_the_exact_test_of_statsmodels(only_first: int, only_second: int) -> None:
    expected = statsmodels_mcnemar([[40, only_first], [only_second, 9]], exact=True).pvalue  # type: ignore[no-untyped-call]
    assert mcnemar(only_first, only_second) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("right", "n"), [(1, 3), (59, 59), (90, 100), (700, 731)])
def test_the_lower_bound_is_clopper_and_pearsons_by_statsmodels(right: int, n: int) -> None:
    two_sided = proportion_confint(right, n, alpha=2 * 0.05, method="beta")  # its lower end is the one-sided bound
    assert clopper_pearson_lower(right, n, 0.05) == pytest.approx(two_sided[0], abs=1e-12)


@pytest.mark.parametrize("method", ["percentile", "basic"])
def test_clusters_of_one_are_resampled_as_scipy_resamples_single_cases(method: Literal["percentile", "basic"]) -> None:
    values = generator(0, "held against scipy").gamma(2.0, size=80)
    draws = cluster_draws(len(values), generator(0, "held against scipy", "draws"))
    resampled = np.concatenate([times @ values / times.sum(axis=1) for times in draws])
    found = percentile_interval(resampled) if method == "percentile" else basic_interval(resampled, values.mean())
    expected = bootstrap(
        (values,), np.mean, n_resamples=len(resampled), method=method, rng=np.random.default_rng(0)
    ).confidence_interval
    # Both are random: within a few standard errors of a quantile of that many resamples.
    assert found == pytest.approx(tuple(expected), abs=0.02)

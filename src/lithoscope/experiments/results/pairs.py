"""Paired comparisons in ``docs/results.md``: two recipes on the photographs that both read."""

from collections.abc import Sequence

from lithoscope.evaluation.statistics.bootstrap import RESAMPLES
from lithoscope.evaluation.statistics.paired import compare_pairs
from lithoscope.experiments.results.recorded_run import RecordedRun
from lithoscope.experiments.results.table import ABSENT, table_line
from lithoscope.reporting.headline import short

VERDICTS = {"better": "the first is better", "worse": "the second is better", "not shown": "no difference shown"}
PAIRED = f"""\
## Paired comparisons

Two recipes on the photographs that both read under the same seed; above 0 the first one is better. In brackets the
95 % interval of {RESAMPLES:,} bootstrap resamples of photographs, each drawn with its readings under all seeds, its
near-duplicates and its specimen. It says how sure the difference of these trained networks is on other photographs,
not how far other seeds would scatter. p: McNemar's exact test, seed by seed. A difference is shown where the interval,
which takes the seeds together, leaves 0 out; of a single seed p has to be below .05 as well.

| first | second | scored on | photographs | readings | difference of accuracy | p by seed | verdict |
| --- | --- | --- | ---: | ---: | --- | --- | --- |
"""


def pair_lines(first: Sequence[RecordedRun], second: Sequence[RecordedRun]) -> list[str]:
    """Return the line that compares two recipes, or none before both have results."""
    if not first or not second:
        return []
    names = first[0].recipe, second[0].recipe
    kinds = {(result.values["dataset"]["name"], result.values["split"]) for result in (*first, *second)}
    one, other = ({_seed(result): result.correct for result in results} for results in (first, second))
    groups = {name: group for one in (*first, *second) for name, group in one.groups.items()}
    # Other sets may have the same ids.
    paired = compare_pairs(one, other, *names, groups=groups) if len(kinds) == 1 else None
    if paired is None:
        return [table_line([*names, ABSENT, "0", "0", "no photograph in common", ABSENT, ABSENT])]
    difference, low, high = (_signed(value) for value in (paired.difference, *paired.interval))
    p_values = ", ".join(f"{seed}: {_p(p)}" for seed, p in paired.p_values.items())
    cells = [*names, first[0].values["split"], str(paired.photographs), str(paired.pairs)]
    return [table_line([*cells, f"{difference} [{low}, {high}]", p_values, VERDICTS[paired.verdict]])]


def _seed(result: RecordedRun) -> str:
    return "one run" if result.seed is None else f"seed {result.seed}"


def _signed(value: float) -> str:
    return ("−" if round(value, 3) < 0 else "+" if round(value, 3) > 0 else "") + short(abs(value))


def _p(value: float) -> str:
    return "< .001" if value < 0.001 else short(value)

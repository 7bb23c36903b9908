"""Short table of ``docs/results.md``: for each set of photographs the recipe with the highest test accuracy."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import mean, stdev

from lithoscope.experiments.recipes import About
from lithoscope.experiments.results.recorded_run import RecordedRun
from lithoscope.experiments.results.table import source_figures, table_line
from lithoscope.reporting.headline import photographs_in_words, share_in_words, short

SECTION = """\
For each set the recipe with the highest mean accuracy on the test photographs, of those that ran with the most seeds.
Its settings were chosen without the test; that it stands here was not, which flatters it a little.

| photographs | recipe | test accuracy | n | published | command |
| --- | --- | --- | ---: | --- | --- |
"""


def leading_section(groups: Mapping[str, Sequence[RecordedRun]], abouts: Mapping[str, About]) -> str:
    """Return the table, a line a set of photographs, or "" where no run was scored on test photographs.

    Args:
        groups: The recorded runs of each recipe.
        abouts: The heads of the recipes that there are.
    """
    sets: dict[str, list[Sequence[RecordedRun]]] = defaultdict(list)
    for recipe, results in groups.items():
        if recipe in abouts and all(result.values["split"] == "test" for result in results):
            sets[results[0].values["dataset"]["name"]].append(results)
    leaders = [max(found, key=lambda results: (len(results), _accuracy(results))) for _, found in sorted(sets.items())]
    return SECTION + "".join(_line(results, abouts) + "\n" for results in leaders) + "\n" if leaders else ""


def _accuracy(results: Sequence[RecordedRun]) -> float:
    return mean(float(result.figures["accuracy"]) for result in results)


def _line(results: Sequence[RecordedRun], abouts: Mapping[str, About]) -> str:
    first, n = results[0], min(result.figures["n"] for result in results)
    effective = min(result.effective for result in results)
    accuracies = [result.figures["accuracy"] for result in results]
    value, _, interval = share_in_words(mean(accuracies), effective, whole=len(results) == 1).partition(" ")
    spread = f" ± {short(stdev(accuracies))} over {len(results)} seeds" if len(results) > 1 else ""
    used = photographs_in_words(first.values["data"]["photographs"], first.values["dataset"]["published"])
    return table_line(
        [
            f"{first.values['dataset']['name']}, {used}",
            first.recipe,
            f"**{value}**{spread} {interval}",
            str(n),
            source_figures(abouts[first.recipe], what=False),
            f"`lithoscope recipe {first.recipe}`",
        ]
    )

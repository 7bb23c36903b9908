"""Table of the comparison with people in ``docs/results.md``: recorded runs beside the authors' network."""

from collections.abc import Mapping, Sequence
from typing import Any

from lithoscope.evaluation.human_judgements.summary import CONDITIONS
from lithoscope.experiments.results.recorded_run import RecordedRun
from lithoscope.experiments.results.table import ABSENT, table_line
from lithoscope.reporting.headline import short

SECTION = """\

## Beside people

How near runs come to the dimensions of people's similarity judgements, and to people who named the same photographs
([methods](people.md)), with 95 % intervals. **Cross-validated**: predicted for training photographs that the map was
not fitted to. **Against the authors**: difference of mean r on the test photographs, paired; above 0 the run is nearer
to people. The map is a ridge regression, or, where a network from scratch allows none, principal components. The last
three columns are the shares of new photographs classified correctly, ten ways; the networks learnt from other lessons
than the people.

| run | mean r, cross-validated | disparity, cross-validated | mean r, test | disparity, test | against the authors | \
igneous | metamorphic | mixed |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""


def people_section(results: Sequence[RecordedRun]) -> str:
    """Return the section, or "" where no run was compared with people.

    The authors' network and the people stand there as the files have them, once for each set of figures.
    """
    compared = [(result, result.values["people"]) for result in results if result.values.get("people")]
    if not compared:
        return ""
    others = dict.fromkeys(
        table_line(cells) for _, people in compared for cells in (_author_cells(people), _people_cells(people)) if cells
    )
    runs = [table_line(_run_cells(result.name, people)) for result, people in compared]
    return SECTION + "\n".join([*others, *runs]) + "\n"


def _run_cells(name: str, people: Mapping[str, Any]) -> list[str]:
    training, test = people.get("training") or {}, people.get("test") or {}
    named = people.get("naming") or {}
    kind = "" if test.get("map", "ridge") == "ridge" else f", {test['map']}"
    return [
        f"[{name}](../results/{name}.json){kind}",
        *(_with_interval(part, figure) for part in (training, test) for figure in ("mean_r", "disparity")),
        _with_interval(people.get("difference_from_authors") or {}, "mean_r", sign="+"),
        *(_with_interval(named.get(condition) or {}, "model") for condition in CONDITIONS),
    ]


def _author_cells(people: Mapping[str, Any]) -> list[str] | None:
    found = people.get("authors")
    if not found:
        return None
    fitted = [_with_interval(found, figure) for figure in ("mean_r", "disparity")]
    return ["the authors' network", ABSENT, ABSENT, *fitted, *[ABSENT] * 4]


def _people_cells(people: Mapping[str, Any]) -> list[str] | None:
    named = people.get("naming")
    if not named:
        return None
    shown = [_with_interval(named.get(condition) or {}, "accuracy") for condition in CONDITIONS]
    return ["people", *[ABSENT] * 5, *shown]


def _with_interval(part: Mapping[str, Any], name: str, sign: str = "") -> str:
    if name not in part:
        return ABSENT
    value, low, high = (_signed(part[key], sign) for key in (name, f"{name}_low", f"{name}_high"))
    return f"{value} [{low}, {high}]"


def _signed(value: float, sign: str) -> str:
    before = "−" if round(value, 3) < 0 else sign if round(value, 3) > 0 else ""
    return before + short(abs(value))

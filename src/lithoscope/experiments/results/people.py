"""The comparison with people in ``docs/results.md``: what finished runs kept of it, beside what others reached."""

from collections.abc import Mapping, Sequence
from typing import Any

from lithoscope.evaluation.human_judgements.summary import CONDITIONS
from lithoscope.experiments.results.finished_runs import Result
from lithoscope.experiments.results.table import ABSENT, joined
from lithoscope.reporting.headline import short

SECTION = """\

## Beside people

How near runs come to the dimensions of people's similarity judgements, and to people who named the same photographs
([methods](people.md)), with 95 % intervals. **Cross-validated**: predicted for training photographs that the map was
not fitted to. **Against the authors**: difference of mean r on the test photographs, paired; above 0 the run is nearer
to people. The map is a ridge regression, or, where a network from scratch allows none, principal components. The last
three columns are the shares of new photographs that were named right, ten ways; the networks learnt from other lessons
than the people.

| run | mean r, cross-validated | disparity, cross-validated | mean r, test | disparity, test | against the authors | \
igneous | metamorphic | mixed |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""


def people_section(results: Sequence[Result]) -> str:
    """Return the section, or "" where no run was compared with people.

    The authors' network and the people stand there as the files have them, once for each set of figures.
    """
    compared = [(result, result.values["people"]) for result in results if result.values.get("people")]
    if not compared:
        return ""
    others = dict.fromkeys(
        joined(cells) for _, people in compared for cells in (_authors(people), _persons(people)) if cells
    )
    runs = [joined(_run(result.name, people)) for result, people in compared]
    return SECTION + "\n".join([*others, *runs]) + "\n"


def _run(name: str, people: Mapping[str, Any]) -> list[str]:
    training, test = people.get("training") or {}, people.get("test") or {}
    named = people.get("naming") or {}
    kind = "" if test.get("map", "ridge") == "ridge" else f", {test['map']}"
    return [
        f"[{name}](../results/{name}.json){kind}",
        *(_with_ends(part, figure) for part in (training, test) for figure in ("mean_r", "disparity")),
        _with_ends(people.get("difference_from_authors") or {}, "mean_r", sign="+"),
        *(_with_ends(named.get(condition) or {}, "model") for condition in CONDITIONS),
    ]


def _authors(people: Mapping[str, Any]) -> list[str] | None:
    found = people.get("authors")
    if not found:
        return None
    fitted = [_with_ends(found, figure) for figure in ("mean_r", "disparity")]
    return ["the authors' network", ABSENT, ABSENT, *fitted, *[ABSENT] * 4]


def _persons(people: Mapping[str, Any]) -> list[str] | None:
    named = people.get("naming")
    if not named:
        return None
    shown = [_with_ends(named.get(condition) or {}, "accuracy") for condition in CONDITIONS]
    return ["people", *[ABSENT] * 5, *shown]


def _with_ends(part: Mapping[str, Any], name: str, sign: str = "") -> str:
    if name not in part:
        return ABSENT
    value, low, high = (_signed(part[key], sign) for key in (name, f"{name}_low", f"{name}_high"))
    return f"{value} [{low}, {high}]"


def _signed(value: float, sign: str) -> str:
    before = "−" if round(value, 3) < 0 else sign if round(value, 3) > 0 else ""
    return before + short(abs(value))

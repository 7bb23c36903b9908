"""Table of answers in ``docs/results.md``: how often each kind of them was right, run by run."""

from collections.abc import Mapping, Sequence
from typing import Any

from lithoscope.experiments.results.recorded_run import RecordedRun
from lithoscope.experiments.results.table import ABSENT, table_line
from lithoscope.reporting.headline import short

SECTION = """\

## Answers

How often [answers](answers.md) were right on the test photographs, with 95 % Wilson intervals. **The true class in
the set**: aimed at are 90 %, in all photographs. **Known photographs called none of these**: 5 % were aimed at. A
share in front of a kind is how many photographs got it. Limits were set on so many **held-out** photographs.

| run | n | held out | the true class in the set | mean size of sets | called none of these | a name, right | \
a set, right | a coarser name, right |
| --- | ---: | ---: | --- | ---: | --- | --- | --- | --- |
"""


def answers_section(results: Sequence[RecordedRun]) -> str:
    """Return the section, or "" where no run set limits to its answers."""
    limited = [(result.name, result.values["answers"]) for result in results if result.values.get("answers")]
    if not limited:
        return ""
    return SECTION + "\n".join(table_line(_cells(name, answers)) for name, answers in limited) + "\n"


def _cells(name: str, answers: Mapping[str, Any]) -> list[str]:
    coverage, kinds = answers["coverage"], answers["kinds"]
    return [
        f"[{name}](../results/{name}.json)",
        str(answers["n"]),
        str(answers["held_out"]["photographs"]),
        _share(coverage, "share"),
        f"{coverage['mean_size']:.1f}",
        _share(answers["rejected"], "share"),
        *(_kind(kinds.get(kind) or {}) for kind in ("name", "set", "coarser")),
    ]


def _kind(answered: Mapping[str, Any]) -> str:
    if not answered.get("n"):
        return ABSENT
    return f"{short(answered['share'])}: {_share(answered, 'right')}"


def _share(part: Mapping[str, Any], name: str) -> str:
    return f"{short(part[name])} [{short(part['low'])}, {short(part['high'])}]"

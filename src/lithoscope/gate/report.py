"""The gate's verdict as lines and table cells, as Markdown, and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from lithoscope.core.text import markdown_text
from lithoscope.gate.non_inferiority import POWER
from lithoscope.gate.verdict import CANNOT_TELL, FAILED, PASSED, Verdict

WORDS = {PASSED: "passed", FAILED: "failed", CANNOT_TELL: "cannot tell"}
HEADINGS = ("metric", "baseline", "now", "change", "worse by", "tolerated", "visible from", "verdict")


def verdict_line(verdict: Verdict) -> str:
    """Return the verdict in a line."""
    better = [one.metric for one in verdict.judgements if one.outcome == "better"]
    said = f"; better: {', '.join(better)}" if better else ""
    return f"gate: {WORDS[verdict.status]}{said} ({verdict.current} against {verdict.baseline})"


def metric_rows(verdict: Verdict) -> list[tuple[str, ...]]:
    """Return the table's metric_rows, under :data:`HEADINGS`."""
    return [
        (
            one.metric,
            f"{one.baseline:.4f}",
            f"{one.current:.4f}",
            f"{one.current - one.baseline:+.4f}",
            f"{one.at_least:+.4f} … {one.at_most:+.4f}",
            f"{one.tolerated:g}",
            _visible(one.smallest),
            one.outcome + (f" (p = {one.p_value:.2g})" if one.p_value is not None else ""),
        )
        for one in verdict.judgements
    ]


def _visible(smallest: float | None) -> str:
    if smallest is None:
        return "unknown"
    return "none" if smallest == float("inf") else f"{smallest:.4f}"


def method_lines(verdict: Verdict) -> list[str]:
    """Say how it was judged, each as a line."""
    if verdict.photographs is None:
        return ["The two were not compared."]
    before, now = verdict.photographs
    levels = ", ".join(sorted({f"{one.level:g}" for one in verdict.judgements}))
    how = (
        f"Paired on the same {now} photographs: bootstrap over photographs; "
        "p: exact McNemar test of a drop of accuracy."
        if verdict.paired
        else f"Unpaired, since the photographs changed ({before} then, {now} now): Newcombe's interval of accuracy, "
        "at the effective number of photographs where these come in groups, bootstrap of each side for the others."
    )
    return [
        how,
        f"worse by: one-sided bounds at {levels} each; a metric fails where both lie beyond what is tolerated.",
        f"visible from: the smallest drop that would have failed with a probability of {POWER:g}.",
    ]


def detail_sections(verdict: Verdict) -> list[tuple[str, list[str]]]:
    """Return what is to be said besides the table, under headings."""
    lost = [
        f"{one.label}: recall {one.right_before / one.before:.3f} → {one.right_now / one.now:.3f} "
        f"({one.right_before} of {one.before} → {one.right_now} of {one.now})"
        for one in verdict.classes
    ]
    limits = [
        f"{one.name}: {f'{one.ratio:.2f} times, ' if one.ratio is not None else ''}{one.text}; allowed {one.limit:g} "
        "times"
        for one in verdict.budgets
    ]
    notes = [finding.text for finding in verdict.findings if finding.kind == "note"]
    parts = [
        ("Fails because", verdict.failures()),
        ("Cannot tell", verdict.unknown()),
        ("Lost most", lost),
        ("Budgets", limits),
        ("Notes", notes),
    ]
    return [(heading, lines) for heading, lines in parts if lines]


def markdown(verdict: Verdict) -> str:
    """Return the verdict for a pull request."""
    lines = [f"## {markdown_text(verdict_line(verdict))}", ""]
    if verdict.judgements:
        lines += [_row(HEADINGS), _row(["---"] * len(HEADINGS)), *(_row(cells) for cells in metric_rows(verdict)), ""]
    lines += [f"{line}  " for line in method_lines(verdict)]
    for heading, texts in detail_sections(verdict):
        lines += ["", f"**{heading}**", "", *(f"- {markdown_text(text)}" for text in texts)]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(markdown_text(cell) for cell in cells)} |"


def as_json(verdict: Verdict) -> str:
    """Return the verdict for machines; a smallest drop of infinity is null."""
    values = {
        "status": verdict.status,
        "verdict": WORDS[verdict.status],
        **asdict(verdict),
        "failures": verdict.failures(),
        "unknown": verdict.unknown(),
    }
    for one in values["judgements"]:
        one["smallest"] = None if one["smallest"] == float("inf") else one["smallest"]
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

"""Markdown summary of the report, for a pull request."""

from typing import Any

from lithoscope.core.text import count, interval, markdown_text, number, percent, percents
from lithoscope.reporting.confidence_section import selective
from lithoscope.reporting.hero_section import contenders, hero
from lithoscope.reporting.human_section import people
from lithoscope.reporting.inputs import ReportInputs
from lithoscope.reporting.learning_sections import classes, confusion
from lithoscope.reporting.provenance_section import find

SHOWN = 5  # classes, and confusions


def markdown_summary(inputs: ReportInputs) -> str:
    """Write the headline, the baselines, the hardest classes and how to find the run.

    Args:
        inputs: What the stages before made. The same inputs give the same text, byte for byte.
    """
    about = hero(inputs)
    blocks = [
        [f"## {markdown_text(about['title'])}: {percent(about['accuracy'])} right"],
        _first_lines(about),
        _figures(inputs, about),
        _baselines(inputs),
        _hardest(inputs),
        _confidence(inputs),
        [_people(inputs)],
        ["Found in MLflow by its hashes:", "", "```sh", find(inputs)["command"], "```"],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _first_lines(about: dict[str, Any]) -> list[str]:
    pictures = "synthetic pictures" if about["synthetic"] else "photographs"
    lines = []
    if about["synthetic"]:
        lines.append("**Synthetic**: every picture was drawn by a program; this says nothing about real specimens.  ")
    if about["beats"]:
        lines.append("The network is shown to be better than each of its baselines.  ")
    else:
        names = " and ".join(one["name"] for one in about["unbeaten"])
        lines.append(f"**The network does not beat its baselines**: not shown to be better than {names}.  ")
    of = "" if about["published"] == about["photographs"] else f" of the {count(about['published'])} published"
    lines.append(
        f"{count(about['photographs'])}{of} {pictures} of {count(about['classes'], 'class', 'classes')}, told apart by "
        f"{markdown_text(about['model'])}."
    )
    return lines


def _figures(inputs: ReportInputs, about: dict[str, Any]) -> list[str]:
    rows = [("Accuracy", f"{percent(about['accuracy'])} {percents(about)}")]
    for one in about["stats"]:
        shown = (
            f"{percent(one['value'])} {percents(one)}" if one["share"] else f"{number(one['value'])} {interval(one)}"
        )
        rows.append((one["name"], shown))
    coarse = inputs.figures.get("coarse")
    if coarse:
        rows.append(("Accuracy among coarse classes", f"{percent(coarse['accuracy'])} {percents(coarse)}"))
    head = f"| {about['split']}, n = {count(about['n'])} | [95 % interval] |"
    return [head, "| --- | --- |", *(f"| {name} | {shown} |" for name, shown in rows)]


def _baselines(inputs: ReportInputs) -> list[str]:
    lines = ["| On the same photographs | Accuracy | The network is |", "| --- | --- | --- |"]
    for one in contenders(inputs.compared):
        cells = (one["name"].capitalize(), f"{percent(one['accuracy'])} {percents(one)}", markdown_text(one["words"]))
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _hardest(inputs: ReportInputs) -> list[str]:
    rows = classes(inputs)["rows"][:SHOWN]
    hardest = ", ".join(f"{markdown_text(row['label'])} (F1 {number(row['f1'], 2)}, n = {row['n']})" for row in rows)
    pairs = confusion(inputs)["pairs"][:SHOWN]
    confused = ", ".join(
        f"{markdown_text(pair['label'])} called {markdown_text(pair['predicted'])} ({pair['count']} of {pair['of']})"
        for pair in pairs
    )
    return [
        f"Hardest: {hardest}.  ",
        f"Most often confused: {confused}." if pairs else "No class was taken for another.",
    ]


def _confidence(inputs: ReportInputs) -> list[str]:
    calibration, about = inputs.figures["calibration"], selective(inputs)["about"]
    fitted = int(calibration["photographs"])
    source = f"fitted on {count(fitted, 'validation photograph')}" if fitted else "given as a parameter"
    errors = f"{number(calibration['before']['ece'])} before, {number(inputs.figures['ece'])} after"
    tempered = f"Temperature {calibration['temperature']:.3g}, {source}; calibration error {errors}.  "
    lines = [tempered if inputs.tempered else "Confidences are not calibrated.  "]
    if about["threshold"] is None:
        lines.append(
            f"No confidence from which on it is right {percent(about['target'], 0)} of the time: {about['reason']}."
        )
    else:
        named = f"it names {percent(about['coverage'], 0)} there"
        right = f", {percent(about['accuracy'])} of them right {percents(about)}" if about["n"] else ""
        lines.append(
            f"From a confidence of {percent(about['threshold'])} on it should be right {percent(about['target'], 0)} "
            f"of the time; {named}{right}."
        )
    return lines


def _people(inputs: ReportInputs) -> str:
    found = people(inputs)
    if found["off"]:
        return f"People: {markdown_text(found['off'])}."
    best, authors = found["best"], found["authors"]
    line = f"People: mean r {number(best['mean_r'])} [{number(best['mean_r_low'])}, {number(best['mean_r_high'])}]"
    line += f", disparity {number(best['disparity'])}, {count(found['photographs'])} {found['part']} photographs"
    if authors:
        line += f"; the authors' network {number(authors['mean_r'])} and {number(authors['disparity'])}"
    return line + "."

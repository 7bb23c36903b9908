"""The section on human judgements."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from lithoscope.reporting import people_figures
from lithoscope.reporting.inputs import ReportInputs

FITS = {
    "ridge": "The model, ridge regression on its features",
    "components": "The model, eight principal components, nothing fitted to people",
    "authors": "The authors' own network",
}
CHANCE = {"permuted": "Chance: photographs in random order", "random": "Chance: random numbers"}
SIMILARITIES = {
    "last layer": "Next-to-last layer, before training",
    "last layer, trained": "Next-to-last layer, trained",
    "ridge": "Ridge regression on its features",
    "authors": "The authors' own network",
}
CONDITIONS = ("igneous", "metamorphic", "mixed")
SPLIT_NAMES = {"test": "test", "training": "train"}  # the part of the figures → the split in the table


def people(inputs: ReportInputs) -> dict[str, Any]:
    """How far the model's likenesses, dimensions and namings are those of people; or why that was not compared."""
    found = inputs.people
    part = next((name for name in ("test", "training") if name in found), None)
    if found.get("status") != "compared" or part is None:
        return {"off": str(found.get("note", "not compared"))}
    figures = found[part]
    best = "ridge" if "ridge" in figures else "components"
    return {
        "off": "",
        "note": str(found.get("note", "")),
        "part": part,
        "photographs": int(figures["photographs"]),
        "best": figures[best],
        "authors": figures.get("authors"),
        "difference": _difference(figures.get("difference_from_authors")),
        "fits": _fits(figures),
        "chance": figures["chance"]["permuted"],
        "dimensions": Markup(people_figures.dimensions(_by_dimension(figures))),  # noqa: S704 (names are the set's)
        "scatters": _scatters(inputs.people_table, SPLIT_NAMES[part]),
        "supplementary": figures.get("supplementary"),
        "similarity": [
            {"name": name, **figures["similarity"][key]}
            for key, name in SIMILARITIES.items()
            if key in figures["similarity"]
        ],
        "ceiling": str(figures["similarity"].get("ceiling", "")),
        "naming": _naming(figures.get("naming")),
        "naming_note": str((figures.get("naming") or {}).get("note", "")),
        "embedding": found["embedding"],
        "features": str(found.get("training", {}).get("ridge", {}).get("features", "")),
    }


def _fits(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = [
        {"name": name, "own": key == "ridge", "chance": False, **figures[key]}
        for key, name in FITS.items()
        if key in figures
    ]
    for key, name in CHANCE.items():
        chance = figures["chance"][key]
        rows.append({"name": name, "own": False, **chance, "chance": True})
    return rows


def _by_dimension(figures: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return the correlation of each dimension, by the name of who is compared; the model first."""
    best = "ridge" if "ridge" in figures else "components"
    shown = {"model": figures[best]["r"]}
    if "authors" in figures:
        shown["authors' network"] = figures["authors"]["r"]
    return shown


def _difference(difference: Mapping[str, float] | None) -> list[dict[str, str]]:
    """Say of mean r and of disparity whether the model is closer to people than the authors' network is."""
    if difference is None:
        return []
    rows: list[dict[str, str]] = []
    for key, name, higher_is_better in (("mean_r", "mean r", True), ("disparity", "disparity", False)):
        value, low, high = (float(difference[key + end]) for end in ("", "_low", "_high"))
        better = (value > 0) == higher_is_better
        shown = low > 0 or high < 0
        verdict = ("better" if better else "worse") if shown else "not shown to differ"
        ends = f"[{_signed(low)}, {_signed(high)}]"
        rows.append({"name": name, "verdict": verdict, "difference": f"{_signed(value)} {ends}"})
    return rows


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _scatters(table: pd.DataFrame, split: str) -> list[tuple[str, Markup]]:
    """Draw for each dimension where people and where the model put each photograph."""
    own = table[(table["split"] == split) & table["model"].notna()]
    return [
        (
            str(name),
            Markup(people_figures.agreement(rows["people"], rows["model"], f"people{number}", str(name))),  # noqa: S704
        )
        for number, (name, rows) in enumerate(own.groupby("dimension", sort=False))
    ]


def _naming(naming: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    if naming is None or "note" in naming:
        return []
    return [{"name": name, "note": "", **naming[name]} for name in CONDITIONS if name in naming]

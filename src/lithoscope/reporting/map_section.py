"""The section on the embedding map: scatter plots of principal components and of t-SNE, coloured by class."""

from collections.abc import Mapping, Sequence
from math import gcd
from typing import Any

import pandas as pd
from markupsafe import Markup

from lithoscope.reporting.examples_section import ABSENT
from lithoscope.reporting.inputs import ReportInputs

SIDE = 400.0  # of the square, in the picture's own units
MARGIN = 12.0
METHODS = (("pca", "Principal components"), ("tsne", "t-SNE"))


def embedding_map(inputs: ReportInputs) -> dict[str, Any]:
    """Where the network puts the photographs: those that it takes for alike lie beside each other."""
    found = inputs.explained
    if found is None:
        return {"missing": ABSENT}
    about, places = found.about["embedding"], found.places
    panels = []
    for key, name in METHODS:
        columns = [f"{key}_1", f"{key}_2"]
        shown = places[places[columns].notna().all(axis=1)]
        projection: Mapping[str, Any] = about.get(key, {})
        svg = "" if shown.empty else scatter(shown, columns, inputs.classes, f"{name}, coloured by class")
        panels.append(
            {
                "name": name,
                "figure": Markup(svg),  # noqa: S704 (its texts are escaped)
                "note": str(projection.get("note") or "not made"),
                "variance": projection.get("explained_variance"),
                "perplexity": projection.get("perplexity"),
            }
        )
    used = set(places["label"])
    return {
        "missing": "" if len(places) else "no photograph has a place on it",
        "panels": panels,
        "features": str(about.get("features", "")),
        "photographs": len(places),
        "classes": [
            (number, label, style)
            for number, (label, style) in enumerate(zip(inputs.classes, hues(len(inputs.classes)), strict=True))
            if label in used
        ],
        "splits": [(str(split), int(n)) for split, n in places["split"].value_counts().sort_index().items()],
    }


def hues(classes: int) -> list[str]:
    """Return the style of each class: a hue in degrees and one of three shades, neighbours in the list far apart."""
    # A stride that shares no divisor with the number of classes visits every hue once; three shades part close ones.
    stride = next(n for n in range(max(round(classes * 0.382), 1), 2 * classes + 2) if gcd(n, max(classes, 1)) == 1)
    step = 360 / max(classes, 1)
    return [
        f"--h:{(25 + step * (stride * place % classes)) % 360:.1f};--s:var(--shade{place % 3})"
        for place in range(classes)
    ]


def scatter(places: pd.DataFrame, columns: Sequence[str], classes: Sequence[str], description: str) -> str:
    """Draw the photographs as dots, wrong answers as crosses; hollow are those that trained and so were not named.

    Args:
        places: A row a photograph with ``label``, ``predicted`` (empty where it was not named), ``split``,
            ``photograph`` and two coordinates.
        columns: The names of the two coordinates.
        classes: A dot has the class ``k`` and the number of its label in this list.
        description: Read aloud to those who don't see it.

    Returns:
        An SVG element whose colours are the page's; the texts in it are escaped.
    """
    values = places[list(columns)].to_numpy(dtype=float)
    low, high = values.min(axis=0), values.max(axis=0)
    scale = (SIDE - 2 * MARGIN) / max(float((high - low).max()), 1e-12)  # one scale for both, so that distances hold
    centred = scale * (values - (low + high) / 2)
    dots: dict[str, list[str]] = {label: [] for label in classes}
    crosses: dict[str, list[str]] = {label: [] for label in classes}
    for (x, y), row in zip(centred * (1, -1) + SIDE / 2, places.to_dict("records"), strict=True):
        title = Markup("<title>{}{} ({}: {})</title>")
        if row["predicted"] in ("", row["label"]):
            said = title.format(row["label"], "", row["split"], row["photograph"])
            own = "" if row["predicted"] else ' class="own"'
            dots[row["label"]].append(f'<circle{own} cx="{x:.1f}" cy="{y:.1f}" r="3.4">{said}</circle>')
        else:
            said = title.format(row["label"], f", called {row['predicted']}", row["split"], row["photograph"])
            path = f"M{x - 3.6:.1f} {y - 3.6:.1f}l7.2 7.2m0-7.2l-7.2 7.2"
            crosses[row["label"]].append(f'<path d="{path}">{said}</path>')
    groups = [
        f'<g class="k{number}" style="{style}">{"".join(marks[label])}</g>'
        for marks in (dots, crosses)  # crosses on top
        for number, (label, style) in enumerate(zip(classes, hues(len(classes)), strict=True))
        if marks[label]
    ]
    box = f"0 0 {SIDE:g} {SIDE:g}"
    opening = Markup('<svg class="map" role="img" aria-label="{}" viewBox="{}">').format(description, box)
    return "\n".join([opening, *groups, "</svg>"])

"""Scatter plots of the human-judgement comparison."""

from collections.abc import Mapping

import matplotlib.style
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from lithoscope.reporting.svg import GRID, MUTED, PAPER, STYLE, TRAIN, VALIDATION, to_svg


def dimensions(correlations: Mapping[str, Mapping[str, float]]) -> str:
    """Draw the correlation with each of people's dimensions, the highest of the first one on top.

    Args:
        correlations: Pearson's r by dimension, of one or two, by their names; the first is the model.

    Returns:
        An SVG element for a page that defines the variables in :data:`lithoscope.reporting.svg.VARIABLES`.
    """
    (own_name, own), *others = correlations.items()
    names = sorted(own, key=lambda name: (-own[name], name))
    with matplotlib.style.context(["default", STYLE, {"axes.grid.axis": "x"}]):
        height = 0.3 * len(names) + 0.85
        figure = Figure(figsize=(4.6, height))
        axes = figure.add_axes((0.27, 0.5 / height, 0.69, 1 - 0.85 / height))
        rows = np.arange(len(names))
        for name, other in others:
            values = [other[dimension] for dimension in names]
            axes.hlines(rows, [own[dimension] for dimension in names], values, color=GRID, linewidth=2.5)
            axes.plot(values, rows, "o", color=TRAIN, markerfacecolor=PAPER, markersize=6, label=name)
        axes.plot([own[dimension] for dimension in names], rows, "o", color=VALIDATION, markersize=7, label=own_name)
        axes.set_yticks(rows, names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        lowest = min(min(values.values()) for values in correlations.values())
        axes.set_xlim(min(0.0, lowest - 0.05), 1)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.set_xlabel("correlation with people's dimension")
        top = 1 - 0.12 / height
        figure.text(0.27, top, f"● {own_name}", color=VALIDATION, va="center", fontweight="bold")
        for name, _ in others:
            figure.text(0.5, top, f"○ {name}", color=TRAIN, va="center", fontweight="bold")
        return to_svg(figure, "dimensions", "correlation with each of people's dimensions")


def agreement(people: ArrayLike, model: ArrayLike, name: str, dimension: str) -> str:
    """Draw one dimension, a dot a photograph: where people put it, where the model puts it.

    Args:
        people: Coordinates, (n,).
        model: The same photographs', fitted to people's, (n,).
        name: Letters that no other figure of the page has.
        dimension: Its name, for those who don't see the figure.

    Returns:
        An SVG element for a page that defines the variables in :data:`lithoscope.reporting.svg.VARIABLES`.
    """
    x, y = np.asarray(people, dtype=float), np.asarray(model, dtype=float)
    low, high = float(min(x.min(), y.min())), float(max(x.max(), y.max()))
    room = 0.05 * (high - low) or 1.0
    with matplotlib.style.context(["default", STYLE, {"axes.grid": False}]):
        figure = Figure(figsize=(1.8, 1.8))
        axes = figure.add_axes((0.13, 0.13, 0.85, 0.85))
        axes.plot([low - room, high + room], [low - room, high + room], color=MUTED, linewidth=0.8, dashes=(2, 3))
        axes.plot(x, y, "o", color=VALIDATION, alpha=0.55, markersize=2.8, markeredgewidth=0)
        axes.set_xlim(low - room, high + room)
        axes.set_ylim(low - room, high + room)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines.bottom.set_visible(True)
        axes.spines.left.set_visible(True)
        axes.set_xlabel("people", labelpad=3)
        axes.set_ylabel("model", labelpad=3)
        return to_svg(figure, name, f"{dimension}: people's and the model's, a dot a photograph")

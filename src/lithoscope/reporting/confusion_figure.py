"""The confusion matrix as a figure, for where the page's table cannot go."""

from collections.abc import Sequence
from unicodedata import east_asian_width

import matplotlib.style
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lithoscope.reporting.svg import GRID, RIGHT, STYLE, WRONG, to_svg

NUMBERED = 40  # classes; numbers in smaller cells can't be read


def _columns(name: str) -> int:
    """Return how wide a name is, in letters; ideographs are two wide."""
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in name)


def confusion_figure(classes: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """Draw the confusion matrix: a row what a photograph shows, a column what it was called; shade, share of the row.

    Args:
        classes: Names, k of them.
        counts: k rows of k counts.

    Returns:
        An SVG element for a page that defines the variables in :data:`lithoscope.reporting.svg.VARIABLES`.
    """
    table = np.asarray(counts, dtype=float)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    k = len(classes)
    side, names = max(0.26 * k, 1.6), 0.075 * max(map(_columns, classes)) + 0.35
    with matplotlib.style.context(["default", STYLE, {"axes.grid": False}]):
        width = side + names + 0.2
        figure = Figure(figsize=(width, width))
        axes = figure.add_axes((names / width, 0.1 / width, side / width, side / width))
        axes.add_patch(Rectangle((-0.5, -0.5), k, k, fill=False, edgecolor=GRID, linewidth=0.8))
        for row, column in np.argwhere(table > 0):
            colour = RIGHT if row == column else WRONG
            cell = Rectangle(
                (column - 0.46, row - 0.46), 0.92, 0.92, color=colour, alpha=0.12 + 0.5 * shares[row, column]
            )
            axes.add_patch(cell)
            if k <= NUMBERED:
                axes.text(column, row, f"{table[row, column]:.0f}", ha="center", va="center", fontsize=8)
        axes.set_xlim(-0.5, k - 0.5)
        axes.set_ylim(k - 0.5, -0.5)
        axes.set_yticks(range(k), classes, fontsize=8.5)
        axes.set_xticks(range(k), classes, fontsize=8.5, rotation=90)
        axes.xaxis.tick_top()
        for spine in axes.spines.values():
            spine.set_visible(False)
        return to_svg(figure, "confusion", "confusion matrix: rows what a photograph shows, columns what it was called")

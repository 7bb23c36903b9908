"""Figures as inline SVG that follows the page's light or dark colours.

Matplotlib draws with stand-in colours, and each of them becomes a CSS variable of the page, so that one picture serves
both. Text stays text: sharp at any size, read aloud, found by the browser's search.
"""

import io
import re
from collections.abc import Sequence
from html import escape
from typing import Any

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import ArrayLike, NDArray

# Stand-in colour → CSS variable of the page.
INK, MUTED, GRID, PAPER = "#000001", "#000002", "#000003", "#000004"
TRAIN, VALIDATION, RIGHT, WRONG = "#000005", "#000006", "#000007", "#000008"
VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--line",
    PAPER: "--card",
    TRAIN: "--train",
    VALIDATION: "--validation",
    RIGHT: "--right",
    WRONG: "--wrong",
}
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "lithoscope",
    "text.parse_math": False,
    "font.size": 9.5,
    "axes.edgecolor": GRID,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.labelcolor": MUTED,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.8,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "axes.unicode_minus": True,
}
SIZE = (4.6, 2.8)  # inches of 72 units: about a phone's width, so that the text is not shrunk there


def learning_curve(history: pd.DataFrame, quantity: str, best_epoch: int, mark: str = "best epoch") -> str:
    """Draw one quantity over the epochs, on training and on validation photographs, the best epoch marked.

    Args:
        history: One row an epoch with the columns ``epoch``, ``phase``, ``train_<quantity>`` and ``val_<quantity>``,
            the last one without numbers where there was no validation. The epochs whose phase is ``head`` come first
            and have a background.
        quantity: ``loss`` or ``accuracy``.
        best_epoch: The epoch whose weights were kept, as numbered in ``history``.
        mark: What to call that epoch.

    Returns:
        An SVG element for a page that defines the variables in :data:`VARIABLES`.
    """
    epochs = history["epoch"].to_numpy(dtype=float)
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=SIZE)
        axes = figure.add_axes((0.1, 0.15, 0.69, 0.77))
        marker = "o" if len(epochs) < 4 else None
        axes.axvline(best_epoch, color=MUTED, linewidth=0.9, dashes=(2, 3))
        ends = []
        for prefix, name, colour in [("train_", "training", TRAIN), ("val_", "validation", VALIDATION)]:
            values = history[prefix + quantity].to_numpy(dtype=float)
            axes.plot(epochs, values, color=colour, marker=marker, markersize=4)
            finite = np.flatnonzero(np.isfinite(values))
            if len(finite):
                ends.append((float(epochs[finite[-1]]), float(values[finite[-1]]), name, colour))
            at_best = values[epochs == best_epoch]
            if prefix == "val_" and len(at_best) and np.isfinite(at_best[0]):
                axes.plot(
                    [best_epoch],
                    at_best[:1],
                    "o",
                    color=colour,
                    markerfacecolor=PAPER,
                    markersize=7,
                    markeredgewidth=1.8,
                )
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
        axes.set_xlabel("epoch")
        margin = 0.02 * float(np.ptp(epochs)) or 0.9  # a single epoch stands in the middle
        axes.set_xlim(epochs.min() - margin, epochs.max() + margin)
        if quantity == "accuracy":
            axes.set_ylim(0, 1)
            axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        else:
            axes.set_ylim(bottom=0)
        _label_ends(axes, ends)
        _shade_head_phase(axes, epochs[(history["phase"] == "head").to_numpy()], at_top=quantity == "accuracy")
        axes.annotate(
            mark, (best_epoch, 1.0), (0, 3), color=MUTED, fontsize=9,
            xycoords=axes.get_xaxis_transform(), textcoords="offset points", va="bottom", ha="center",
        )  # fmt: skip
        parts = " and ".join(name for _, _, name, _ in ends)
        return to_svg(figure, quantity, f"{quantity} by epoch on {parts} photographs")


def _shade_head_phase(axes: Axes, epochs: NDArray[np.float64], *, at_top: bool) -> None:
    """Set the epochs that trained the head alone apart; the words stand where a learning curve leaves room."""
    if not len(epochs):
        return
    left, right = axes.get_xlim()
    end = min(float(epochs.max()) + 0.5, right)
    axes.axvspan(left, end, color=GRID, alpha=0.45, linewidth=0, zorder=0)
    axes.annotate(
        "head alone", (left, 0.97 if at_top else 0.03), (4, 0), color=MUTED, fontsize=9,
        xycoords=("data", "axes fraction"), textcoords="offset points",
        va="top" if at_top else "bottom", ha="left",
    )  # fmt: skip


def _label_ends(axes: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Write each line's name at its end instead of in a legend, far enough apart to be read."""
    bottom, top = axes.get_ylim()
    apart = 0.08 * (top - bottom)
    heights = [value for _, value, _, _ in ends]
    if len(heights) == 2 and abs(heights[0] - heights[1]) < apart:
        middle, up = sum(heights) / 2, heights[0] >= heights[1]
        middle = min(max(middle, bottom + apart / 2), top - apart / 2)
        heights = [middle + apart / 2 * (1 if up else -1), middle - apart / 2 * (1 if up else -1)]
    for (_, _, name, colour), height in zip(ends, heights, strict=True):
        axes.annotate(
            name, (1, height), (5, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points", color=colour,
            va="center", fontweight="bold",
        )  # fmt: skip


def confidence_histogram(confidence: ArrayLike, right: ArrayLike) -> str:
    """Draw how confident the model was, right answers above the line and wrong ones below it.

    Args:
        confidence: The probability of the chosen class, shape (n,), 0 … 1.
        right: Whether it was the true class, bool, shape (n,).

    Returns:
        An SVG element for a page that defines the variables in :data:`VARIABLES`.
    """
    values = np.asarray(confidence, dtype=float)
    is_right: NDArray[np.bool_] = np.asarray(right, dtype=bool)
    edges = np.linspace(0, 1, 21)
    above, below = np.histogram(values[is_right], edges)[0], np.histogram(values[~is_right], edges)[0]
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(5.6, 2.6))
        axes = figure.add_axes((0.08, 0.18, 0.9, 0.77))
        axes.bar(edges[:-1], above, 0.046, align="edge", color=RIGHT)
        axes.bar(edges[:-1], -below, 0.046, align="edge", color=WRONG)
        axes.axhline(0, color=MUTED, linewidth=0.9)
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_formatter(lambda count, _: f"{abs(count):.0f}")
        axes.set_xlabel("confidence in the answer")
        axes.tick_params(axis="x", pad=7)
        high, low = max(int(above.max(initial=0)), 1), max(int(below.max(initial=0)), 1)
        bottom = max(low * 1.25, 0.3 * high)  # room for the words, however few were wrong
        axes.set_ylim(-bottom, high * 1.08)
        axes.spines.bottom.set_visible(False)
        label: dict[str, Any] = {"fontweight": "bold", "transform": axes.get_yaxis_transform()}
        axes.text(0.01, high, f"right: {int(above.sum()):,}", color=RIGHT, va="top", **label)
        axes.text(0.01, -0.9 * bottom, f"wrong: {int(below.sum()):,}", color=WRONG, va="bottom", **label)
        return to_svg(figure, "confidence", "confidence of right and of wrong answers")


def to_svg(figure: Figure, name: str, description: str) -> str:
    """Turn a figure into an SVG element that can stand in a page beside others.

    Args:
        figure: Drawn with the stand-in colours.
        name: Letters that no other figure of the page has; begins each id.
        description: Read aloud to those who don't see it.
    """
    buffer = io.BytesIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    text = buffer.getvalue().decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    # Matplotlib's style sheet would reach every element of the page.
    text = re.sub(r"<style.*?</style>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<defs>\s*</defs>\s*", "", text)
    text = re.sub(r"(id=\"|url\(#|xlink:href=\"#)", rf"\g<1>{name}-", text).replace("xlink:href", "href")
    text = re.sub(r"(?:font-family: [^;\"]+|transform=\"rotate\(-0 [^)]+\)\");? ?", "", text)  # the page's own font
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    box = re.search(r'viewBox="([^"]+)"', text)
    opening = f'<svg class="figure" role="img" aria-label="{escape(description)}" viewBox="{box[1] if box else ""}">'
    return re.sub(r"<svg[^>]*>", opening, text, count=1).rstrip()

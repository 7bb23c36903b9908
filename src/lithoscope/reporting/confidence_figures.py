"""Confidence histogram, reliability diagram and accuracy-coverage curve."""

from typing import Any

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import ArrayLike, NDArray

from lithoscope.reporting.svg import MUTED, PAPER, RIGHT, STYLE, TRAIN, VALIDATION, WRONG, to_svg


def confidence_histogram(confidence: ArrayLike, right: ArrayLike) -> str:
    """Draw how confident the model was, right answers above the line and wrong ones below it.

    Args:
        confidence: The probability of the chosen class, shape (n,), 0 … 1.
        right: Whether it was the true class, bool, shape (n,).

    Returns:
        An SVG element for a page that defines the variables in :data:`lithoscope.reporting.svg.VARIABLES`.
    """
    values = np.asarray(confidence, dtype=float)
    is_right: NDArray[np.bool_] = np.asarray(right, dtype=bool)
    edges = np.linspace(0, 1, 21)
    above, below = np.histogram(values[is_right], edges)[0], np.histogram(values[~is_right], edges)[0]
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(4.6, 2.3))
        axes = figure.add_axes((0.09, 0.21, 0.88, 0.75))
        axes.bar(edges[:-1], above, 0.046, align="edge", color=RIGHT)
        axes.bar(edges[:-1], -below, 0.046, align="edge", color=WRONG)
        axes.axhline(0, color=MUTED, linewidth=0.9)
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
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


def reliability_diagram(table: pd.DataFrame, *, calibrated: bool) -> str:
    """Draw accuracy against confidence, before and after temperature scaling, and below it how many photographs.

    Args:
        table: ``plots/reliability.csv``: a row a bin of confidence, with ``before`` and ``after`` and their counts,
            mean confidences and ends of 95 % Wilson intervals; NaN where a bin is empty.
        calibrated: Whether a temperature was fitted; without one the two are the same, and one is drawn.

    Returns:
        An SVG element for a page that defines the variables in :data:`lithoscope.reporting.svg.VARIABLES`.
    """
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(4.6, 4.4))
        axes = figure.add_axes((0.12, 0.3, 0.85, 0.67))
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, dashes=(2, 3))
        axes.annotate(
            "perfect", (0.09, 0.09), (-2, 5), color=MUTED, fontsize=9, rotation=38, textcoords="offset points"
        )
        if calibrated:
            some = table[table["n_before"] > 0]
            axes.plot(
                some["mean_confidence_before"],
                some["before"],
                "o-",
                color=TRAIN,
                markerfacecolor=PAPER,
                markersize=4.5,
                linewidth=1.2,
            )
        some = table[table["n_after"] > 0]
        x, y = some["mean_confidence_after"].to_numpy(float), some["after"].to_numpy(float)
        for place, low, high in zip(x, some["low_after"], some["high_after"], strict=True):
            axes.plot([place, place], [low, high], color=VALIDATION, linewidth=3, alpha=0.3, solid_capstyle="butt")
        axes.plot(x, y, "o-", color=VALIDATION, markersize=4.5)
        if calibrated:
            axes.text(0.03, 0.95, "after calibration", color=VALIDATION, va="top", fontweight="bold")
            axes.text(0.03, 0.88, "before", color=TRAIN, va="top", fontweight="bold")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.02)
        axes.set_ylabel("classified correctly")
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.set_xticklabels([])
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        counts = figure.add_axes((0.12, 0.12, 0.85, 0.14))
        width = float(np.diff(table["confidence"].to_numpy(float)[:2])[0])
        counts.bar(table["confidence"], table["n_after"], 0.86 * width, color=VALIDATION, alpha=0.55)
        counts.set_xlim(0, 1)
        counts.yaxis.set_major_locator(MaxNLocator(2, integer=True, prune="lower"))
        counts.xaxis.set_major_locator(MaxNLocator(5))
        counts.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        counts.set_xlabel("confidence in the answer; bars: how many photographs")
        words = "before and after temperature scaling" if calibrated else "without a temperature"
        return to_svg(figure, "reliability", f"share classified correctly against confidence, {words}")


def selective_curve(table: pd.DataFrame, target: float, threshold: float | None, coverage: float | None) -> str:
    """Draw accuracy among the surest photographs against the share of all that they are.

    Args:
        table: ``plots/selective.csv``, the surest photographs first.
        target: The accuracy that a threshold is asked to keep, 0 … 1.
        threshold: The confidence that was chosen for it, or None.
        coverage: The share of photographs that it names, or None.

    Returns:
        An SVG element for a page that defines the variables in :data:`lithoscope.reporting.svg.VARIABLES`.
    """
    x, y, low, high = (table[name].to_numpy(float) for name in ("coverage", "accuracy", "low", "high"))
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(4.6, 2.9))
        axes = figure.add_axes((0.12, 0.17, 0.85, 0.78))
        axes.fill_between(x, low, high, color=VALIDATION, alpha=0.18, linewidth=0)
        axes.plot(x, y, color=VALIDATION, marker="o" if len(x) == 1 else None)
        axes.axhline(target, color=RIGHT, linewidth=1, dashes=(4, 3))
        # Above the line, to the right, unless the curve runs there; then the curve of the surest lies above the line.
        crowded = bool(((x > 0.7) & (y > target - 0.01)).any())
        place, shift, side, edge = (
            ((0, target), (4, -4), "left", "top") if crowded else ((1, target), (-2, 4), "right", "bottom")
        )
        axes.annotate(
            f"{target:.0%} right".replace("%", " %"),
            place,
            shift,
            color=RIGHT,
            fontweight="bold",
            textcoords="offset points",
            ha=side,
            va=edge,
        )
        if threshold is not None and coverage:
            axes.axvline(coverage, color=MUTED, linewidth=0.9, dashes=(2, 3))
            right = coverage < 0.6
            axes.annotate(
                f"confidence {threshold:.2f}",
                (coverage, 0.03),
                (4 if right else -4, 0),
                color=MUTED,
                fontsize=9,
                xycoords=axes.get_xaxis_transform(),
                textcoords="offset points",
                ha="left" if right else "right",
            )
        axes.set_xlim(0, 1)
        bottom = max(0.0, np.floor(10 * min(float(y.min()), float(low[-1]), target - 0.1)) / 10 - 0.1)
        axes.set_ylim(bottom, 1.035)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        axes.set_xlabel("share of photographs that are named, the surest first")
        axes.set_ylabel("classified correctly")
        return to_svg(
            figure, "selective", "share classified correctly among the surest photographs, against their share of all"
        )

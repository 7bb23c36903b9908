"""Learning curves: one quantity over the epochs."""

from collections.abc import Sequence

import matplotlib.style
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from lithoscope.reporting.svg import GRID, MUTED, PAPER, STYLE, TRAIN, VALIDATION, to_svg

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
        An SVG element for a page that defines the variables in :data:`lithoscope.reporting.svg.VARIABLES`.
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
        late = (
            best_epoch > epochs.min() + 0.8 * float(np.ptp(epochs)) and len(epochs) > 1
        )  # a line's name may end there
        axes.annotate(
            mark,
            (best_epoch, 1.0),
            (0, 3),
            color=MUTED,
            fontsize=10,
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            va="bottom",
            ha="right" if late else "center",
        )
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
        "head alone",
        (left, 0.97 if at_top else 0.03),
        (4, 0),
        color=MUTED,
        fontsize=10,
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        va="top" if at_top else "bottom",
        ha="left",
    )


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
            name,
            (1, height),
            (5, 0),
            xycoords=axes.get_yaxis_transform(),
            textcoords="offset points",
            color=colour,
            va="center",
            fontweight="bold",
        )

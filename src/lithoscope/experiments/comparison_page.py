"""The page of ``lithoscope compare``: learning curves and accuracies of several runs, in the report's style."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import matplotlib.style
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from PIL import Image
from sklearn.isotonic import isotonic_regression

from lithoscope.experiments.comparison import ComparedRun
from lithoscope.reporting.assets import style_sheet
from lithoscope.reporting.page import templates
from lithoscope.reporting.svg import MUTED, PAPER, STYLE, to_svg

# Middle tones: each can be read on a light and on a dark page. Beyond twelve runs they come again, dashed.
COLOURS = (
    "#2f7fc1",
    "#c8621f",
    "#2c9a72",
    "#b04a9c",
    "#8a7a1e",
    "#d14f56",
    "#5b6fd6",
    "#6d8f2b",
    "#1f97a8",
    "#a06a45",
    "#8d5fd0",
    "#7d838a",
)


def line_style(number: int) -> dict[str, Any]:
    """Return colour and dashes of a run, numbered from 1."""
    turn, place = divmod(number - 1, len(COLOURS))
    return {"color": COLOURS[place], "linestyle": ("solid", (0, (4, 2)), (0, (1.5, 1.5)))[min(turn, 2)]}


def draw_curves(compared: Sequence[ComparedRun], quantity: str) -> Figure:
    """Draw a quantity on validation photographs over the epochs, a line a run, its number at the line's end.

    Args:
        compared: The runs.
        quantity: ``loss`` or ``accuracy``.
    """
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(5.4, 4.0))
        axes = figure.add_axes((0.1, 0.12, 0.82, 0.84))
        ends: list[tuple[float, int]] = []
        for run in compared:
            curve = run.curves[f"val_{quantity}"]
            if not curve:
                continue
            epochs, values = zip(*sorted(curve.items()), strict=True)
            axes.plot(epochs, values, linewidth=1.5, marker="o" if len(epochs) == 1 else None, **line_style(run.number))
            at_best = run.at_best_epoch(f"val_{quantity}")
            if at_best is not None and run.best_epoch is not None:
                colour = line_style(run.number)["color"]
                axes.plot([run.best_epoch], [at_best], "o", color=colour, markerfacecolor=PAPER, markersize=5.5)
            ends.append((values[-1], run.number))
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
        axes.set_xlabel("epoch")
        if quantity == "accuracy":
            axes.set_ylim(0, 1)
            axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        else:
            axes.set_ylim(0, _ceiling(compared))
        bottom, top = axes.get_ylim()
        heights = spread([min(value, top) for value, _ in ends], bottom, top, 0.042 * (top - bottom))
        for (_, number), height in zip(ends, heights, strict=True):
            axes.annotate(
                str(number),
                (1, height),
                (5, 0),
                xycoords=axes.get_yaxis_transform(),
                textcoords="offset points",
                color=line_style(number)["color"],
                va="center",
                fontweight="bold",
                fontsize=9,
            )
        return figure


def _ceiling(compared: Sequence[ComparedRun]) -> float:
    """Return the top of the loss axis: one run that burst does not press the others flat."""
    highest = sorted(max(run.curves["val_loss"].values()) for run in compared if run.curves["val_loss"])
    if not highest:
        return 1.0
    return 1.05 * min(highest[-1], 2.5 * highest[len(highest) // 2])


def spread(heights: Sequence[float], bottom: float, top: float, apart: float) -> list[float]:
    """Move labels up and down until none covers another, in their order, within the axes where they fit.

    Args:
        heights: Where they would stand.
        bottom: Lower end of the axes.
        top: Upper end.
        apart: Least distance between two of them.
    """
    if not heights:
        return []
    order = np.argsort(heights, kind="stable")
    steps = apart * np.arange(len(heights))
    # Least squares under "each at least so far above the one before" is isotonic regression of what is left of it.
    base = np.clip(isotonic_regression(np.asarray(heights, float)[order] - steps), bottom, max(top - steps[-1], bottom))
    placed = np.empty(len(heights))
    placed[order] = base + steps
    return [float(height) for height in placed]


def draw_accuracies(compared: Sequence[ComparedRun]) -> Figure:
    """Draw each run's accuracy with its 95 % interval: test filled, validation hollow."""
    with matplotlib.style.context(["default", STYLE, {"axes.grid.axis": "x"}]):
        height = 0.42 * len(compared) + 0.9
        figure = Figure(figsize=(9.2, height))
        axes = figure.add_axes((0.36, 0.5 / height, 0.61, 1 - 0.75 / height))
        for row, run in enumerate(compared):
            colour = line_style(run.number)["color"]
            marks = list(run.accuracies)
            for place, scored in enumerate(marks):
                at = row + (0.14 * (2 * place - 1) if len(marks) > 1 else 0)
                axes.plot([scored.low, scored.high], [at, at], color=colour, linewidth=2.4, alpha=0.55)
                fill = colour if scored.split == "test" else PAPER
                axes.plot([scored.accuracy], [at], "o", color=colour, markerfacecolor=fill, markersize=6.5)
            best = run.at_best_epoch("val_accuracy")
            if not marks and best is not None:
                axes.plot([best], [row], "D", color=colour, markerfacecolor=PAPER, markersize=5)
            axes.annotate(
                f"{_cut(run.name)}  {run.number}",
                (0, row),
                (-8, 0),
                xycoords=axes.get_yaxis_transform(),
                textcoords="offset points",
                color=colour,
                va="center",
                ha="right",
                fontweight="bold",
            )
        axes.set_yticks([])
        axes.set_ylim(len(compared) - 0.4, -0.6)
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        axes.set_xlabel("accuracy", color=MUTED)
        return figure


def _cut(name: str, longest: int = 38) -> str:
    return name if len(name) <= longest else f"{name[: longest // 2]}…{name[-(longest // 2 - 1) :]}"


def embedded(sheet: bytes, widest: int = 960) -> str:
    """Return a contact sheet as a ``data:`` address, scaled down so that a page with many runs stays small.

    Args:
        sheet: PNG.
        widest: Largest width, pixels.
    """
    with Image.open(io.BytesIO(sheet)) as picture:
        small = picture.convert("RGB")
    if small.width > widest:
        small = small.resize((widest, round(small.height * widest / small.width)), Image.Resampling.LANCZOS)
    packed = io.BytesIO()
    small.save(packed, "WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(packed.getvalue()).decode()}"


def comparison_page(
    compared: Sequence[ComparedRun], head: Sequence[str], lines: Sequence[Sequence[str]], note: str = ""
) -> str:
    """Return one HTML document that opens by itself and asks no host for anything.

    Args:
        compared: The runs.
        head: The table's column titles.
        lines: The table's lines, one a run.
        note: What stands below the table; nothing where empty.
    """
    figures = {
        "loss": to_svg(draw_curves(compared, "loss"), "loss", "validation loss by epoch, a line a run"),
        "accuracy": to_svg(draw_curves(compared, "accuracy"), "accuracy", "validation accuracy by epoch, a line a run"),
        "intervals": to_svg(draw_accuracies(compared), "intervals", "accuracy of each run with its 95 % interval"),
    }
    return (
        templates()
        .get_template("comparison.html.j2")
        .render(
            style=Markup(style_sheet()),  # noqa: S704 (ours)
            figures={name: Markup(figure) for name, figure in figures.items()},  # noqa: S704 (matplotlib escapes its texts)
            head=head,
            lines=lines,
            note=note,
            colours=[line_style(run.number)["color"] for run in compared],
            unnamed=[run.number for run in compared if not run.run.experiment],
            sheets=[
                {"number": run.number, "name": run.name, "picture": embedded(run.results.sheet)}
                for run in compared
                if run.results.sheet
            ],
            unseen=[run.number for run in compared if not run.results.sheet],
            untested=[run.number for run in compared if run.accuracy("test") is None],
        )
    )

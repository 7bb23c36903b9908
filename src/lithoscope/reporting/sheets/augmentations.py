"""A picture of photographs beside their augmented variations."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INCHES = 1.5  # side of a picture
PAPER, INK, MUTED = "#fbfaf7", "#20262b", "#5c666e"


@dataclass(frozen=True)
class VariedPhotograph:
    """A row of the picture.

    Attributes:
        label: The photograph's class.
        pictures: uint8 (k, side, side, 3). The photograph, then its variations.
    """

    label: str
    pictures: npt.NDArray[np.uint8]


def draw_variations(photographs: Sequence[VariedPhotograph], title: str, headings: Sequence[tuple[str, int]]) -> bytes:
    """Draw one row a photograph: itself, then its variations.

    Args:
        photographs: What to show; each with the same number of pictures.
        title: The line above the picture.
        headings: What the columns show, from left to right, and how many columns each heading spans.

    Returns:
        A PNG file's content; the same for the same arguments.
    """
    headings = [(text, span) for text, span in headings if span]
    # A little more room sets what stands under one heading apart from the next.
    places, offset = [], 0.0
    starts = []
    for _, span in headings:
        starts.append(offset)
        places += [offset + column for column in range(span)]
        offset += span + 0.08
    columns, rows = offset - 0.08, max(len(photographs), 1)
    head = 0.75
    width, height = INCHES * max(columns, 4) + 0.25, (INCHES + 0.22) * rows + head
    with rc_context({"font.family": "DejaVu Sans", "text.parse_math": False, "font.size": 9}):
        figure = Figure(figsize=(width, height), dpi=110, facecolor=PAPER)
        FigureCanvasAgg(figure)
        left = 0.15 / width
        figure.text(left, 1 - 0.16 / height, title, va="top", color=INK, fontsize=12, fontweight="bold")
        step = INCHES / width
        for (text, _), start in zip(headings, starts, strict=True):
            figure.text(left + step * start, 1 - (head - 0.08) / height, text, color=MUTED)
        for row, photograph in enumerate(photographs):
            bottom = 1 - (head + (INCHES + 0.22) * (row + 1) - 0.2) / height
            for place, picture in zip(places, photograph.pictures, strict=True):
                axes = figure.add_axes((left + step * place, bottom, step * 0.95, INCHES * 0.95 / height))
                axes.imshow(picture, interpolation="lanczos")
                axes.set_axis_off()
            figure.text(left, bottom - 0.15 / height, photograph.label, color=INK)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", facecolor=PAPER, metadata={"Software": None})
    return stream.getvalue()

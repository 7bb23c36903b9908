"""Contact sheet of augmentations: photographs beside their augmented variations."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lithoscope.config.params import AugmentParameters
from lithoscope.data.loading.augment import augment_batch
from lithoscope.data.packed.arrays import ArraySplit

ROWS_SHOWN, VARIATIONS_SHOWN = 5, 5
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


def draw_augmented(train: ArraySplit, parameters: AugmentParameters, seed: int, *, synthetic: bool) -> bytes:
    """Draw a photograph of each of a few classes, beside its copies and beside what the first epochs will see of it.

    Args:
        train: The packed training photographs; their copies follow all the originals.
        parameters: How they are varied.
        seed: The experiment's seed.
        synthetic: Whether the pictures are drawn; the title says so.

    Returns:
        A PNG file's content.
    """
    firsts = [int(np.flatnonzero(train.labels == label)[0]) for label in np.unique(train.labels)]
    spread = np.linspace(0, len(firsts) - 1, min(ROWS_SHOWN, len(firsts))).round().astype(int).tolist()
    originals = len(train) // (1 + parameters.copies)
    online = parameters.online > 0 or parameters.policy != "none"
    copies = min(parameters.copies, VARIATIONS_SHOWN - 1 if online else VARIATIONS_SHOWN)
    epochs = VARIATIONS_SHOWN - copies if online else 0
    shown = []
    for row in (firsts[place] for place in spread):
        packed = np.array(train.images[row + originals * np.arange(copies + 1)])
        picture = torch.from_numpy(packed[:1]).permute(0, 3, 1, 2)
        varied = [augment_batch(picture, [row], parameters, seed=seed, epoch=epoch) for epoch in range(epochs)]
        anew = [one[0].round().byte().permute(1, 2, 0).numpy() for one in varied]
        shown.append(VariedPhotograph(train.classes[train.labels[row]], np.array([*packed, *anew])))
    kind = "Synthetic specimens" if synthetic else "Photographs"
    copied = "augmented copy" if copies == 1 else "augmented copies"
    headings = [("as framed", 1), (copied, copies), (f"in training, epochs 0 to {epochs - 1}", epochs)]
    return draw_variations(shown, f"{kind} before and after augmentation", headings)


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

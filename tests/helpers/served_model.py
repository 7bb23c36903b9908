"""A model without a network for tests of the server: the mean red says how much of each class a photograph is."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from lithoscope.core.errors import LithoscopeError
from lithoscope.data.images.reading import ReadingSettings
from lithoscope.serving.model_card import card_html
from lithoscope.serving.occlusion import Look, look_at_photograph

Floats = npt.NDArray[np.float32]


NAMED = {"coarser": "a colour", "none": "none of these"}


class RedOrBlue:
    """Names a photograph by its colour; somewhat blue is a colour, no closer, and somewhat red none that it knows."""

    framing = (48, False, ReadingSettings())

    def __init__(self) -> None:
        self.batches: list[int] = []

    def about(self) -> Mapping[str, Any]:
        return {
            "classes": ["red", "blue"],
            "image_size": 48,
            "synthetic": True,
            "card": {"Accuracy": "made up"},
            "card_html": card_html(
                "# A made-up model\n\n## Figures\n\n| figure | value |\n| --- | --- |\n| accuracy | <b>1</b> |\n"
            ),
            "field_tests": {"streak": [{"value": "white", "label": "white"}, {"value": "red", "label": "red"}]},
        }

    def run(self, squares: npt.NDArray[np.uint8]) -> list[tuple[Floats, Floats]]:
        self.batches.append(len(squares))
        red = squares[..., 0].mean(axis=(1, 2)) / 255
        return [(np.array([one, 1 - one], np.float32), np.array([one], np.float32)) for one in red]

    def look(self, square: npt.NDArray[np.uint8]) -> Look:
        def probabilities(squares: npt.NDArray[np.uint8]) -> Floats:
            return np.stack([one for one, _ in self.run(squares)])

        return look_at_photograph(probabilities, ["red", "blue"], square)

    def answers(
        self, outputs: Sequence[tuple[Floats, Floats]], fields: Mapping[str, str], *, one_specimen: bool
    ) -> list[dict[str, Any]]:
        if set(fields) - {"streak"}:
            raise LithoscopeError(f"no test is called {min(fields)!r}; allowed: streak")
        rows = [row for row, _ in outputs]
        if one_specimen:
            rows = [np.mean(rows, axis=0)]
        return [self._answer(row, fields) for row in rows]

    def _answer(self, row: Floats, fields: Mapping[str, str]) -> dict[str, Any]:
        if fields.get("streak") == "red":
            row = np.array([1, 0], np.float32)
        red, blue = map(float, row)
        label = "red" if red >= blue else "blue"
        leaning = red - blue
        kind = "name" if abs(leaning) > 0.5 else "set" if abs(leaning) < 0.2 else "none" if leaning > 0 else "coarser"
        return {
            "label": label,
            "confidence": max(red, blue),
            "probabilities": {"red": red, "blue": blue},
            "answer": kind,
            "named": {"name": label, "set": "red or blue", **NAMED}[kind],
            "sure": {"name": max(red, blue), "none": None}.get(kind, 1.0),
            "why": "made up",
            "next_test": "streak" if kind in ("set", "coarser") else "",
        }


class EachPage(RedOrBlue):
    """The same, for which each page of a file is a photograph."""

    framing = (48, False, ReadingSettings(pages="each"))


def paged(*colours: tuple[int, int, int]) -> bytes:
    """Return the bytes of a TIFF with a page of each colour."""
    packed, pages = io.BytesIO(), [Image.new("RGB", (64, 64), colour) for colour in colours]
    pages[0].save(packed, "TIFF", save_all=True, append_images=pages[1:])
    return packed.getvalue()


def picture(colour: tuple[int, int, int], kind: str = "PNG", size: tuple[int, int] = (64, 64)) -> bytes:
    """Return the bytes of a picture of one colour."""
    packed = io.BytesIO()
    Image.new("RGB", size, colour).save(packed, kind)
    return packed.getvalue()

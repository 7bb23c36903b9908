"""Contact sheets: photographs in a grid, each with a caption."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

PICTURE = 176  # side of a photograph on the sheet, pixels
FRAME = 5
GAP = 16
LINE = 19  # height of a line of text
TITLE_SIZES = (20, 16)  # of its letters where it fits on a line, and where it takes several
MARGIN = 24

PAPER = "#fbfaf7"
INK = "#20262b"
MUTED = "#5c666e"
# Blue-green and vermilion stay apart for the colour-blind too; the sign says it again without colour.
RIGHT, WRONG, NEUTRAL = "#1c7c6c", "#c4431c", "#b9b4a8"


@dataclass(frozen=True)
class Tile:
    """One photograph on a contact sheet.

    Attributes:
        picture: The photograph, uint8 RGB of shape (height, width, 3), or a Pillow image. It is scaled to fit, never
            stretched.
        predicted: The class the model chose.
        confidence: The probability it gave that class, 0 … 1; None where the answer states none.
        label: The true class, or None where it is not known.
        remarks: Muted sentences below, on as many lines as they take: why the answer is what it is.
        note: A muted line below, such as the file's name; none where empty.
    """

    picture: NDArray[np.uint8] | Image.Image
    predicted: str
    confidence: float | None
    label: str | None = None
    remarks: tuple[str, ...] = ()
    note: str = ""

    @property
    def confidence_words(self) -> str:
        """The confidence as it is written, ``""`` for none."""
        return "" if self.confidence is None else f"{self.confidence:.0%}"

    def answer_lines(self) -> list[str]:
        """Return the answer as it is written: where it does not fit beside the confidence, on two lines."""
        font = _font(14, self.predicted, bold=True)
        outer = PICTURE + 2 * FRAME
        words = self.confidence_words
        room = outer - (round(_font(14).getlength(words)) + 8 if words else 0)
        if self.label is not None or " or " not in self.predicted or font.getlength(self.predicted) <= room:
            return [shorten(self.predicted, font, room)]
        first, sign, rest = self.predicted.partition(", " if ", " in self.predicted else " or ")
        first, rest = (f"{first},", rest) if sign == ", " else (first, f"or {rest}")
        return [shorten(first, font, room), shorten(rest, font, outer)]

    def remark_lines(self) -> list[str]:
        """Return the remarks as they are written, line by line."""
        return [line for text in self.remarks for line in wrap(text, _font(13, text), PICTURE + 2 * FRAME)]

    @property
    def right(self) -> bool | None:
        """Whether the model was right; None where the true class is not known."""
        return None if self.label is None else self.label == self.predicted


def contact_sheet(tiles: Sequence[Tile], columns: int = 6, title: str = "") -> Image.Image:
    """Draw photographs in a grid, each with the model's answer and, where it is known, the truth.

    A right answer has a green frame and a tick, a wrong one a red frame and a cross; without a true class the frame is
    grey and the answer is written, its remarks and its note. The same tiles give the same pixels on any machine: the
    font is matplotlib's, and Pillow's where that is not installed. A name in a script that this font lacks is written
    in one of the machine's fonts that has it; where there is none, in boxes.

    Args:
        tiles: The photographs, in the order they are shown, row by row. May be empty.
        columns: How many stand in a row, at least 1.
        title: What stands above them, on as many lines as it takes; nothing where empty.

    Returns:
        An RGB image, about 200 pixels wide a column.

    Raises:
        ValueError: If ``columns`` is below 1.
    """
    if columns < 1:
        raise ValueError(f"columns = {columns}: allowed: at least 1")
    columns = min(columns, max(len(tiles), 1))
    rows = -(-len(tiles) // columns)
    lines = max((_lines(tile) for tile in tiles), default=1)
    cell_width, cell_height = PICTURE + 2 * FRAME, PICTURE + 2 * FRAME + 6 + lines * LINE
    width = 2 * MARGIN + columns * cell_width + (columns - 1) * GAP
    heading, font = _heading(title, width - 2 * MARGIN)
    head = 20 + 24 * len(heading) if heading else 0
    height = 2 * MARGIN + head + rows * cell_height + max(rows - 1, 0) * GAP
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    for place, line in enumerate(heading):
        draw.text((MARGIN, MARGIN - 4 + 24 * place), line, INK, font)
    for position, tile in enumerate(tiles):
        row, column = divmod(position, columns)
        corner = (MARGIN + column * (cell_width + GAP), MARGIN + head + row * (cell_height + GAP))
        _draw_tile(sheet, draw, tile, corner)
    return sheet


def _heading(title: str, room: float) -> tuple[list[str], ImageFont.FreeTypeFont]:
    """Return the lines of a title and their font: a smaller one where it takes more than one line."""
    large, small = (_font(size, title, bold=True) for size in TITLE_SIZES)
    font = large if large.getlength(title) <= room else small
    return wrap(title, font, room), font


def _draw_tile(sheet: Image.Image, draw: ImageDraw.ImageDraw, tile: Tile, corner: tuple[int, int]) -> None:
    left, top = corner
    outer = PICTURE + 2 * FRAME
    colour = {True: RIGHT, False: WRONG, None: NEUTRAL}[tile.right]
    draw.rectangle((left, top, left + outer - 1, top + outer - 1), fill=colour)
    draw.rectangle((left + FRAME, top + FRAME, left + FRAME + PICTURE - 1, top + FRAME + PICTURE - 1), fill="white")
    picture = tile.picture if isinstance(tile.picture, Image.Image) else Image.fromarray(tile.picture)
    picture = ImageOps.contain(picture.convert("RGB"), (PICTURE, PICTURE), Image.Resampling.LANCZOS)
    inset = (FRAME + (PICTURE - picture.width) // 2, FRAME + (PICTURE - picture.height) // 2)
    sheet.paste(picture, (left + inset[0], top + inset[1]))
    if tile.right is not None:
        _draw_sign(draw, (left + outer - 1, top), colour, right=tile.right)

    y = top + outer + 5
    draw.text((left + outer, y), tile.confidence_words, INK, _font(14), anchor="ra")
    answer = tile.answer_lines()
    for place, line in enumerate(answer):
        draw.text((left, y + place * LINE), line, INK, _font(14, tile.predicted, bold=True))
    y += len(answer) * LINE
    if tile.label is not None:
        truth = "as labelled" if tile.right else f"is {tile.label}"
        font = _font(13, truth)
        draw.text((left, y), shorten(truth, font, outer), MUTED if tile.right else WRONG, font)
        return
    for line in tile.remark_lines():
        draw.text((left, y), line, MUTED, _font(13, line))
        y += LINE
    if tile.note:
        font = _font(13, tile.note)
        draw.text((left, y), shorten(tile.note, font, outer), INK if any(tile.remarks) else MUTED, font)


def _lines(tile: Tile) -> int:
    """Return how many lines a tile's caption has."""
    below = 1 if tile.label is not None else len(tile.remark_lines()) + bool(tile.note)
    return len(tile.answer_lines()) + below


def _draw_sign(draw: ImageDraw.ImageDraw, corner: tuple[int, int], colour: str, *, right: bool) -> None:
    """Draw a tick or a cross on a badge in the upper right corner, as strokes, since fonts differ in such signs."""
    size = 30
    x, y = corner[0] - size, corner[1]
    draw.rectangle((x, y, corner[0], y + size), fill=colour)
    if right:
        draw.line([(x + 8, y + 16), (x + 13, y + 21), (x + 23, y + 10)], "white", 4, joint="curve")
    else:
        draw.line([(x + 9, y + 9), (x + 21, y + 21)], "white", 4)
        draw.line([(x + 21, y + 9), (x + 9, y + 21)], "white", 4)


def shorten(text: str, font: ImageFont.FreeTypeFont, room: float) -> str:
    """Cut a text so that it takes at most ``room`` pixels, with an ellipsis where something was cut."""
    text = " ".join(text.split())
    if font.getlength(text) <= room:
        return text
    while text and font.getlength(text + "…") > room:
        text = text[:-1].rstrip()
    return text + "…"


def wrap(text: str, font: ImageFont.FreeTypeFont, room: float) -> list[str]:
    """Break a text into lines of at most ``room`` pixels, between words; a longer word is cut."""
    lines: list[str] = []
    for word in text.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(shorten(word, font, room))
    return lines


@cache
def _font(size: int, text: str = "", *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Return a font of that size that has the signs of a text, if there is one."""
    package = find_spec("matplotlib")
    if package is None or package.origin is None:  # where only predictions are made; Pillow's own font has one weight
        return ImageFont.load_default(size)  # type: ignore[return-value]
    path = Path(package.origin).parent / "mpl-data" / "fonts" / "ttf" / f"DejaVuSans{'-Bold' if bold else ''}.ttf"
    needed = frozenset(text) - frozenset(" ")
    if not text.isascii() and not needed <= _signs(str(path)):  # spares most sheets what loading matplotlib takes
        path = Path(_font_with(needed) or path)
    # The basic layout is built into Pillow; the other one is there on some machines only and spaces text differently.
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


def _font_with(signs: frozenset[str]) -> str | None:
    """Return the file of a font of this machine that has these signs, None where there is none."""
    from matplotlib.font_manager import fontManager  # looks through the machine's fonts: for the names that need it

    # The font of last resort, which matplotlib brings, has a box with a block's name for every sign.
    drawing = (font for font in fontManager.ttflist if "LastResort" not in font.fname)
    fonts = sorted(drawing, key=lambda font: (font.style != "normal", font.weight != 400, font.fname))
    return next((font.fname for font in fonts if signs <= _signs(font.fname)), None)


@cache
def _signs(path: str) -> frozenset[str]:
    """Return the characters that a font has, none where its file cannot be read."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(map(chr, FT2Font(path).get_charmap()))
    except (OSError, RuntimeError):
        return frozenset()

"""The page's icon as pictures of pixels, which phones want for a home screen: drawn from the server's ``icon.svg``."""

import io
import re
from dataclasses import dataclass
from functools import cache
from xml.etree import ElementTree

from PIL import Image, ImageDraw

Point = tuple[float, float]
_FINER = 4  # drawn so many times as large, then made smaller: smooth edges
_SAFE = 0.9  # scale of a masked icon: all lines then lie in the circle that always stays (W3C, Web App Manifest, 0.8)


@dataclass(frozen=True)
class Icon:
    """A picture that is wanted.

    Attributes:
        name: Of its file.
        side: Pixels.
        masked: Whether the system may cut it to a shape of its own, so that it needs a ground and a margin.
    """

    name: str
    side: int
    masked: bool


APPLE = Icon("apple-touch-icon.png", 180, masked=True)
ICONS = (
    Icon("icon-192.png", 192, masked=False),
    Icon("icon-512.png", 512, masked=False),
    Icon("icon-maskable-512.png", 512, masked=True),
)


@cache
def png(svg: str, icon: Icon, ground: str) -> bytes:
    """Draw an icon.

    Args:
        svg: A picture of filled and stroked paths of straight lines, as our ``icon.svg`` is.
        icon: What is wanted.
        ground: Colour below a masked one, ``#rrggbb``.

    Returns:
        A PNG.
    """
    root = ElementTree.fromstring(svg)  # noqa: S314 (a file of our own)
    side = _FINER * icon.side
    image = Image.new("RGBA", (side, side), ground if icon.masked else "#00000000")
    share = _SAFE if icon.masked else 1.0
    left, top, width, _ = map(float, root.attrib["viewBox"].split())
    scale, margin = share * side / width, (1 - share) / 2 * side
    draw = ImageDraw.Draw(image)
    for path in root.iter("{http://www.w3.org/2000/svg}path"):
        for line in _lines(path.attrib["d"]):
            points = [(margin + scale * (x - left), margin + scale * (y - top)) for x, y in line]
            if path.attrib["fill"] != "none":
                draw.polygon(points, path.attrib["fill"])
            if "stroke" in path.attrib:
                thick = round(scale * float(path.attrib["stroke-width"]))
                draw.line(points, path.attrib["stroke"], thick, joint="curve")
    packed = io.BytesIO()
    image.resize((icon.side, icon.side), Image.Resampling.LANCZOS).save(packed, "PNG", optimize=True)
    return packed.getvalue()


def _lines(path: str) -> list[list[Point]]:
    """Return the lines of an SVG path that has straight ones alone: ``M``, ``m``, ``L``, ``l`` and ``z``."""
    lines: list[list[Point]] = []
    at: Point = (0.0, 0.0)
    for command, text in re.findall(r"([MmLlz])([^A-Za-z]*)", path):
        numbers = [float(one) for one in re.findall(r"-?\d*\.?\d+", text)]
        for place, (x, y) in enumerate(zip(numbers[::2], numbers[1::2], strict=True)):
            at = (at[0] + x, at[1] + y) if command in "ml" else (x, y)
            if command in "Mm" and place == 0:
                lines.append([])
            lines[-1].append(at)
        if command == "z":
            at = lines[-1][0]
            lines[-1].append(at)
    return lines

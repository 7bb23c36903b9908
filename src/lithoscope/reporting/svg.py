"""Inline SVG figures that follow the page's light or dark colours.

Matplotlib draws with stand-in colours, and each of them becomes a CSS variable of the page, so that one picture serves
both. Text stays text: sharp at any size, read aloud, found by the browser's search.
"""

import io
import re
import warnings
from html import escape

from matplotlib.figure import Figure

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
    "font.size": 10.5,
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


def to_svg(figure: Figure, name: str, description: str) -> str:
    """Turn a figure into an SVG element that can stand in a page beside others.

    Args:
        figure: Drawn with the stand-in colours.
        name: Letters that no other figure of the page has; begins each id.
        description: Read aloud to those who don't see it.
    """
    buffer = io.BytesIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with warnings.catch_warnings():
        # The page's fonts draw the text, whatever its script; matplotlib's own, which lacks many, only measures it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
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


def standalone(svg: str, colours: str) -> str:
    """Turn an element of :func:`to_svg` into a file that shows by itself, light or dark as its viewer asks.

    Args:
        svg: The element.
        colours: A style sheet that gives ``:root`` the variables in :data:`VARIABLES`.
    """
    opening, rest = svg.split(">", 1)
    opening = opening.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    style = f"<style>\n{colours}svg {{ background: var(--card); font-family: sans-serif; }}\n</style>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{opening}>{style}{rest}\n'

"""HTML contact sheet of answers: one file that opens by itself."""

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt
from PIL import Image

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.4 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 80rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 1rem; }
figure { margin: 0; overflow-wrap: anywhere; }
img { width: 100%; aspect-ratio: 1; object-fit: contain; border-radius: 4px; }
b, small { display: block; }
small { opacity: .75; }
"""


@dataclass(frozen=True)
class AnswerTile:
    """One photograph on the page.

    Attributes:
        square: As the network saw it, uint8 (side, side, 3) RGB.
        path: What names it.
        shown: What it is said to be.
        top: The most probable classes, each with its probability.
        why: A sentence on it, or "".
    """

    square: npt.NDArray[np.uint8]
    path: str
    shown: str
    top: Sequence[tuple[str, float]]
    why: str = ""


def answers_page(tiles: Iterable[AnswerTile], title: str) -> str:
    """Return the page; its pictures are inside it, and it loads nothing."""
    figures = "\n".join(map(_figure, tiles))
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{_STYLE}</style>\n'
        f"<h1>{escape(title)}</h1>\n<main>\n{figures}\n</main>\n</html>\n"
    )


def _figure(tile: AnswerTile) -> str:
    encoded = io.BytesIO()
    Image.fromarray(tile.square).save(encoded, format="JPEG", quality=85)
    picture = base64.b64encode(encoded.getvalue()).decode()
    ranked = ", ".join(f"{escape(name)} {probability:.0%}" for name, probability in tile.top)
    why = f"<small>{escape(tile.why)}</small>" if tile.why else ""
    return (
        f'<figure><img src="data:image/jpeg;base64,{picture}" alt="{escape(tile.shown)}" loading="lazy">'
        f"<figcaption><b>{escape(tile.shown)}</b>{ranked}{why}<small>{escape(tile.path)}</small></figcaption></figure>"
    )

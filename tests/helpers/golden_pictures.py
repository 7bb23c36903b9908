"""Golden pictures of the framing: small synthetic photographs, and the squares that they must become.

They change only where the framing is meant to change: ``PYTHONPATH=src:tests python -m helpers.golden_pictures`` then
writes the squares anew, and every model has to be trained again.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from lithoscope.data.images.decode import read_photograph
from lithoscope.data.images.square import to_square

from helpers.odd_photographs import bordered, scene

FOLDER = Path(__file__).resolve().parent.parent / "golden"
SIDE = 64
"""Of the squares; each has its border cut away."""


def photographs() -> dict[str, Image.Image]:
    """Draw the photographs; they lie in :data:`FOLDER`, since other processors may draw their last digits otherwise."""
    see_through = scene(90, 70).convert("RGBA")
    see_through.paste((0, 0, 0, 0), (0, 0, 40, 70))
    nested = bordered(140, 120, (20, 10, 20, 10), (0, 0, 0))
    frame = Image.new("RGB", (180, 160), "white")
    frame.paste(nested, (20, 20))
    return {
        "landscape": scene(160, 100),
        "portrait, taller than two to one": scene(60, 170),
        "smaller than the square": scene(40, 36),
        "white surround": bordered(160, 130, (40, 20, 30, 30), (255, 255, 255)),
        "bars above and below": bordered(120, 120, (0, 25, 0, 25), (0, 0, 0)),
        "a frame in a frame": frame,
        "transparent": see_through,
        "palette": scene(100, 80).quantize(16),
    }


def golden() -> dict[str, tuple[Path, npt.NDArray[np.uint8]]]:
    """Return by name each photograph's file and its square, uint8 (64, 64, 3)."""
    files = sorted(path for path in FOLDER.glob("*.png") if not path.stem.endswith(" squared"))
    return {path.stem: (path, np.asarray(Image.open(path.with_stem(f"{path.stem} squared")))) for path in files}


def write() -> None:
    """Write photographs that are missing, and all squares."""
    FOLDER.mkdir(exist_ok=True)
    for name, picture in photographs().items():
        path = FOLDER / f"{name}.png"
        if not path.exists():
            picture.save(path, optimize=True)
        square = to_square(read_photograph(path), SIDE, crop_border=True)
        Image.fromarray(square).save(path.with_stem(f"{path.stem} squared"), optimize=True)


if __name__ == "__main__":
    write()

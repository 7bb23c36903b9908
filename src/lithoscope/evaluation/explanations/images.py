"""Attribution overlays: photographs, and the evidence laid over them, as small files."""

from pathlib import Path

import matplotlib
import numpy as np
import numpy.typing as npt
from PIL import Image

from lithoscope.data.packed.arrays import Pixels

LARGEST = 288  # side of a picture, pixels; a page holds dozens of them
_QUALITY = 85
_COLOURS = "inferno"  # from dark to light without a turn in lightness: it reads in grey and for the colour-blind
_STRENGTH = 0.75  # how much of the photograph the strongest evidence covers


def overlay(photograph: Pixels, evidence: npt.NDArray[np.float32]) -> Pixels:
    """Lay evidence over a photograph, which turns grey: where nothing speaks for the class, nothing is coloured.

    Args:
        photograph: uint8 (side, side, 3), RGB.
        evidence: Not negative, (side, side). The strongest hundredth gets the lightest colour, so that one bright spot
            does not darken all the rest.

    Returns:
        uint8 (side, side, 3), RGB.
    """
    strongest = float(np.quantile(evidence, 0.99)) or float(evidence.max())
    share = np.minimum(evidence.astype(np.float64) / strongest, 1) if strongest > 0 else np.zeros(evidence.shape)
    grey = np.asarray(Image.fromarray(photograph).convert("L"), dtype=np.float64)[..., None]
    colours = 255 * matplotlib.colormaps[_COLOURS](share)[..., :3]
    cover = _STRENGTH * share[..., None]
    mixed: Pixels = np.rint(grey * (1 - cover) + colours * cover).astype(np.uint8)
    return mixed


class Album:
    """A folder of pictures, each photograph in it once.

    Attributes:
        folder: Where it lies.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._places: dict[str, str] = {}

    def photo(self, identity: str, pixels: Pixels, name: str) -> str:
        """Keep a photograph and return its path within the folder.

        Args:
            identity: Of the photograph; one that is there already is not kept twice, whatever name is asked for.
            pixels: uint8 (side, side, 3), RGB; scaled down to :data:`LARGEST`.
            name: The path it gets, without ending.
        """
        if identity not in self._places:
            self._places[identity] = f"{name}.jpg"
            target = self.folder / self._places[identity]
            target.parent.mkdir(parents=True, exist_ok=True)
            picture = Image.fromarray(np.ascontiguousarray(pixels))
            if max(picture.size) > LARGEST:
                picture = picture.resize((LARGEST, LARGEST), Image.Resampling.LANCZOS)
            picture.save(target, "JPEG", quality=_QUALITY, optimize=True)
        return self._places[identity]

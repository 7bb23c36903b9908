"""Whether two photographs show the same picture, judged on aligned pixels.

Two pictures of different rocks on the same white ground correlate at .95 in lightness, so lightness decides nothing.
Compared is texture: the lightness less its surroundings, divided by the local contrast (local contrast normalisation;
Jarrett et al. 2009, "What is the best multi-stage architecture for object recognition?", section 2), in which a
silhouette weighs no more than the grain within it. One picture is laid over the other by normalised
cross-correlation (Lewis 1995, "Fast template matching"), since copies are rescaled, trimmed, or carry a caption.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import fft
from scipy.ndimage import gaussian_filter

SIDE = 96
"""Longer side of the pictures that are compared, pixels."""
SAME = 0.62
"""Similarity from which two pictures count as the same.

Measured on the 480 OSF rocks and on 758 of the 956 minerals: pairs that are the same by eye reach .70 (one trimmed to
two thirds of the other) to .94; of the other pairs the most alike, found by trying every pair, reach .56 (minerals)
and .47 (rocks), while nine in ten candidates by hash stay below .41.
"""
SURROUNDINGS = 2.5
FAINT = 6.0
"""Contrast, in grey levels of 255, below which texture is damped: it would be the noise of JPEG compression."""
INNER = 0.8
"""Share of a picture's width and height, about its centre, that is looked for in the other."""
PRIOR = 200.0
"""Textured pixels that both are taken to have beside those they do: little texture in common proves little."""
SCALES = (1.0, 0.94, 0.89, 0.84, 0.79, 0.75, 0.71, 0.67, 0.63)
"""Sizes tried for the picture that is looked for, as shares of the other's."""

Grey = npt.NDArray[np.uint8]
_Floats = npt.NDArray[np.float32]


def texture(lightness: npt.NDArray[np.uint8]) -> _Floats:
    """Normalise the local contrast of grey pictures ``(…, height, width)``; float32, mean near 0, spread near 1."""
    grey = lightness.astype(np.float32)
    values = (grey - gaussian_filter(grey, SURROUNDINGS, axes=(-2, -1))).astype(np.float32)
    contrast = np.sqrt(gaussian_filter(values * values, 2 * SURROUNDINGS, axes=(-2, -1)))
    normalised: _Floats = (values / (contrast + np.float32(FAINT))).astype(np.float32)
    return normalised


def thumbnail(image: Image.Image) -> Grey:
    """Scale a picture to a grey one of :data:`SIDE` pixels on its longer side, at least 8 on the other."""
    grey, scale = image.convert("L"), SIDE / max(image.size)
    shape = (max(8, round(grey.width * scale)), max(8, round(grey.height * scale)))
    return np.asarray(grey.resize(shape, Image.Resampling.BICUBIC))


def oriented(picture: Grey, orientation: int) -> Grey:
    """Turn or mirror a picture: bit 4 swaps the axes, then bit 2 mirrors top-bottom and bit 1 left-right."""
    turned = picture.T if orientation & 4 else picture
    turned = turned[::-1] if orientation & 2 else turned
    return np.ascontiguousarray(turned[:, ::-1] if orientation & 1 else turned)


def similarity(first: Grey, second: Grey, scales: Sequence[float] = SCALES) -> float:
    """Compare two thumbnails, each laid over the other in several sizes.

    Args:
        first: As :func:`thumbnail` makes them.
        second: Likewise.
        scales: The sizes to try.

    Returns:
        The highest correlation of texture, -1 … 1, shrunk towards 0 where there is little of it.
    """
    return max(_Search(first).best(second, scales), _Search(second).best(first, scales))


class _Search:
    """Looks for the inner part of other pictures in one picture."""

    def __init__(self, picture: Grey) -> None:
        values = texture(picture)
        self.height, self.width = values.shape
        self.spectrum = fft.rfft2(values, (SIDE, SIDE))
        self.energy = np.zeros((self.height + 1, self.width + 1))
        self.energy[1:, 1:] = (values.astype(np.float64) ** 2).cumsum(0).cumsum(1)

    def best(self, other: Grey, scales: Sequence[float]) -> float:
        """Return the highest correlation over places and sizes."""
        image = Image.fromarray(other)
        found, scale = max((self._at(image, scale, 1.0), scale) for scale in scales)
        if found < SAME / 2:
            return found
        # Texture is fine, so half a step between two sizes loses much of the correlation; refine size and proportion.
        for step in (0.03, 0.015):
            around = [(scale * (1 + step), 1.0), (scale * (1 - step), 1.0), (scale, 1 + step), (scale, 1 - step)]
            for size, proportion in around:
                found, scale = max((found, scale), (self._at(image, size, proportion), size))
        return found

    def _at(self, other: Image.Image, scale: float, proportion: float) -> float:
        size = max(8, round(other.width * scale * proportion)), max(8, round(other.height * scale / proportion))
        part = texture(np.asarray(other.resize(size, Image.Resampling.BICUBIC)))
        down, right = round(part.shape[0] * (1 - INNER) / 2), round(part.shape[1] * (1 - INNER) / 2)
        part = part[down : part.shape[0] - down, right : part.shape[1] - right]
        height, width = part.shape
        if height > self.height or width > self.width:
            return -1.0
        product = fft.irfft2(self.spectrum * np.conj(fft.rfft2(part, (SIDE, SIDE))), (SIDE, SIDE))
        product = product[: self.height - height + 1, : self.width - width + 1]
        energy = self.energy
        under = (
            energy[height:, width:] - energy[:-height, width:] - energy[height:, :-width] + energy[:-height, :-width]
        )
        own = float((part.astype(np.float64) ** 2).sum())
        return float((product / np.sqrt((under + PRIOR) * (own + PRIOR))).max())

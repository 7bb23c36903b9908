"""From an upright photograph of any shape to a square of pixels, without stretching it."""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops

TOLERANCE = 20
"""How far (of 255, in any channel) a border's pixels may lie from its colour: JPEG at low quality rings by about 15."""
SPECKS = 0.005
"""Share of a border's line that may differ all the same: dust, single pixels of noise."""
LEAST_SIDE = 16
"""A crop that would leave fewer pixels than this on a side is not made."""


def _unlike(image: Image.Image, colour: tuple[int, int, int]) -> npt.NDArray[np.bool_]:
    """Return, as ``(height, width)``, which pixels are not the border's; in Pillow, several times NumPy's speed."""
    red, green, blue = ImageChops.difference(image, Image.new("RGB", image.size, colour)).split()
    return np.asarray(ImageChops.lighter(ImageChops.lighter(red, green), blue)) > TOLERANCE


def _depth(differs: npt.NDArray[np.bool_]) -> int:
    """Count the leading lines of ``(lines, pixels)`` in which next to nothing differs."""
    content = differs.mean(axis=1) > SPECKS
    return int(content.argmax()) if content.any() else len(content)


def uniform_border(image: Image.Image) -> tuple[int, int, int, int]:
    """Find the border of one colour around a picture.

    Each side is judged by the colour of its own outermost line, so that bars on two sides, frames of several colours
    one in another, and margins of unlike colours are found as well as a white surround.

    Args:
        image: RGB.

    Returns:
        left, top, right, bottom in pixels as Pillow's ``crop`` takes them. The whole picture where it has no border or
        where less than :data:`LEAST_SIDE` pixels of it would be left.
    """
    box = [0, 0, image.width, image.height]
    masks: dict[tuple[int, int, int], npt.NDArray[np.bool_]] = {}
    while True:
        before = list(box)
        for side in range(4):
            left, top, right, bottom = box
            vertical, far = side % 2 == 0, side >= 2
            inner = (slice(top, bottom), slice(left, right))
            edge = list(box)  # one line at this side, without copying the whole picture into an array
            edge[side ^ 2] = box[side] + (-1 if far else 1)
            line = np.asarray(image.crop((edge[0], edge[1], edge[2], edge[3]))).reshape(-1, 3).T
            colour = _median_colour(line)
            # The outermost line spares most photographs without a border the comparison of all their pixels.
            unlike = np.abs(line.astype(np.int16) - np.array(colour, dtype=np.int16)[:, None]) > TOLERANCE
            if np.logical_or.reduce(unlike).mean() > SPECKS:
                continue
            if colour not in masks:
                masks[colour] = _unlike(image, colour)
            differs = masks[colour][inner].T if vertical else masks[colour][inner]
            box = list(box)
            box[side] += -_depth(differs[::-1]) if far else _depth(differs)
            if box[2] - box[0] < LEAST_SIDE or box[3] - box[1] < LEAST_SIDE:
                return 0, 0, image.width, image.height
        if box == before:
            return box[0], box[1], box[2], box[3]


def crop_uniform_border(image: Image.Image) -> Image.Image:
    """Cut a border of one colour away; see :func:`uniform_border`.

    Args:
        image: RGB.

    Returns:
        The inner picture, or the image itself where there is no border or nothing but border.
    """
    box = uniform_border(image)
    return image if box == (0, 0, image.width, image.height) else image.crop(box)


def edge_colour(image: Image.Image) -> tuple[int, int, int]:
    """Return the median colour (red, green, blue; 0 … 255) of an RGB image's outermost pixels."""
    pixels = np.asarray(image)
    return _median_colour(np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]).T)


def _median_colour(pixels: npt.NDArray[np.uint8]) -> tuple[int, int, int]:
    """Return the median of each row of ``(3, pixels)``, rounded down; several times np.median's speed."""
    ordered, count = np.sort(pixels, axis=1, kind="stable"), pixels.shape[1]
    red, green, blue = (ordered[:, [(count - 1) // 2, count // 2]].sum(axis=1, dtype=int) // 2).tolist()
    return red, green, blue


def pad_to_square(image: Image.Image) -> Image.Image:
    """Centre an RGB image on a square as wide as its longer side, filled with its :func:`edge_colour`."""
    side = max(image.size)
    if image.size == (side, side):
        return image
    square = Image.new("RGB", (side, side), edge_colour(image))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


def to_square(
    image: Image.Image, size: int, crop_border: bool, whole: tuple[int, int] | None = None
) -> npt.NDArray[np.uint8]:
    """Frame a photograph for the network.

    The longer side is scaled to ``size`` by Pillow's antialiased bicubic filter, both sides by the same factor, and
    the shorter one is padded.

    Args:
        image: RGB, upright, any shape.
        size: Side of the square, pixels.
        crop_border: Whether to cut a uniform border away before.
        whole: Width and height of the photograph where ``image`` is it at a half, a quarter or an eighth of its scale:
            of the last column and row a part may then lie beyond its edge.

    Returns:
        uint8, ``(size, size, 3)``, RGB, C-contiguous.
    """
    edges = image.size if whole is None else _edges(image.size, whole)
    left, top, right, bottom = uniform_border(image) if crop_border else (0, 0, *image.size)
    width, height = min(right, edges[0]) - left, min(bottom, edges[1]) - top
    if (right - left, bottom - top) != image.size:
        image = image.crop((left, top, right, bottom))
    scale = size / max(width, height)
    shape = (max(1, round(width * scale)), max(1, round(height * scale)))
    inner = (0, 0, width, height)
    scaled = image if shape == image.size else image.resize(shape, Image.Resampling.BICUBIC, inner)
    return np.array(pad_to_square(scaled), dtype=np.uint8)


def _edges(reduced: tuple[int, int], whole: tuple[int, int]) -> tuple[float, float]:
    """Return where the edges of a photograph lie in it at a reduced scale, whose sides are rounded up."""
    factor = round(max(whole) / max(reduced))
    return whole[0] / factor, whole[1] / factor

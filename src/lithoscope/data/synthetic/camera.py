"""From light to an 8-bit picture: focus, exposure, white balance, sampling, sensor noise and tone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lithoscope.data.synthetic.colours import Floats, encode
from lithoscope.data.synthetic.noise import fractal


@dataclass(frozen=True)
class Camera:
    """How a picture is taken.

    Attributes:
        size: Pixels a side of the picture.
        exposure: Factor on the metered exposure.
        balance: Factors on red, green and blue that white balance left over, ``(3,)``.
        blur: Standard deviation of the blur where the lens is in focus, in pixels of the picture.
        depth_blur: Further blur a frame unit away from the plane of focus, in pixels.
        focus: Height of the plane of focus.
        shake: Length of motion blur, in pixels.
        noise: Standard deviation of sensor noise in a mid-grey, as a share of white.
        vignette: Loss of light in the corners, 0…1.
    """

    size: int
    exposure: float
    balance: Floats
    blur: float
    depth_blur: float
    focus: float
    shake: float
    noise: float
    vignette: float


def _reduced(light: Floats, coarse: int) -> Floats:
    """Average the rows of ``(fine, columns)`` into ``coarse`` rows by the area they share."""
    fine = light.shape[0]
    start = np.arange(coarse, dtype=np.float64) * fine / coarse
    stop = start + fine / coarse
    first = np.floor(start).astype(np.int64)
    total = np.zeros((coarse, light.shape[1]))
    for offset in range(int(np.ceil(fine / coarse)) + 1):
        row = np.minimum(first + offset, fine - 1)
        shared = np.clip(np.minimum(stop, first + offset + 1.0) - np.maximum(start, first + offset), 0.0, None)
        total += (shared * coarse / fine)[:, None] * light[row]
    return total


def _blurred(light: Floats, sigma: float) -> Floats:
    return np.asarray(ndimage.gaussian_filter(light, (0.0, sigma, sigma), mode="nearest"), dtype=np.float64)


def expose(rng: np.random.Generator, camera: Camera, light: Floats, height: Floats) -> NDArray[np.uint8]:
    """Take a picture.

    Args:
        rng: Draws the sensor noise and the direction of a shake.
        camera: Its settings.
        light: Linear light on the fine grid, ``(3, n, n)``.
        height: Height of every pixel above the ground, for the depth of field, ``(n, n)``.

    Returns:
        Red, green and blue, ``(size, size, 3)``.
    """
    n = light.shape[1]
    ratio = n / camera.size
    sharp = _blurred(light, camera.blur * ratio)
    if camera.depth_blur > 0.0:
        soft = _blurred(light, (camera.blur + camera.depth_blur) * ratio)
        defocus = np.clip(np.abs(height - camera.focus) / 0.6, 0.0, 1.0)
        defocus = ndimage.gaussian_filter(defocus, 3.0)
        sharp = sharp * (1.0 - defocus) + soft * defocus
    if camera.shake > 0.0:
        angle = rng.random() * np.pi
        reach = camera.shake * ratio
        steps = np.linspace(-0.5, 0.5, 5) * reach
        sharp = np.mean(
            [ndimage.shift(sharp, (0.0, s * np.sin(angle), s * np.cos(angle)), order=1, mode="nearest") for s in steps],
            axis=0,
        )
    picture = np.stack([_reduced(_reduced(channel, camera.size).T, camera.size).T for channel in sharp])
    luminance = np.einsum("i,ihw->hw", np.array([0.2126, 0.7152, 0.0722]), picture)
    # A meter that is fooled in part: it brings dark and pale scenes half-way together.
    axis = np.linspace(-1.0, 1.0, camera.size)
    middle = np.exp(-2.5 * (axis[None, :] ** 2 + axis[:, None] ** 2))
    metered = float(0.5 * np.quantile(luminance, 0.85) + 0.5 * (luminance * middle).sum() / middle.sum())
    picture = picture * (0.42 / max(metered, 0.01)) ** 0.55 * camera.exposure * camera.balance[:, None, None]
    picture = picture * (1.0 - camera.vignette * 0.5 * (axis[None, :] ** 2 + axis[:, None] ** 2))
    shot = rng.standard_normal(picture.shape) + 0.5 * fractal(rng, camera.size, camera.size / 3.0, 1)
    picture = picture + camera.noise * np.sqrt(np.clip(picture, 0.0, 1.5) * 0.5 + 0.05) * shot
    # A soft shoulder keeps highlights from ending in flat white.
    shoulder = np.where(picture > 0.5, 1.0 - 0.5 * np.exp(-(np.maximum(picture, 0.5) - 0.5) / 0.5), picture)
    return np.moveaxis(np.rint(255.0 * encode(np.clip(shoulder, 0.0, 1.0))), 0, -1).astype(np.uint8)

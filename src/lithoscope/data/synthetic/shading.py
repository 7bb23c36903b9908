"""Light on a relief: shadows, diffuse light, reflections and what is seen through clear crystals."""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from scipy import ndimage

from lithoscope.data.synthetic.backgrounds import Background
from lithoscope.data.synthetic.noise import Field, Floats, Grid, smoothstep
from lithoscope.data.synthetic.relief import Relief

# Pixels towards the lamp at which something may stand in its way.
_SHADOW_STEPS: Final = (1, 2, 4, 6, 9, 13, 18, 24, 31, 40, 52, 68, 88)


class Surface(Protocol):
    """What :func:`render` has to know of the specimen and of the ground; see :class:`Relief`."""

    normal: Floats
    albedo: Floats
    gloss: Floats
    sharpness: Floats
    metal: Floats
    clarity: Floats


@dataclass(frozen=True)
class Light:
    """One lamp, a weaker one opposite, and an even sky.

    Attributes:
        direction: Unit vector to the lamp, ``(3,)``.
        colour: Of the lamp, ``(3,)``.
        sky: Colour and strength of the even light, ``(3,)``.
        softness: 0 for a point, 1 for a large window: widens reflections and penumbras.
        fill: Strength of the second lamp, relative to the first.
        room: What mirrors show beside the lamps: bright and dark things all around.
    """

    direction: Floats
    colour: Floats
    sky: Floats
    softness: float
    fill: float
    room: Field


def _shifted(surface: Floats, rows: int, columns: int) -> Floats:
    """Return the surface moved by whole pixels; beyond the frame it is level ground."""
    moved = np.zeros_like(surface)
    n = surface.shape[0]
    if abs(rows) < n and abs(columns) < n:
        moved[max(0, rows) : n + min(0, rows), max(0, columns) : n + min(0, columns)] = surface[
            max(0, -rows) : n - max(0, rows), max(0, -columns) : n - max(0, columns)
        ]
    return moved


def cast_shadow(height: Floats, step: float, light: Light) -> Floats:
    """Return how much of the lamp each pixel loses, 0…1: something higher stands between them.

    Args:
        height: Height map, ``(n, n)``, in the units of ``step``.
        step: Width of a pixel.
        light: Its direction and softness are used.
    """
    flat = float(np.hypot(light.direction[0], light.direction[1])) + 1e-9
    rise = float(light.direction[2]) / flat
    shadow = np.zeros_like(height)
    for pixels in _SHADOW_STEPS:
        columns = round(pixels * float(light.direction[0]) / flat)
        rows = round(pixels * float(light.direction[1]) / flat)
        distance = pixels * step
        blocked = _shifted(height, -rows, -columns) - height - distance * rise
        penumbra = 0.02 + (0.1 + 0.5 * light.softness) * distance
        shadow = np.maximum(shadow, np.clip(blocked / penumbra + 0.2 * (blocked > 0.01), 0.0, 1.0))
    return np.asarray(ndimage.gaussian_filter(shadow, 0.8 + 1.5 * light.softness), dtype=np.float64)


def _openness(height: Floats) -> Floats:
    """Return the share of the sky that reaches each pixel, judged from its height below its surroundings."""
    near = ndimage.gaussian_filter(height, 3.0, mode="nearest") - height
    wide = ndimage.gaussian_filter(height, 11.0, mode="nearest") - height
    return np.clip(1.0 - 4.0 * np.clip(near, 0.0, None) - 1.3 * np.clip(wide, 0.0, None), 0.25, 1.0)


def _towards(grid: Grid, direction: Floats) -> Floats:
    """Return unit vectors from every pixel to a lamp three units away, ``(3, n, n)``: near lamps light unevenly."""
    vectors = 3.0 * direction[:, None, None] - np.stack([grid.x, grid.y, np.zeros_like(grid.x)])
    return np.asarray(vectors / np.sqrt((vectors**2).sum(axis=0)), dtype=np.float64)


def _mirrored(grid: Grid, normal: Floats) -> Floats:
    """Return where a mirror looks, ``(3, n, n)``, for a camera four units above the middle."""
    eye = np.stack([-grid.x, -grid.y, np.full_like(grid.x, 4.0)])
    eye /= np.sqrt((eye**2).sum(axis=0))
    return np.asarray(2.0 * (normal * eye).sum(axis=0) * normal - eye, dtype=np.float64)


def _lit(grid: Grid, surface: Surface, lamp: Floats, open_sky: Floats, light: Light) -> Floats:
    """Return the light that leaves a surface, ``(3, n, n)``; ``lamp`` is 0 in full shadow."""
    normal, sharpness, metal = surface.normal, surface.sharpness, surface.metal
    main = _towards(grid, light.direction)
    second = _towards(grid, light.direction * np.array([-1.0, -0.6, 1.0]))
    wrap = 0.05 + 0.5 * surface.clarity
    facing = np.clip(((main * normal).sum(axis=0) + wrap) / (1.0 + wrap), 0.0, None)
    fill = light.fill * np.clip((second * normal).sum(axis=0), 0.0, None)
    colour, sky = light.colour[:, None, None], light.sky[:, None, None]
    arriving = colour * (facing * lamp + fill * open_sky) + sky * open_sky * (0.55 + 0.45 * normal[2])

    ray = _mirrored(grid, normal)
    width = sharpness / (1.0 + 5.0 * light.softness)
    lamps = np.exp(width * ((main * ray).sum(axis=0) - 1.0)) * (0.2 + 0.8 * lamp)
    lamps += light.fill * np.exp(0.5 * width * ((second * ray).sum(axis=0) - 1.0))
    room = 0.2 + 1.5 * smoothstep(-0.5, 0.7, light.room(1.3 * ray[0], 1.3 * ray[1])) * (0.4 + 0.6 * ray[2])
    mirrored = surface.gloss * (colour * lamps * (0.6 + 0.05 * sharpness) + 1.5 * sky * room * open_sky)
    # A dielectric mirrors a few per cent of white light, more at a glancing angle; a metal nearly all, in its colour.
    dielectric = 0.1 + 0.5 * (1.0 - np.clip(normal[2], 0.0, 1.0)) ** 3
    reflectance = dielectric * (1.0 - metal) + metal * surface.albedo * 1.25
    return np.asarray(surface.albedo * arriving * (1.0 - 0.75 * metal) + mirrored * reflectance, dtype=np.float64)


def render(grid: Grid, relief: Relief, ground: Background, light: Light) -> Floats:
    """Light a scene.

    Args:
        grid: The frame.
        relief: The specimen.
        ground: What it lies on.
        light: The lamps.

    Returns:
        Linear light, ``(3, n, n)``; white paper in full light is about 1.
    """
    n = grid.size
    height = np.where(relief.mask, relief.height, ground.height)
    lamp = 1.0 - cast_shadow(height, grid.step, light) * 0.94
    open_sky = _openness(height)
    surface = _lit(grid, relief.over(ground.surface(grid)), lamp, open_sky, light)
    if float(relief.clarity.max()) > 0.02:
        backdrop = ground.surface(grid)
        if relief.backdrop is not None:
            backdrop = relief.backdrop.over(backdrop)
        behind = _lit(grid, backdrop, lamp, open_sky, light)
        bend = np.clip(relief.depth, 0.0, 1.0) / grid.step
        rows, columns = np.mgrid[0:n, 0:n].astype(np.float64)
        at = np.stack(
            [
                rows - bend * (0.30 * relief.normal[1] + 0.22 * relief.far_normal[1]),
                columns - bend * (0.30 * relief.normal[0] + 0.22 * relief.far_normal[0]),
            ]
        )
        seen = np.stack([ndimage.map_coordinates(channel, at, order=1, mode="nearest") for channel in behind])
        tint = np.clip(relief.albedo, 0.02, 1.0) ** (0.35 + 1.2 * np.clip(relief.depth, 0.0, 1.0))
        through = tint * (seen + 0.12 * light.sky[:, None, None])
        # Clarity is 0 beside the specimen, where nothing changes.
        surface = surface * (1.0 - 0.85 * relief.clarity) + relief.clarity * through
    return surface

"""One picture: draws what is in it, where the light stands and how it is photographed, then renders it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lithoscope.core.random_streams import generator
from lithoscope.data.synthetic.backgrounds import BACKGROUNDS, CLUTTER, add_clutter, ground
from lithoscope.data.synthetic.camera import Camera, expose
from lithoscope.data.synthetic.colours import Floats, temperature
from lithoscope.data.synthetic.crystals import pyrite, quartz
from lithoscope.data.synthetic.hosts import weather
from lithoscope.data.synthetic.masses import bornite, chrysocolla, malachite
from lithoscope.data.synthetic.micas import biotite, muscovite
from lithoscope.data.synthetic.noise import Field, Grid
from lithoscope.data.synthetic.relief import Relief
from lithoscope.data.synthetic.shading import Light, render

Painter = Callable[[np.random.Generator, Relief, tuple[float, float], float], str]

PAINTERS: Final[dict[str, Painter]] = {
    "biotite": biotite,
    "bornite": bornite,
    "chrysocolla": chrysocolla,
    "malachite": malachite,
    "muscovite": muscovite,
    "pyrite": pyrite,
    "quartz": quartz,
}
PICTURE_SIZE: Final = 160
_FINE_SIZE: Final = 240


@dataclass(frozen=True)
class Scene:
    """A finished picture and what it was drawn from.

    Attributes:
        pixels: ``(160, 160, 3)`` of uint8.
        quality: JPEG quality to store it with.
        parameters: The drawn settings, in the order of the catalogue's columns.
    """

    pixels: NDArray[np.uint8]
    quality: int
    parameters: dict[str, str | float]


def _light(rng: np.random.Generator) -> tuple[Light, dict[str, str | float]]:
    turn, rise = rng.random() * 2 * np.pi, np.deg2rad(rng.uniform(25, 75))
    kelvin = float(np.exp(rng.uniform(np.log(3000), np.log(8500))))
    strength, softness = rng.uniform(0.85, 1.4), rng.uniform(0.0, 1.0)
    direction = np.array([np.cos(turn) * np.cos(rise), np.sin(turn) * np.cos(rise), np.sin(rise)])
    sky = rng.uniform(0.14, 0.42) * temperature(float(rng.uniform(5500, 9000)))
    light = Light(direction, strength * temperature(kelvin), sky, softness, rng.uniform(0.0, 0.4), Field(rng))
    return light, {
        "light_angle": round(float(np.rad2deg(turn)), 1),
        "light_elevation": round(float(np.rad2deg(rise)), 1),
        "light_kelvin": round(kelvin),
        "light_softness": round(softness, 3),
    }


def _camera(rng: np.random.Generator, kelvin: float, top: float) -> tuple[Camera, dict[str, str | float]]:
    # The camera corrects most of the lamp's colour; what is left over is the cast of the picture.
    left_over: Floats = temperature(kelvin) ** -rng.uniform(0.5, 1.0)
    left_over = left_over * np.exp(0.05 * rng.standard_normal(3))
    blurred = rng.random()
    blur = (
        rng.uniform(0.1, 0.4) if blurred < 0.9 else rng.uniform(0.6, 1.3) if blurred < 0.97 else rng.uniform(1.3, 2.4)
    )
    exposure = float(np.exp(rng.normal(0.0, 0.22)))
    if rng.random() < 0.05:
        exposure *= rng.choice([0.4, 1.7])
    depth_blur = rng.uniform(0.4, 1.8) if rng.random() < 0.3 else 0.0
    noise = float(np.exp(rng.uniform(np.log(0.004), np.log(0.028))))
    shake = rng.uniform(1.5, 4.0) if rng.random() < 0.04 else 0.0
    camera = Camera(
        PICTURE_SIZE,
        exposure,
        left_over,
        blur,
        depth_blur,
        top * rng.uniform(0.3, 1.0),
        shake,
        noise,
        rng.uniform(0.0, 0.5),
    )
    return camera, {
        "exposure": round(exposure, 3),
        "blur_px": round(blur, 2),
        "depth_blur_px": round(depth_blur, 2),
        "shake_px": round(shake, 2),
        "noise": round(noise, 4),
    }


def draw_scene(seed: int, split: str, label: str, index: int) -> Scene:
    """Draw one picture; it depends on nothing but the arguments.

    Args:
        seed: Of the whole set.
        split: ``train`` or ``test``.
        label: A mineral of :data:`PAINTERS`.
        index: Number of the picture within its class and split, from 1.
    """
    grid = Grid(_FINE_SIZE)
    rng = generator(seed, "specimens: scene", split, label, index)
    scale = float(rng.uniform(0.58, 0.9) if rng.random() < 0.87 else rng.uniform(0.9, 1.2))
    reach = 0.12 + 0.35 * abs(1.0 - scale)
    at = (float(rng.uniform(-reach, reach)), float(rng.uniform(-reach, reach)))
    kind = str(rng.choice(BACKGROUNDS, p=[0.27, 0.22, 0.11, 0.11, 0.05, 0.12, 0.12]))
    clutter = str(rng.choice(CLUTTER, p=[0.72, 0.12, 0.05, 0.07, 0.04]))
    stain = float(rng.uniform(0.1, 0.45)) if rng.random() < 0.15 else 0.0
    light, light_parameters = _light(rng)

    below = ground(generator(seed, "specimens: ground", split, label, index), grid, kind)
    add_clutter(rng, grid, below, clutter, at)
    relief = Relief(grid)
    habit = PAINTERS[label](generator(seed, "specimens: mineral", split, label, index), relief, at, scale)
    if stain:
        weather(rng, relief, stain)
    picture = render(grid, relief, below, light)
    height = np.where(relief.mask, relief.height, 0.0)
    camera, camera_parameters = _camera(rng, float(light_parameters["light_kelvin"]), float(height.max()))
    pixels = expose(generator(seed, "specimens: sensor", split, label, index), camera, picture, height)
    quality = int(rng.integers(78, 91))
    parameters: dict[str, str | float] = {
        "habit": habit,
        "background": kind,
        "clutter": clutter,
        "scale": round(scale, 3),
        "centre_x": round(at[0], 3),
        "centre_y": round(at[1], 3),
        "stain": round(stain, 3),
        **light_parameters,
        **camera_parameters,
        "jpeg_quality": quality,
    }
    return Scene(pixels, quality, parameters)

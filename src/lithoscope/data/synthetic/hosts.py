"""The rock that minerals sit on, and what weather does to any surface."""

import numpy as np

from lithoscope.data.synthetic.colours import Floats, blend, shade
from lithoscope.data.synthetic.noise import cells, fractal, smoothstep
from lithoscope.data.synthetic.relief import Lump, Material, Relief

HOSTS = ("granite", "limonite", "shale", "quartzite")


def host_material(rng: np.random.Generator, relief: Relief, kind: str) -> Material:
    """Return the look of a host rock over the whole frame: ``granite``, ``limonite``, ``shale`` or ``quartzite``."""
    grid = relief.grid
    mottling = fractal(rng, grid.size, 6.0, 5, 0.7)
    if kind == "granite":
        _, number = cells(rng, grid.x + 0.02 * fractal(rng, grid.size, 12.0, 2), grid.y, 38.0)
        grains = ("#bdb6ab", "#b59c8c", "#8f8c88", "#5a5552", "#cbc5bb")
        palette = np.stack([shade(rng, code, spread=0.06) for code in grains])
        chosen = palette[np.array([0, 0, 1, 2, 4, 4, 2, 3])[number % 8]]
        return Material(np.moveaxis(chosen, -1, 0) * (1.0 + 0.1 * mottling), 0.1, 12.0)
    dark, pale = {
        "limonite": ("#42342b", "#82684e"),
        "shale": ("#3b3c3f", "#77736d"),
        "quartzite": ("#a0978b", "#cfc9bf"),
    }[kind]
    amount = np.clip(0.5 + 0.28 * mottling, 0.0, 1.0)
    return Material(blend(shade(rng, dark), shade(rng, pale), amount), 0.06, 8.0)


def host(rng: np.random.Generator, relief: Relief, centre: tuple[float, float], radius: float, kind: str) -> Lump:
    """Paint a piece of host rock and return its shape, for minerals to grow on."""
    lump = Lump.broken(rng, relief.grid, centre, radius, faces=30, roughness=0.05, outline=0.07, flatness=0.6)
    relief.paint(relief.full_window(), lump.mask, lump.z, lump.normal, host_material(rng, relief, kind))
    relief.keep_as_backdrop()
    return lump


def seats(
    rng: np.random.Generator, relief: Relief, lump: Lump, at: tuple[float, float], radius: float, count: int
) -> list[Floats]:
    """Return places on a lump where crystals can grow, gathered around one spot of it, each ``(3,)``."""
    spot = np.array(at) + 0.35 * radius * (2.0 * rng.random(2) - 1.0)
    found = []
    for _ in range(count):
        x, y = spot + 0.38 * radius * rng.standard_normal(2)
        height = lump.height_at(relief.grid, float(x), float(y))
        if height is not None:
            found.append(np.array([x, y, height]))
    return found


def weather(rng: np.random.Generator, relief: Relief, amount: float) -> None:
    """Stain a painted specimen with iron rust or pale dust, in place.

    Args:
        rng: Random stream.
        relief: Its albedo is mixed with the stain, its reflections and clarity fade below it.
        amount: Share of the surface that is stained, 0…1.
    """
    size = relief.grid.size
    stain = (
        shade(rng, "#84583a", "#a3835f", "#5d4534", hue=0.01)
        if rng.random() < 0.6
        else shade(rng, "#b8ad9b", "#8f8577")
    )
    pattern = fractal(rng, size, 4.0, 5, 0.65)
    cover = smoothstep(-0.5, 0.9, pattern - float(np.quantile(pattern, 1.0 - amount)) + 0.2)
    cover = cover * (0.4 + 0.4 * rng.random()) * relief.mask
    relief.albedo[:] = blend(relief.albedo, stain, cover)
    for target in (relief.gloss, relief.metal, relief.clarity):
        target *= 1.0 - 0.85 * cover


def direction(rng: np.random.Generator, low: float, high: float) -> Floats:
    """Return a unit vector whose angle to the camera's axis lies between two angles in degrees, ``(3,)``."""
    angle, turn = np.deg2rad(rng.uniform(low, high)), rng.random() * 2 * np.pi
    return np.array([np.sin(angle) * np.cos(turn), np.sin(angle) * np.sin(turn), np.cos(angle)])

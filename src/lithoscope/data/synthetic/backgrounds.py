"""What specimens lie on, and what lies beside them."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from lithoscope.data.synthetic.colours import Floats, blend, linear, shade
from lithoscope.data.synthetic.noise import Grid, Profile, cells, fractal, smoothstep
from lithoscope.data.synthetic.relief import Material, Relief, tilt

BACKGROUNDS: Final = ("paper", "gradient", "wood", "slab", "gravel", "cloth", "black")
CLUTTER: Final = ("none", "scale bar", "coin", "label", "scale bar and label")


@dataclass
class Background:
    """The ground under a specimen.

    Attributes:
        albedo: Linear colours, ``(3, n, n)``.
        height: Relief of the ground in frame units, ``(n, n)``.
        gloss: Strength of its reflections.
    """

    albedo: Floats
    height: Floats
    gloss: float = 0.03

    def surface(self, grid: Grid) -> Relief:
        """Return the ground as a surface to be lit."""
        relief = Relief(grid)
        everywhere = np.ones((grid.size, grid.size), dtype=np.bool_)
        material = Material(self.albedo, self.gloss, 10.0)
        normal = tilt(relief.normal, *grid.gradient(self.height))
        relief.paint(relief.full_window(), everywhere, self.height + 1.0, normal, material)
        return relief


def ground(rng: np.random.Generator, grid: Grid, kind: str) -> Background:
    """Lay out one of :data:`BACKGROUNDS`."""
    n = grid.size
    turn = rng.random() * np.pi
    u = np.cos(turn) * grid.x + np.sin(turn) * grid.y
    v = np.cos(turn) * grid.y - np.sin(turn) * grid.x
    if kind == "paper":
        tone = shade(rng, "#f2f1ee", "#e6e2da", "#cfd3d6", "#d9c9ae", spread=0.05)
        return Background(blend(tone, tone * 0.93, 0.5 + 0.3 * fractal(rng, n, 30.0, 3)), np.zeros((n, n)))
    if kind == "gradient":
        first = shade(rng, "#dfe3e6", "#8b9aa8", "#6f7d6c", "#a08f80", "#40506b", spread=0.2)
        second = shade(rng, "#3b4149", "#1b1d22", "#6a6259", "#c6c0b6", spread=0.2)
        return Background(blend(first, second, smoothstep(-1.1, 1.1, u)), np.zeros((n, n)))
    if kind == "wood":
        rings = Profile(rng, (1.0, 0.7, 0.5))(4.0 * (v + 0.12 * fractal(rng, n, (2.0, 1.0), 3)) + 30.0)
        fibre = fractal(rng, n, (4.0, 60.0), 2) if turn < np.pi / 2 else fractal(rng, n, (60.0, 4.0), 2)
        amount = np.clip(rings + 0.08 * fibre, 0.0, 1.0)
        return Background(
            blend(shade(rng, "#5d3b22", "#8a6240"), shade(rng, "#b98a5a", "#d1ac7c"), amount), 0.002 * fibre, 0.08
        )
    if kind == "slab":
        grain = fractal(rng, n, 5.0, 6, 0.75)
        first = shade(rng, "#7d7a75", "#9a9184", "#5d6166", "#6f7f6f", "#a5836a")
        return Background(np.clip(first[:, None, None] * (1.0 + 0.28 * grain), 0.0, 1.0), 0.008 * grain)
    if kind == "gravel":
        bumps = fractal(rng, n, 24.0, 3, 0.7)
        border, number = cells(
            rng, grid.x + 0.03 * fractal(rng, n, 12.0, 2), grid.y + 0.03 * fractal(rng, n, 12.0, 2), rng.uniform(9, 22)
        )
        palette = np.stack(
            [shade(rng, c, spread=0.12) for c in ("#8a8178", "#a59a88", "#6d665f", "#98918c", "#77685a", "#6a706c")]
        )
        albedo = np.moveaxis(palette[number % 6], -1, 0) * (1.0 + 0.12 * bumps)
        pebble = np.sqrt(np.clip(border - 0.06, 0.0, 0.6))
        return Background(np.clip(albedo * smoothstep(0.02, 0.22, border), 0.0, 1.0), 0.11 * pebble + 0.004 * bumps)
    if kind == "cloth":
        tone = shade(rng, "#20242c", "#2d1f2b", "#1f2d27", "#3a3a3c", "#4a2327", "#27345a", spread=0.25)
        frequency = rng.uniform(55, 80)
        weave = np.sin(frequency * u) * np.sin(frequency * v)
        folds = fractal(rng, n, 1.6, 2)
        return Background(np.clip(tone[:, None, None] * (1.0 + 0.3 * weave), 0.0, 1.0), 0.05 * folds + 0.003 * weave)
    tone = shade(rng, "#0b0b0d", "#15161a", spread=0.3)
    return Background(np.broadcast_to(tone[:, None, None], (3, n, n)).copy(), np.zeros((n, n)), 0.05)


def _box(u: Floats, v: Floats, half_u: float, half_v: float, edge: float) -> Floats:
    """Coverage of a rectangle, with soft edges about a pixel wide."""
    return smoothstep(edge, -edge, np.maximum(np.abs(u) - half_u, np.abs(v) - half_v))


def add_clutter(
    rng: np.random.Generator, grid: Grid, ground_: Background, kind: str, specimen: tuple[float, float]
) -> None:
    """Put a scale bar, a coin or a label of :data:`CLUTTER` on the ground, in place, away from the specimen."""
    away = np.sign(-np.array(specimen) + 0.3 * rng.standard_normal(2) + 1e-9)
    edge = 0.6 * grid.step
    if "scale bar" in kind:
        x, y, turn = 0.35 * away[0] * rng.random(), 0.86 * away[1], 0.06 * rng.standard_normal()
        u = np.cos(turn) * (grid.x - x) + np.sin(turn) * (grid.y - y)
        v = np.cos(turn) * (grid.y - y) - np.sin(turn) * (grid.x - x)
        half, parts = rng.uniform(0.3, 0.55), int(rng.integers(3, 7))
        tick = np.floor((u + half) / (2 * half) * parts).astype(np.int64) % 2
        bar = blend(linear("#f4f4f0"), linear("#15151a"), (tick ^ (v > 0)).astype(np.float64))
        ground_.albedo = blend(ground_.albedo, linear("#eeeeea"), _box(u, v, half + 0.05, 0.08, edge))
        ground_.albedo = blend(ground_.albedo, bar, _box(u, v, half, 0.035, edge))
    if kind == "coin":
        x, y, radius = 0.72 * away[0], 0.72 * away[1], rng.uniform(0.14, 0.22)
        distance = np.hypot(grid.x - x, grid.y - y) / radius
        metal = shade(rng, "#b9b6ae", "#b98f5c", "#c9b377")
        pattern = np.clip(0.5 + 0.25 * fractal(rng, grid.size, 14.0, 2), 0.0, 1.0)
        inside = smoothstep(1.0 + edge / radius, 1.0 - edge / radius, distance)
        rim = smoothstep(0.05, 0.0, np.abs(distance - 0.9))
        ground_.albedo = blend(ground_.albedo, blend(metal, metal * 0.55, np.maximum(pattern, rim)), inside)
        ground_.height = ground_.height * (1.0 - inside) + (0.03 + 0.01 * rim + 0.006 * pattern) * inside
    if "label" in kind:
        x, y, turn = 0.6 * away[0], -0.78 * away[1], 0.2 * rng.standard_normal()
        u = np.cos(turn) * (grid.x - x) + np.sin(turn) * (grid.y - y)
        v = np.cos(turn) * (grid.y - y) - np.sin(turn) * (grid.x - x)
        ground_.albedo = blend(ground_.albedo, shade(rng, "#f3efe2", spread=0.03), _box(u, v, 0.34, 0.15, edge))
        words = (np.sin(u * 90 + 5 * np.sin(u * 31)) > -0.2).astype(np.float64) * 0.8
        for line, length in zip((-0.07, 0.0, 0.07), rng.uniform(0.1, 0.28, 3), strict=True):
            ground_.albedo = blend(
                ground_.albedo, linear("#2a2a33"), words * _box(u + 0.28 - length, v - line, length, 0.016, edge)
            )

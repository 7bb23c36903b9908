"""Biotite and muscovite: the same perfect cleavage, seen on dark opaque books and on pale, half-clear sheets."""

from dataclasses import dataclass

import numpy as np

from lithoscope.data.synthetic.colours import Floats, shade
from lithoscope.data.synthetic.hosts import direction, host, seats
from lithoscope.data.synthetic.noise import Field, Profile, smoothstep
from lithoscope.data.synthetic.relief import Material, Relief
from lithoscope.data.synthetic.solids import meet, rotation_to, sheet


@dataclass(frozen=True)
class _Look:
    """What all sheets of one specimen share."""

    colour: Floats
    edge: Floats
    gloss: float
    clarity: float
    waviness: float
    ragged: float


def _leaf(
    rng: np.random.Generator, relief: Relief, look: _Look, centre: Floats, size: tuple[float, float], axes: Floats
) -> None:
    """Paint one sheet of ``size`` (radius, thickness): sheen on the cleavage face, fine parallel lines on the sides."""
    radius, thickness = size
    hit = meet(relief.grid, sheet(rng, radius, thickness, axes, centre, look.ragged))
    if hit is None:
        return
    tone = 1.0 + 0.12 * rng.standard_normal()
    u, v, w = hit.local
    flat = np.abs(np.einsum("i,ihw->hw", axes[:, 2], hit.normal)) > 0.99
    lines = Profile(rng)(w / max(thickness, 0.02) * 9.0 + 20.0)
    crumple = Field(rng)
    wave_x, wave_y = crumple(u * 5.0, v * 5.0), crumple(u * 5.0 + 9.3, v * 5.0 + 4.1)
    scratch_angle = np.pi / 3.0 * rng.integers(0, 3) + 0.1 * rng.standard_normal()
    across = u * np.cos(scratch_angle) + v * np.sin(scratch_angle)
    scratches = smoothstep(0.72, 0.9, Profile(rng)(across * 30.0 + 40.0)) * 0.5 + smoothstep(0.55, 1.4, wave_x) * 0.3
    rim = smoothstep(0.06 * radius, 0.0, hit.to_edge)
    brightness = np.where(flat, tone * (1.0 + 0.28 * wave_y), 0.25 + 1.4 * lines)
    albedo = np.where(flat, look.colour[:, None, None], look.edge[:, None, None]) * np.clip(brightness, 0.1, 2.0)
    albedo = albedo + (0.04 + 0.45 * look.clarity) * np.where(flat, np.maximum(scratches, 0.7 * rim), 0.0)
    material = Material(
        np.clip(albedo, 0.0, 0.95),
        np.where(flat, look.gloss * (0.8 + 0.4 * lines), 0.35 * look.gloss),
        np.where(flat, 30.0, 10.0),
        0.0,
        np.where(flat, look.clarity * (1.0 - scratches), 0.4 * look.clarity),
    )
    waviness = np.where(flat, look.waviness, 0.1 + 0.5 * (lines - 0.5))
    relief.paint_hit(hit, material, (waviness * wave_x, waviness * wave_y))


def _book(
    rng: np.random.Generator,
    relief: Relief,
    look: _Look,
    centre: Floats,
    radius: float,
    axis: Floats,
    sheets: int,
    thickness: float,
) -> None:
    """Paint a stack of sheets whose outlines step back towards the top, as cleavage leaves them."""
    spin, position = rng.random() * np.pi, -0.5 * thickness
    shrink = rng.uniform(0.0, 0.45)
    for number in range(sheets):
        share = thickness / sheets * rng.uniform(0.5, 1.6)
        axes = rotation_to(axis + 0.035 * rng.standard_normal(3), spin + 0.04 * rng.standard_normal())
        shift = axes[:, 0] * rng.standard_normal() + axes[:, 1] * rng.standard_normal()
        middle = centre + axis * (position + share / 2.0) + 0.06 * radius * shift
        width = radius * (1.0 - shrink * number / sheets) * rng.uniform(0.85, 1.08)
        _leaf(rng, relief, look, middle, (width, share * 1.02), axes)
        position += share


def _single(
    rng: np.random.Generator, relief: Relief, look: _Look, at: tuple[float, float], radius: float, thickness: float
) -> None:
    axis = direction(rng, 5, 62)
    rise = radius * np.sqrt(1.0 - axis[2] ** 2) * 0.8 + 0.6 * thickness
    _book(rng, relief, look, np.array([*at, rise]), radius, axis, int(rng.integers(7, 13)), thickness)


def _rosette(
    rng: np.random.Generator, relief: Relief, look: _Look, at: tuple[float, float], radius: float, thickness: float
) -> None:
    """Paint blades that stand in fans, so that many are seen from the side."""
    turn = rng.random() * 2 * np.pi
    for number in range(int(rng.integers(7, 14))):
        angle = turn + number * rng.uniform(0.3, 0.7)
        lean = np.deg2rad(rng.uniform(35, 80))
        axis = np.array([np.sin(lean) * np.cos(angle), np.sin(lean) * np.sin(angle), np.cos(lean)])
        away = radius * rng.uniform(0.0, 0.55)
        place = np.array([at[0] - away * np.cos(angle), at[1] - away * np.sin(angle), radius * rng.uniform(0.25, 0.5)])
        _book(
            rng,
            relief,
            look,
            place,
            radius * rng.uniform(0.35, 0.6),
            axis,
            int(rng.integers(2, 4)),
            thickness * rng.uniform(0.3, 0.7),
        )


def _flakes(
    rng: np.random.Generator, relief: Relief, look: _Look, at: tuple[float, float], radius: float, *, mound: bool
) -> None:
    """Paint a flaky mass (``mound``) or loose flakes lying about."""
    for _ in range(int(rng.integers(50, 75)) if mound else int(rng.integers(14, 30))):
        out, angle = radius * np.sqrt(rng.random()), rng.random() * 2 * np.pi
        top = 0.55 * radius * (1.0 - (out / radius) ** 2) if mound else rng.uniform(0.0, 0.1)
        axis = direction(rng, 0, 60 if mound else 18)
        size = radius * (rng.uniform(0.13, 0.34) if mound else rng.uniform(0.12, 0.42))
        place = np.array([at[0] + out * np.cos(angle), at[1] + out * np.sin(angle), 0.06 + top * rng.uniform(0.6, 1.0)])
        _leaf(rng, relief, look, place, (size, rng.uniform(0.02, 0.07)), rotation_to(axis, rng.random() * 3.0))


def _arrange(
    rng: np.random.Generator,
    relief: Relief,
    look: _Look,
    at: tuple[float, float],
    radius: float,
    habit: str,
    thickness: float,
) -> None:
    if habit == "book":
        _single(rng, relief, look, at, radius, thickness)
    elif habit == "rosette":
        _rosette(rng, relief, look, at, radius, thickness)
    elif habit == "in host rock":
        lump = host(rng, relief, at, radius, str(rng.choice(["granite", "quartzite"])))
        for place in seats(rng, relief, lump, at, radius, int(rng.integers(6, 13))):
            _book(
                rng,
                relief,
                look,
                place,
                radius * rng.uniform(0.2, 0.45),
                direction(rng, 5, 70),
                int(rng.integers(2, 5)),
                thickness * 0.4,
            )
    else:
        _flakes(rng, relief, look, at, radius, mound=habit == "flaky mass")


def biotite(rng: np.random.Generator, relief: Relief, at: tuple[float, float], radius: float) -> str:
    """Paint biotite: thick books and masses of black to bronze flakes; return the habit's name."""
    habit = str(rng.choice(["book", "flaky mass", "in host rock", "loose flakes"], p=[0.46, 0.3, 0.12, 0.12]))
    if rng.random() < 0.86:
        colour = shade(rng, "#171513", "#231d19", "#1f211b", "#30261f", spread=0.2)
    else:  # bleached by weather to the bronze of vermiculite
        colour = shade(rng, "#4c3a29", "#6d5436", "#5b4b3b", "#7c6a4c", spread=0.2)
    look = _Look(
        colour,
        colour * rng.uniform(0.5, 1.1),
        rng.uniform(0.3, 1.2),
        0.03,
        rng.uniform(0.1, 0.35),
        rng.uniform(0.2, 0.9),
    )
    _arrange(rng, relief, look, at, radius, habit, radius * rng.uniform(0.3, 0.75))
    return habit


def muscovite(rng: np.random.Generator, relief: Relief, at: tuple[float, float], radius: float) -> str:
    """Paint muscovite: thin silvery, half-clear sheets, often standing in rosettes; return the habit's name."""
    habit = str(rng.choice(["book", "rosette", "in host rock", "flaky mass"], p=[0.4, 0.46, 0.07, 0.07]))
    if rng.random() < 0.85:
        colour = shade(rng, "#cfcbbd", "#c4bba0", "#b6bda0", "#c6b7a6", "#aba592", spread=0.12)
    else:  # thick sheets are as brown as weathered biotite
        colour = shade(rng, "#8d7a5e", "#77664e", "#857c6e", spread=0.15)
    look = _Look(
        colour,
        colour * rng.uniform(0.7, 1.1),
        rng.uniform(0.8, 2.6),
        rng.uniform(0.25, 0.7),
        rng.uniform(0.08, 0.3),
        rng.uniform(0.3, 1.0),
    )
    _arrange(rng, relief, look, at, radius, habit, radius * rng.uniform(0.08, 0.3))
    return habit

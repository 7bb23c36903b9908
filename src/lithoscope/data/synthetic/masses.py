"""Bornite, malachite and chrysocolla: minerals without visible crystals, known by surface and pattern."""

import numpy as np
from numpy.typing import NDArray

from lithoscope.data.synthetic.colours import Floats, blend, shade, thin_film
from lithoscope.data.synthetic.hosts import host_material
from lithoscope.data.synthetic.noise import Profile, cells, fractal, smoothstep
from lithoscope.data.synthetic.relief import Lump, Material, Relief, tilt


def bornite(rng: np.random.Generator, relief: Relief, at: tuple[float, float], radius: float) -> str:
    """Paint bornite: rough massive lumps with patches of peacock tarnish, often with brassy chalcopyrite."""
    habit = str(rng.choice(["lump", "several pieces", "with chalcopyrite", "with quartz"], p=[0.5, 0.18, 0.17, 0.15]))
    grid = relief.grid
    pieces = [(at[0], at[1], radius)]
    if habit == "several pieces":
        turn = rng.random() * 2 * np.pi
        pieces = [
            (
                at[0] + 0.6 * radius * np.cos(turn + a),
                at[1] + 0.6 * radius * np.sin(turn + a),
                radius * rng.uniform(0.4, 0.55),
            )
            for a in (0.0, 2.1, 4.2)
        ]
    strength = rng.choice([0.25, 0.6, 1.0], p=[0.1, 0.25, 0.65])
    bronze = shade(rng, "#a9825f", "#8f7358", "#b08c72", "#7d7370", spread=0.15)
    start, spread = rng.uniform(115, 180), rng.uniform(12, 38)
    for x, y, size in pieces:
        lump = Lump.broken(
            rng, grid, (x, y), size, faces=int(rng.integers(16, 34)), roughness=rng.uniform(0.02, 0.05), outline=0.06
        )
        _, patch = cells(
            rng,
            grid.x + 0.05 * fractal(rng, grid.size, 6.0, 3),
            grid.y + 0.05 * fractal(rng, grid.size, 6.0, 3),
            rng.uniform(10, 26),
        )
        film = (
            start
            + spread * fractal(rng, grid.size, 3.0, 4)
            + 14.0 * np.sin(lump.face * 2.4)
            + 0.7 * spread * np.sin(patch * 1.7)
        )
        tarnish = strength * smoothstep(-1.0, 0.4, fractal(rng, grid.size, 3.0, 3))
        colour = blend(
            bronze, (bronze * 0.3 + 0.3)[:, None, None] * (0.1 + 0.9 * thin_film(np.clip(film, 0, 360))), tarnish
        )
        grain = fractal(rng, grid.size, 24.0, 3, 0.8)
        colour = colour * np.clip(0.8 + 0.25 * grain + 0.12 * np.sin(patch * 2.9), 0.15, 1.6)
        metal: Floats | float = 0.6
        if habit == "with chalcopyrite":
            seen = smoothstep(0.5, 0.75, fractal(rng, grid.size, 4.0, 4))
            colour = blend(colour, shade(rng, "#c9ad5e", "#b99b4a"), seen)
        elif habit == "with quartz":
            vein = smoothstep(0.3, 0.12, np.abs(fractal(rng, grid.size, 1.6, 4))) * smoothstep(
                -0.4, 0.3, fractal(rng, grid.size, 2.0, 2)
            )
            colour, metal = blend(colour, shade(rng, "#d9d4ca", "#c4bcb0"), vein), 0.6 * (1.0 - vein)
        slope_x, slope_y = grid.gradient(0.004 * grain + 0.012 * size * fractal(rng, grid.size, 10.0, 3))
        slope_x, slope_y = slope_x + 0.35 * np.sin(patch * 3.7), slope_y + 0.35 * np.sin(patch * 5.3)
        material = Material(np.clip(colour, 0.0, 1.0), 0.7 + 0.3 * np.sin(patch * 1.1), 16.0, metal)
        relief.paint(relief.full_window(), lump.mask, lump.z, tilt(lump.normal, slope_x, slope_y), material)
    return habit


def _bubbles(
    rng: np.random.Generator,
    relief: Relief,
    lump: Lump,
    at: tuple[float, float],
    radius: float,
    count: int,
    sizes: tuple[float, float],
) -> tuple[NDArray[np.bool_], Floats, Floats, Floats]:
    """Grow spherical caps on a lump (botryoidal habit).

    Returns:
        Where caps are seen, the new height, normals ``(3, n, n)``, and the distance from the axis of the cap in
        radii (0 on top, 1 at the rim).
    """
    grid = relief.grid
    z, normal = lump.z.copy(), lump.normal.copy()
    rim, caps = np.ones(z.shape), np.zeros(z.shape, dtype=np.bool_)
    for _ in range(count):
        out, angle = 0.95 * radius * np.sqrt(rng.random()), rng.random() * 2 * np.pi
        x, y = at[0] + out * np.cos(angle), at[1] + out * np.sin(angle)
        size = radius * sizes[0] * (sizes[1] / sizes[0]) ** rng.random()
        ground = lump.height_at(grid, x, y)
        if ground is None:
            continue
        base = ground - 0.45 * size
        window = grid.window(x, y, size)
        dx, dy = (grid.x[window] - x) / size, (grid.y[window] - y) / size
        squared = dx**2 + dy**2
        top = base + size * np.sqrt(np.clip(1.0 - squared, 0.0, None))
        higher = (squared < 1.0) & (top > z[window])
        z[window] = np.where(higher, top, z[window])
        caps[window] |= higher
        rim[window] = np.where(higher, np.sqrt(squared), rim[window])
        for channel, value in enumerate((dx, dy, np.sqrt(np.clip(1.0 - squared, 0.02, None)))):
            normal[channel][window] = np.where(higher, value, normal[channel][window])
    return caps, z, normal, rim


def _bands(rng: np.random.Generator, relief: Relief, lump: Lump, at: tuple[float, float], radius: float) -> Floats:
    """Return a banding map in 0…1: distance from a few growth centres, read through a random profile."""
    grid = relief.grid
    x = grid.x + 0.04 * radius * fractal(rng, grid.size, 5.0, 3)
    y = grid.y + 0.04 * radius * fractal(rng, grid.size, 5.0, 3)
    distance = np.full(x.shape, np.inf)
    for _ in range(int(rng.integers(1, 7))):
        out, angle = radius * rng.uniform(0.1, 1.3), rng.random() * 2 * np.pi
        cx, cy, cz = at[0] + out * np.cos(angle), at[1] + out * np.sin(angle), radius * rng.uniform(-0.3, 0.8)
        stretch = rng.uniform(0.75, 1.3)
        distance = np.minimum(distance, stretch * np.sqrt((x - cx) ** 2 + (y - cy) ** 2 + 0.8 * (lump.z - cz) ** 2))
    return Profile(rng, (0.7, 1.0, 0.5))(distance / radius * rng.uniform(5.0, 10.0))


def malachite(rng: np.random.Generator, relief: Relief, at: tuple[float, float], radius: float) -> str:
    """Paint malachite: concentric light and dark green bands on cut, tumbled, botryoidal or fibrous pieces."""
    habit = str(rng.choice(["cut", "tumbled", "botryoidal", "fibrous"], p=[0.33, 0.15, 0.36, 0.16]))
    grid = relief.grid
    dark = shade(rng, "#0d3b2a", "#12503a", "#174f4a", spread=0.2)
    light = shade(rng, "#3f9c68", "#5fb784", "#2f8f78", "#4da584", spread=0.15)
    if habit == "tumbled":
        lump = Lump.tumbled(rng, grid, at, radius)
    else:
        cut = habit == "cut"
        lump = Lump.broken(
            rng,
            grid,
            at,
            radius,
            faces=10 if cut else 24,
            roughness=0.004 if cut else 0.03,
            outline=0.03,
            flatness=0.4 if cut else 0.7,
        )
    z, normal, gloss, sharpness, contrast = lump.z, lump.normal, 0.8, 70.0, rng.uniform(0.7, 1.1)
    if habit == "botryoidal":
        caps, z, normal, rim = _bubbles(rng, relief, lump, at, radius, int(rng.integers(25, 60)), (0.12, 0.36))
        rings = Profile(rng)(rim * rng.uniform(3.0, 6.0))
        bands = np.where(caps, 0.15 + 0.85 * rings, 0.25)
        gloss, sharpness = 0.2, 14.0
    else:
        bands = _bands(rng, relief, lump, at, radius)
    if habit == "fibrous":  # needles at right angles to the bands: velvet
        slope_x, slope_y = grid.gradient(_bands(rng, relief, lump, at, radius))
        turn = np.arctan2(slope_y, slope_x) * 3.0 + fractal(rng, grid.size, 6.0, 2)
        silk = 0.5 + 0.5 * np.sin(turn)
        bands, gloss, sharpness = 0.6 * bands + 0.4 * silk, 0.25, 9.0
    colour = blend(dark, light, np.clip(0.5 + contrast * (bands - 0.5) * 1.9, 0.0, 1.0))
    colour = colour * (1.0 + 0.1 * fractal(rng, grid.size, 14.0, 3))
    colour, crust = _matrix(rng, relief, colour, rng.choice([0.0, 0.15, 0.4], p=[0.45, 0.3, 0.25]), "limonite")
    if rng.random() < 0.12:  # azurite or chrysocolla beside it
        guest = smoothstep(0.7, 1.0, fractal(rng, grid.size, 3.0, 4))
        colour = blend(colour, shade(rng, "#2a4580", "#3f8c99", "#346f90"), guest)
    material = Material(np.clip(colour, 0.0, 1.0), gloss * (1.0 - 0.7 * crust), sharpness)
    relief.paint(relief.full_window(), lump.mask, z, normal, material)
    return habit


def _matrix(rng: np.random.Generator, relief: Relief, colour: Floats, share: float, kind: str) -> tuple[Floats, Floats]:
    """Let host rock show through a crust over a share of the surface; return the colours and where it shows."""
    pattern = fractal(rng, relief.grid.size, 3.0, 5, 0.6)
    level = float(np.quantile(pattern, 1.0 - share)) if share > 0 else 1e3
    shows = smoothstep(level - 0.08, level + 0.08, pattern)
    return blend(colour, host_material(rng, relief, kind).albedo, shows), shows


def chrysocolla(rng: np.random.Generator, relief: Relief, at: tuple[float, float], radius: float) -> str:
    """Paint chrysocolla: waxy or enamel-like blue-green crusts, fine bubbles and veins in brown rock, unbanded."""
    habit = str(rng.choice(["crust", "botryoidal", "veins", "tumbled"], p=[0.36, 0.28, 0.22, 0.14]))
    grid = relief.grid
    first = shade(rng, "#43958f", "#37859a", "#5aa095", "#338372", spread=0.14)
    second = shade(rng, "#25656b", "#56a0a9", "#70ab9e", "#256e5e", spread=0.14)
    if habit == "tumbled":
        lump = Lump.tumbled(rng, grid, at, radius)
    else:
        lump = Lump.broken(rng, grid, at, radius, faces=22, roughness=0.035, outline=0.06)
    clouds = np.clip(0.5 + 0.35 * fractal(rng, grid.size, 3.0, 4), 0.0, 1.0)
    colour = blend(first, second, clouds)
    z, normal, gloss = lump.z, lump.normal, 0.25
    share = rng.uniform(0.15, 0.5)
    if habit == "botryoidal":
        _, z, normal, rim = _bubbles(rng, relief, lump, at, radius, int(rng.integers(110, 200)), (0.05, 0.15))
        colour = colour * (1.1 - 0.35 * rim**4)
        share, gloss = rng.uniform(0.05, 0.35), 0.3
    border, _ = cells(
        rng,
        grid.x + 0.06 * fractal(rng, grid.size, 5.0, 3),
        grid.y + 0.06 * fractal(rng, grid.size, 5.0, 3),
        rng.uniform(5, 11),
    )
    cracks = smoothstep(0.1, 0.02, border)
    if habit != "botryoidal":
        colour = blend(colour, shade(rng, "#33261c", "#cfd6cf", "#5a3d28"), cracks * rng.uniform(0.35, 0.85))
    kind = str(rng.choice(["limonite", "shale", "quartzite"], p=[0.7, 0.2, 0.1]))
    if habit == "veins":
        width = rng.uniform(0.35, 0.7)
        vein = smoothstep(width + 0.1, width - 0.1, np.abs(fractal(rng, grid.size, 2.2, 4, 0.6)))
        colour = blend(host_material(rng, relief, kind).albedo, colour, vein)
        matrix = 1.0 - vein
    else:
        colour, matrix = _matrix(rng, relief, colour, share, kind)
    if rng.random() < 0.14:  # malachite beside it
        guest = smoothstep(0.7, 1.0, fractal(rng, grid.size, 3.0, 4))
        colour = blend(colour, shade(rng, "#1d6b48", "#2f8a5f"), guest)
    # The crust stands out a little from the rock that it covers.
    step_x, step_y = grid.gradient(0.03 * radius * (1.0 - matrix) - 0.006 * cracks)
    material = Material(np.clip(colour, 0.0, 1.0), gloss * (1.0 - 0.8 * matrix), 24.0)
    relief.paint(relief.full_window(), lump.mask, z, tilt(normal, step_x, step_y), material)
    return habit

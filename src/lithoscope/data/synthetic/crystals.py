"""Pyrite and quartz: minerals that are known by their crystals."""

import numpy as np

from lithoscope.data.synthetic.colours import Floats, blend, shade, thin_film
from lithoscope.data.synthetic.hosts import HOSTS, direction, host, seats
from lithoscope.data.synthetic.noise import Field, Profile, fractal, smoothstep
from lithoscope.data.synthetic.relief import Lump, Material, Relief, tilt
from lithoscope.data.synthetic.solids import (
    Solid,
    cuboid,
    meet,
    octahedron,
    pyritohedron,
    quartz_crystal,
    random_rotation,
    rotation_to,
)


class _Brass:
    """The metal of one pyrite specimen: brass, tarnished in patches by a film of varying thickness."""

    def __init__(self, rng: np.random.Generator, size: int) -> None:
        self.base = shade(rng, "#d8c078", "#c9b27a", "#b9a56f", "#d3c8a4", spread=0.12)
        tarnish = rng.choice([0.0, 0.35, 1.0], p=[0.58, 0.24, 0.18])
        film = np.clip(rng.uniform(40, 150) + 45.0 * fractal(rng, size, 3.0, 4), 0.0, 330.0)
        patches = smoothstep(-0.4, 0.8, fractal(rng, size, 2.5, 3)) * tarnish
        self.colour = blend(self.base, self.base[:, None, None] * (0.12 + 0.88 * thin_film(film)), patches)
        self.metal = rng.uniform(0.75, 0.95)
        self.gloss = rng.uniform(0.55, 1.0)


def _pyrite_crystal(rng: np.random.Generator, relief: Relief, brass: _Brass, solid: Solid, striation: float) -> None:
    """Paint a crystal with the striations of pyrite: on each cube face they run along another axis."""
    hit = meet(relief.grid, solid)
    if hit is None:
        return
    own = np.abs(np.einsum("ij,ihw->jhw", solid.axes, hit.normal))
    lead = own.argmax(axis=0)
    along = np.take_along_axis(hit.local, ((lead + 1) % 3)[None], axis=0)[0]
    ridges = Profile(rng, (0.5, 0.8, 0.6))(along / max(solid.radius, 0.03) * 9.0 + 30.0) - 0.5
    direction_of_slope = np.take(solid.axes, (lead + 1) % 3, axis=1)
    pits = Field(rng)(along * 22.0, hit.local.sum(axis=0) * 22.0)
    slope = striation * ridges + 0.04 * pits
    face_tone = 0.85 + 0.3 * rng.random(len(solid.offsets))[hit.face]
    colour = brass.colour[:, hit.window[0], hit.window[1]] * face_tone * (1.0 + 0.5 * striation * ridges)
    material = Material(np.clip(colour, 0.0, 1.0), brass.gloss, 18.0, brass.metal)
    relief.paint_hit(hit, material, (slope * direction_of_slope[0], slope * direction_of_slope[1]))


def _pyrite_form(rng: np.random.Generator, form: str, size: float, centre: Floats) -> Solid:
    axes = random_rotation(rng)
    if form == "cube":
        return cuboid(size * rng.uniform(1.2, 1.65, 3), axes, centre)
    return pyritohedron(0.95 * size, axes, centre) if form == "pyritohedron" else octahedron(0.72 * size, axes, centre)


def pyrite(rng: np.random.Generator, relief: Relief, at: tuple[float, float], radius: float) -> str:
    """Paint pyrite: striated brassy cubes and pyritohedra, alone, intergrown or in host rock; return the habit."""
    brass, striation = _Brass(rng, relief.grid.size), rng.uniform(0.1, 0.6)
    form = str(rng.choice(["cube", "pyritohedron", "octahedron"], p=[0.62, 0.26, 0.12]))
    habit = str(rng.choice(["single", "intergrown", "in host rock", "granular"], p=[0.26, 0.4, 0.18, 0.16]))
    if habit == "single":
        centre = np.array([*at, 0.8 * radius])
        _pyrite_crystal(rng, relief, brass, _pyrite_form(rng, form, 0.85 * radius, centre), striation)
        for _ in range(int(rng.integers(0, 4))):
            beside = centre + 0.75 * radius * direction(rng, 50, 110)
            _pyrite_crystal(
                rng, relief, brass, _pyrite_form(rng, form, radius * rng.uniform(0.2, 0.5), beside), striation
            )
        return f"single {form}"
    if habit == "in host rock":
        lump = host(rng, relief, at, radius, str(rng.choice(HOSTS)))
        for centre in seats(rng, relief, lump, at, radius, 14):
            size = radius * rng.uniform(0.12, 0.34)
            _pyrite_crystal(rng, relief, brass, _pyrite_form(rng, form, size, centre), striation)
        return f"{habit} {form}"
    count, smallest, largest = (18, 0.22, 0.52) if habit == "intergrown" else (85, 0.07, 0.17)
    for _ in range(count):
        out, angle = 0.75 * radius * np.sqrt(rng.random()), rng.random() * 2 * np.pi
        height = 0.6 * radius * (1.0 - 0.6 * (out / radius) ** 2)
        centre = np.array([at[0] + out * np.cos(angle), at[1] + out * np.sin(angle), height])
        size = radius * rng.uniform(smallest, largest)
        _pyrite_crystal(rng, relief, brass, _pyrite_form(rng, form, size, centre), striation)
    return f"{habit} {form}"


class _Glass:
    """The substance of one quartz specimen: its tint, and where it is milky instead of clear."""

    def __init__(self, rng: np.random.Generator) -> None:
        kinds = {
            "milky": (("#e9e7e3", "#dcd8d0"), 0.3),
            "clear": (("#dfe4e6", "#d5dad9"), 0.85),
            "rose": (("#e0b3b4", "#d9a0a6"), 0.3),
            "smoky": (("#7c6a5a", "#54463c", "#9a8a76"), 0.65),
            "amethyst": (("#8f78b5", "#a795c4", "#6d5794"), 0.6),
            "citrine": (("#d2a95a", "#c79343"), 0.5),
            "stained": (("#c98f5a", "#a8663c", "#d8b48c"), 0.15),
        }
        self.kind = str(rng.choice(list(kinds), p=[0.17, 0.23, 0.13, 0.16, 0.18, 0.08, 0.05]))
        colours, clarity = kinds[self.kind]
        self.colour = shade(rng, *colours, spread=0.1)
        self.milk = shade(rng, "#ece9e4", "#d9d2c8", spread=0.05)
        self.clarity = float(np.clip(clarity + 0.12 * rng.standard_normal(), 0.05, 0.92))
        self.milky_end = rng.uniform(0.2, 0.9)


def _quartz_point(rng: np.random.Generator, relief: Relief, glass: _Glass, solid: Solid, length: float) -> None:
    """Paint a crystal: clear at the point, milky at the root, with veils inside and lines across the prism."""
    hit = meet(relief.grid, solid)
    if hit is None:
        return
    u, v, w = hit.local
    field = Field(rng)
    veils = smoothstep(0.15, 0.9, field((u + 0.4 * w) * 7.0, (v - w) * 4.0) + 0.4 * field(u * 21.0, w * 21.0))
    milky = np.clip(smoothstep(0.7, -0.9, w / length) * glass.milky_end + 0.35 * veils, 0.0, 1.0)
    prism = hit.face < 6
    lines = Profile(rng)(w / length * 25.0 + 40.0) - 0.5
    slope = np.where(prism, 0.38 * lines, 0.03 * lines)
    # Facets of the far side show through as steps of brightness.
    inner = 0.8 + 0.4 * rng.random(len(solid.offsets))[hit.far_face]
    tone = 0.9 + 0.2 * rng.random(len(solid.offsets))[hit.face]
    # Edges are rounded a little and catch the light.
    edge = smoothstep(0.055 * solid.radius, 0.0, hit.to_edge)
    albedo = blend(glass.colour, glass.milk, 0.75 * milky) * tone * inner * (0.9 + 0.1 * lines) + 0.24 * edge
    material = Material(
        np.clip(albedo, 0.0, 0.95), 2.2, 90.0, 0.0, glass.clarity * (1.0 - 0.8 * milky) * (1.0 - 0.6 * edge)
    )
    relief.paint_hit(hit, material, (slope * solid.axes[0, 2], slope * solid.axes[1, 2]))


def _quartz_mass(
    rng: np.random.Generator,
    relief: Relief,
    glass: _Glass,
    at: tuple[float, float],
    radius: float,
    *,
    tumbled: bool = False,
) -> Lump:
    """Paint massive quartz: curved (conchoidal) fracture faces with a greasy sheen, veils and healed cracks inside."""
    grid = relief.grid
    if tumbled:
        lump = Lump.tumbled(rng, grid, at, radius)
    else:
        lump = Lump.broken(rng, grid, at, radius, faces=int(rng.integers(14, 26)), roughness=0.012, outline=0.03)
    veils = smoothstep(-0.3, 1.4, fractal(rng, grid.size, 4.0, 5, 0.6))
    cracks = smoothstep(0.12, 0.0, np.abs(fractal(rng, grid.size, 3.0, 3))) * smoothstep(
        -0.2, 0.8, fractal(rng, grid.size, 3.0, 2)
    )
    turn = rng.random() * 2 * np.pi
    from_impact = np.hypot(grid.x - at[0] - radius * np.cos(turn), grid.y - at[1] - radius * np.sin(turn))
    ripples = np.sin(
        from_impact / radius * rng.uniform(25, 45) + 2.0 * fractal(rng, grid.size, 2.5, 2) + 2.4 * lump.face
    )
    slope_x, slope_y = grid.gradient((0.0 if tumbled else 0.0022) * radius * ripples)
    albedo = blend(glass.colour, glass.milk, np.clip(0.55 * veils + 0.5 * cracks, 0.0, 1.0))
    clarity = glass.clarity * 0.6 * (1.0 - 0.7 * veils)
    material = Material(albedo * (0.85 + 0.2 * veils), 1.6, 60.0, 0.0, clarity)
    relief.paint(relief.full_window(), lump.mask, lump.z, tilt(lump.normal, slope_x, slope_y), material, 0.8 * radius)
    return lump


def quartz(rng: np.random.Generator, relief: Relief, at: tuple[float, float], radius: float) -> str:
    """Paint quartz: six-sided points alone, in clusters and druses, or massive; return the habit and the variety."""
    glass = _Glass(rng)
    habit = str(rng.choice(["point", "cluster", "druse", "massive", "tumbled"], p=[0.36, 0.48, 0.06, 0.07, 0.03]))
    if habit == "point":
        axes = rotation_to(direction(rng, 45, 88), rng.random() * np.pi)
        width, both = radius * rng.uniform(0.26, 0.46), rng.random() < 0.3
        centre = np.array([*at, 1.1 * width])
        _quartz_point(rng, relief, glass, quartz_crystal(rng, width, radius, axes, centre, both_ends=both), radius)
    elif habit in ("massive", "tumbled"):
        _quartz_mass(rng, relief, glass, at, radius, tumbled=habit == "tumbled")
    elif habit == "cluster":
        base = 0.6 * radius
        if rng.random() < 0.6:
            root = _quartz_mass(rng, relief, glass, at, base)
        else:
            root = host(rng, relief, at, base, str(rng.choice(HOSTS)))
        main = direction(rng, 20, 75)
        for seat in seats(rng, relief, root, at, base, int(rng.integers(9, 19))):
            axis = main + 0.55 * rng.standard_normal(3)
            axis[2] = abs(axis[2]) + 0.1
            axes = rotation_to(axis, rng.random() * np.pi)
            length = radius * rng.uniform(0.35, 0.8)
            centre = seat + 0.5 * length * axes[:, 2]
            crystal = quartz_crystal(rng, length * rng.uniform(0.18, 0.3), length, axes, centre)
            _quartz_point(rng, relief, glass, crystal, length)
    else:
        lump = host(rng, relief, at, radius, str(rng.choice(HOSTS)))
        for centre in seats(rng, relief, lump, at, 1.3 * radius, int(rng.integers(60, 95))):
            length = radius * rng.uniform(0.13, 0.28)
            axes = rotation_to(direction(rng, 0, 55), rng.random() * np.pi)
            crystal = quartz_crystal(rng, 0.48 * length, length, axes, centre)
            _quartz_point(rng, relief, glass, crystal, length)
    return f"{habit} {glass.kind}"

"""The visible surface of a scene: height, orientation and material of every pixel."""

from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from lithoscope.data.synthetic.noise import Floats, Grid, fractal
from lithoscope.data.synthetic.solids import Hit, place

_MAPS: Final = ("height", "normal", "far_normal", "albedo", "gloss", "sharpness", "metal", "clarity", "depth")


@dataclass(frozen=True)
class Material:
    """How a surface answers to light; every value may be one number or a map of the painted window.

    Attributes:
        albedo: Share of light sent back diffusely, linear, ``(3,)`` or ``(3, h, w)``.
        gloss: Strength of reflections, 0…1.
        sharpness: Width of reflections: 5 is satin, 200 a mirror.
        metal: 1 where reflections carry the albedo's colour and nothing is diffuse.
        clarity: 0 for opaque, 1 for clear as glass.
    """

    albedo: Floats
    gloss: Floats | float = 0.1
    sharpness: Floats | float = 20.0
    metal: Floats | float = 0.0
    clarity: Floats | float = 0.0


@dataclass
class Relief:
    """A z-buffer with materials; all maps are ``(size, size)`` or ``(3, size, size)``.

    What is seen through clear crystals is ``backdrop``, the rock that they sit on, or the ground where that is None.
    """

    grid: Grid
    height: Floats = field(init=False)
    normal: Floats = field(init=False)
    far_normal: Floats = field(init=False)
    albedo: Floats = field(init=False)
    gloss: Floats = field(init=False)
    sharpness: Floats = field(init=False)
    metal: Floats = field(init=False)
    clarity: Floats = field(init=False)
    depth: Floats = field(init=False)
    mask: NDArray[np.bool_] = field(init=False)
    backdrop: "Relief | None" = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Start with nothing in the frame."""
        n = self.grid.size
        self.height = np.full((n, n), -1.0)
        self.normal, self.far_normal, self.albedo = np.zeros((3, n, n)), np.zeros((3, n, n)), np.zeros((3, n, n))
        self.normal[2], self.far_normal[2] = 1.0, -1.0
        self.gloss, self.sharpness, self.metal, self.clarity, self.depth = np.zeros((5, n, n))
        self.mask = np.zeros((n, n), dtype=np.bool_)

    def paint(
        self,
        window: tuple[slice, slice],
        mask: NDArray[np.bool_],
        z: Floats,
        normal: Floats,
        material: Material,
        depth: Floats | float = 0.0,
        far_normal: Floats | None = None,
    ) -> NDArray[np.bool_]:
        """Put a surface into the scene wherever it is nearer to the camera than what is there.

        Returns:
            The pixels of the window where it is now seen.
        """
        seen = mask & (z > self.height[window]) & (z > 0.0)
        self.depth[window] += np.where(mask & (z > 0.0), depth, 0.0)
        if not seen.any():
            return seen
        self.height[window][seen] = z[seen]
        self.mask[window] |= seen
        maps = ((self.gloss, material.gloss), (self.sharpness, material.sharpness))
        for target, value in (*maps, (self.metal, material.metal), (self.clarity, material.clarity)):
            target[window][seen] = np.broadcast_to(value, seen.shape)[seen]
        albedo = material.albedo[:, None, None] if material.albedo.ndim == 1 else material.albedo
        far = -normal if far_normal is None else far_normal
        for channel in range(3):
            self.albedo[channel][window][seen] = np.broadcast_to(albedo[channel], seen.shape)[seen]
            self.normal[channel][window][seen] = normal[channel][seen]
            self.far_normal[channel][window][seen] = far[channel][seen]
        return seen

    def paint_hit(self, hit: Hit, material: Material, bump: tuple[Floats, Floats] | None = None) -> None:
        """Paint a crystal; ``bump`` holds slopes in x and y that tilt its normals."""
        normal = hit.normal if bump is None else tilt(hit.normal, *bump)
        self.paint(hit.window, hit.mask, hit.z, normal, material, hit.depth, hit.far_normal)

    def over(self, below: "Relief") -> "Relief":
        """Return a relief that shows ``below`` wherever this one has nothing."""
        joined = Relief(self.grid)
        for name in _MAPS:
            setattr(joined, name, np.where(self.mask, getattr(self, name), getattr(below, name)))
        joined.mask = self.mask | below.mask
        return joined

    def keep_as_backdrop(self) -> None:
        """Let crystals painted from now on show what is there now."""
        self.backdrop = self.over(Relief(self.grid))
        self.backdrop.mask = self.mask.copy()
        self.depth[:] = 0.0

    def full_window(self) -> tuple[slice, slice]:
        """Return the window that is the whole frame."""
        whole = slice(0, self.grid.size)
        return whole, whole


def tilt(normal: Floats, slope_x: Floats, slope_y: Floats) -> Floats:
    """Return unit normals tilted against slopes in x and y, ``(3, h, w)``."""
    tilted = np.stack([normal[0] - slope_x, normal[1] - slope_y, normal[2]])
    return np.asarray(tilted / np.sqrt((tilted**2).sum(axis=0) + 1e-12), dtype=np.float64)


@dataclass(frozen=True)
class Lump:
    """A broken piece of rock over the whole frame.

    Attributes:
        mask: Its pixels.
        z: Height of its surface, also meaningful a little outside the mask.
        normal: Unit normals, ``(3, n, n)``.
        face: Number of the fracture face of each pixel.
    """

    mask: NDArray[np.bool_]
    z: Floats
    normal: Floats
    face: NDArray[np.int64]

    def height_at(self, grid: Grid, x: float, y: float) -> float | None:
        """Return the height of its surface at a place, or None beside it or outside the frame."""
        column, row = int(np.floor((x + 1.0) / grid.step)), int(np.floor((y + 1.0) / grid.step))
        if not (0 <= row < grid.size and 0 <= column < grid.size) or not self.mask[row, column]:
            return None
        return float(self.z[row, column])

    @classmethod
    def broken(
        cls,
        rng: np.random.Generator,
        grid: Grid,
        centre: tuple[float, float],
        radius: float,
        *,
        faces: int = 24,
        roughness: float = 0.03,
        outline: float = 0.05,
        flatness: float = 0.7,
    ) -> Self:
        """Break a lump out of space: random planes cut a convex body, noise roughens its faces and its outline.

        Args:
            rng: Random stream.
            grid: The frame.
            centre: Where it lies.
            radius: In frame units.
            faces: Cutting planes; few give sharp blocks, many round cobbles.
            roughness: Height of the noise on the faces, relative to the radius.
            outline: Sideways displacement by noise, relative to the radius.
            flatness: Height relative to width.
        """
        n = grid.size
        normals = rng.standard_normal((faces, 3))
        offsets = radius * (0.72 + 0.3 * rng.random(faces))
        aspect = np.array([1.0, 0.7 + 0.3 * rng.random(), flatness])
        spin = rng.random() * np.pi
        axes = np.array([[np.cos(spin), -np.sin(spin), 0], [np.sin(spin), np.cos(spin), 0], [0, 0, 1.0]])
        unit = normals / np.linalg.norm(normals, axis=1, keepdims=True)
        scaled = unit / aspect
        offsets = offsets / np.linalg.norm(scaled, axis=1)
        middle = np.array([centre[0], centre[1], 0.6 * radius * flatness])
        solid = place(scaled, offsets, axes, middle, 2.0 * radius)
        cells = 2.5 / max(radius, 0.2)
        x = grid.x + radius * outline * fractal(rng, n, cells, 4) - centre[0]
        y = grid.y + radius * outline * fractal(rng, n, cells, 4) - centre[1]
        near, far = np.full((n, n), 1e3), np.full((n, n), -1e3)
        face = np.zeros((n, n), dtype=np.int64)
        for number, (normal, offset) in enumerate(zip(solid.normals, solid.offsets, strict=True)):
            plane = (offset - normal[0] * x - normal[1] * y) / normal[2]
            if normal[2] > 0:
                face = np.where(plane < near, number, face)
                near = np.minimum(near, plane)
            else:
                far = np.maximum(far, plane)
        mask = (near > far) & (near + middle[2] > 0.0)
        z = np.clip(near, -3.0, 3.0) + middle[2]
        z = z + radius * roughness * fractal(rng, n, 2.0 * cells, 5, 0.6)
        slope_x, slope_y = grid.gradient(z)
        upright = np.zeros((3, n, n))
        upright[2] = 1.0
        return cls(mask, z, tilt(upright, np.clip(slope_x, -4, 4), np.clip(slope_y, -4, 4)), face)

    @classmethod
    def tumbled(cls, rng: np.random.Generator, grid: Grid, centre: tuple[float, float], radius: float) -> Self:
        """Shape a pebble with the smooth outline that tumbling gives: a bent superellipsoid."""
        spin, aspect, power = rng.random() * np.pi, 0.65 + 0.3 * rng.random(), 2.0 + 0.8 * rng.random()
        warp_x, warp_y = 0.09 * radius * np.stack([fractal(rng, grid.size, 1.5 / max(radius, 0.2), 1) for _ in "xy"])
        dx, dy = grid.x + warp_x - centre[0], grid.y + warp_y - centre[1]
        u = np.abs(np.cos(spin) * dx + np.sin(spin) * dy) / radius
        v = np.abs(np.cos(spin) * dy - np.sin(spin) * dx) / (aspect * radius)
        inside = 1.0 - u**power - v**power
        z = 0.25 * radius + 0.6 * radius * np.sqrt(np.clip(inside, 2e-3, None))
        slope_x, slope_y = grid.gradient(z)
        upright = np.zeros((3, grid.size, grid.size))
        upright[2] = 1.0
        normal = tilt(upright, np.clip(slope_x, -6, 6), np.clip(slope_y, -6, 6))
        return cls(inside > 0.0, z, normal, np.zeros(z.shape, dtype=np.int64))

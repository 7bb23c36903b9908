"""Convex crystals as intersections of half-spaces, and where rays from the camera meet them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lithoscope.data.synthetic.noise import Floats, Grid


def random_rotation(rng: np.random.Generator) -> Floats:
    """Return a rotation matrix drawn evenly from all orientations (Shoemake 1992), ``(3, 3)``."""
    w, x, y, z = (q := rng.standard_normal(4)) / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def rotation_to(axis: Floats, spin: float) -> Floats:
    """Return a rotation that carries the local z axis to ``axis`` after a turn by ``spin`` radians about it."""
    z = axis / np.linalg.norm(axis)
    helper = np.array([1.0, 0.0, 0.0]) if abs(z[0]) < 0.8 else np.array([0.0, 1.0, 0.0])
    x = np.cross(helper, z)
    x /= np.linalg.norm(x)
    y = np.cross(z, x)
    return np.stack([np.cos(spin) * x + np.sin(spin) * y, np.cos(spin) * y - np.sin(spin) * x, z], axis=1)


@dataclass(frozen=True)
class Solid:
    """A convex body: all points p with ``normals @ (p - centre) <= offsets``.

    Attributes:
        normals: Outward unit normals in the frame's axes, ``(faces, 3)``.
        offsets: Distances of the faces from the centre, ``(faces,)``.
        centre: ``(3,)``.
        axes: Columns are the crystal's own axes, ``(3, 3)``.
        radius: A sphere of this radius about the centre holds the body.
    """

    normals: Floats
    offsets: Floats
    centre: Floats
    axes: Floats
    radius: float


@dataclass(frozen=True)
class Hit:
    """Where the camera's rays meet a body, in a window of the frame.

    Attributes:
        window: Rows and columns of the frame.
        mask: Pixels whose ray meets the body, ``(h, w)`` of bool; all arrays have this shape.
        z: Height of the near side.
        depth: Length of the ray inside the body.
        normal: Unit normals of the near side, ``(3, h, w)``.
        far_normal: Unit normals of the far side, ``(3, h, w)``.
        local: Position on the near side along the crystal's own axes, ``(3, h, w)``.
        face: Number of the near face.
        far_face: Number of the far face.
        to_edge: How far the next near face lies below this one: 0 on the edge between them.
    """

    window: tuple[slice, slice]
    mask: NDArray[np.bool_]
    z: Floats
    depth: Floats
    normal: Floats
    far_normal: Floats
    local: Floats
    face: NDArray[np.int64]
    far_face: NDArray[np.int64]
    to_edge: Floats


def place(local_normals: Floats, offsets: Floats, axes: Floats, centre: Floats, radius: float) -> Solid:
    """Return the body whose faces are given in its own axes, turned by ``axes`` and moved to ``centre``."""
    unit = local_normals / np.linalg.norm(local_normals, axis=1, keepdims=True)
    normals = unit @ axes.T
    # A face seen exactly edge-on would divide by zero; a tilt this small is far below one pixel.
    normals[:, 2] = np.where(np.abs(normals[:, 2]) < 1e-6, 1e-6, normals[:, 2])
    return Solid(normals, offsets, centre, axes, radius)


def meet(grid: Grid, solid: Solid) -> Hit | None:
    """Return where the camera's rays meet a body, or None where it lies outside the frame."""
    rows, columns = grid.window(float(solid.centre[0]), float(solid.centre[1]), solid.radius)
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    x = grid.x[rows, columns] - solid.centre[0]
    y = grid.y[rows, columns] - solid.centre[1]
    near, far, second = np.full(x.shape, 1e3), np.full(x.shape, -1e3), np.full(x.shape, 1e3)
    face, far_face = np.zeros(x.shape, dtype=np.int64), np.zeros(x.shape, dtype=np.int64)
    for number, (normal, offset) in enumerate(zip(solid.normals, solid.offsets, strict=True)):
        plane = (offset - normal[0] * x - normal[1] * y) / normal[2]
        if normal[2] > 0:
            closer = plane < near
            second = np.where(closer, near, np.minimum(second, plane))
            near = np.where(closer, plane, near)
            face = np.where(closer, number, face)
        else:
            closer = plane > far
            far = np.where(closer, plane, far)
            far_face = np.where(closer, number, far_face)
    mask = near > far
    if not mask.any():
        return None
    down, across = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    tight = slice(int(down[0]), int(down[-1]) + 1), slice(int(across[0]), int(across[-1]) + 1)
    x, y, near, far, mask = x[tight], y[tight], near[tight], far[tight], mask[tight]
    face, far_face, second = face[tight], far_face[tight], second[tight]
    rows = slice(rows.start + tight[0].start, rows.start + tight[0].stop)
    columns = slice(columns.start + tight[1].start, columns.start + tight[1].stop)
    local = np.einsum("ij,ihw->jhw", solid.axes, np.stack([x, y, near]))
    return Hit(
        (rows, columns),
        mask,
        near + solid.centre[2],
        np.where(mask, near - far, 0.0),
        np.moveaxis(solid.normals[face], -1, 0),
        np.moveaxis(solid.normals[far_face], -1, 0),
        local,
        face,
        far_face,
        second - near,
    )


def cuboid(edges: Floats, axes: Floats, centre: Floats) -> Solid:
    """Return a box with the given edge lengths ``(3,)``."""
    normals = np.concatenate([np.eye(3), -np.eye(3)])
    return place(normals, np.tile(edges / 2.0, 2), axes, centre, float(np.linalg.norm(edges) / 2.0))


def pyritohedron(size: float, axes: Floats, centre: Floats) -> Solid:
    """Return pyrite's own form {210}: twelve pentagons."""
    normals = []
    for long in (2.0, -2.0):
        for short in (1.0, -1.0):
            normals += [[long, short, 0.0], [0.0, long, short], [short, 0.0, long]]
    return place(np.array(normals), np.full(12, size), axes, centre, 1.35 * size)


def octahedron(size: float, axes: Floats, centre: Floats) -> Solid:
    """Return the form {111}, its corners cut by a cube."""
    signs = np.array([[a, b, c] for a in (1.0, -1.0) for b in (1.0, -1.0) for c in (1.0, -1.0)])
    normals = np.concatenate([signs, np.eye(3), -np.eye(3)])
    offsets = np.concatenate([np.full(8, size), np.full(6, 1.45 * size)])
    return place(normals, offsets, axes, centre, 1.75 * size)


def quartz_crystal(
    rng: np.random.Generator, radius: float, length: float, axes: Floats, centre: Floats, *, both_ends: bool = False
) -> Solid:
    """Return a quartz crystal: a hexagonal prism under six rhombohedral faces inclined by 51.8° (Dana).

    Args:
        rng: Makes the faces unequal, as in nature.
        radius: Of the prism.
        length: From the centre to the point.
        axes: The third column is the long axis.
        centre: Of the crystal.
        both_ends: Whether the other end has a point too, instead of a flat break.
    """
    angle = np.arange(6) * np.pi / 3.0
    sides = np.stack([np.cos(angle), np.sin(angle), np.zeros(6)], axis=1)
    lean = np.deg2rad(51.8)
    point = np.stack([np.cos(angle) * np.sin(lean), np.sin(angle) * np.sin(lean), np.full(6, np.cos(lean))], axis=1)
    # Alternate faces belong to two rhombohedra; one of them is usually the larger.
    unequal = np.where(np.arange(6) % 2 == 0, 1.0, 1.0 + 0.35 * rng.random()) * (1.0 + 0.08 * rng.random(6))
    point_offsets = length * np.cos(lean) * unequal
    normals, offsets = [sides, point], [radius * (0.8 + 0.35 * rng.random(6)), point_offsets]
    if both_ends:
        normals.append(point * np.array([1.0, 1.0, -1.0]))
        offsets.append(length * np.cos(lean) * unequal[::-1])
    else:
        broken = np.array([[0.3 * rng.standard_normal(), 0.3 * rng.standard_normal(), -1.0]])
        normals.append(broken)
        offsets.append(np.array([length * (0.6 + 0.3 * rng.random())]))
    reach = float(np.hypot(1.5 * length, 1.4 * radius))
    return place(np.concatenate(normals), np.concatenate(offsets), axes, centre, reach)


def sheet(
    rng: np.random.Generator, radius: float, thickness: float, axes: Floats, centre: Floats, ragged: float
) -> Solid:
    """Return a cleavage sheet of mica: a six-sided plate with unequal sides, chipped at random.

    Args:
        rng: Random stream.
        radius: Of the plate.
        thickness: Along the third axis.
        axes: The third column is perpendicular to the cleavage.
        centre: Of the plate.
        ragged: 0 for a regular hexagon, 1 for a torn outline.
    """
    angle = np.arange(6) * np.pi / 3.0 + 0.25 * ragged * rng.standard_normal(6)
    offsets = radius * (0.87 + 0.22 * ragged * rng.standard_normal(6)).clip(0.45, 1.05)
    chips = int(rng.integers(0, 1 + round(3 * ragged)))
    angle = np.concatenate([angle, rng.random(chips) * 2 * np.pi])
    offsets = np.concatenate([offsets, radius * (0.45 + 0.45 * rng.random(chips))])
    sides = np.stack([np.cos(angle), np.sin(angle), 0.1 * rng.standard_normal(len(angle))], axis=1)
    normals = np.concatenate([sides, np.array([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]])])
    return place(
        normals, np.concatenate([offsets, np.full(2, thickness / 2.0)]), axes, centre, 1.25 * radius + thickness
    )

"""Coloured solids that shapes are put together from. Lengths in metres, angles in degrees, colours in [0, 1]."""

from collections.abc import Sequence

import numpy as np
import trimesh
from numpy.typing import NDArray

Point = Sequence[float] | NDArray[np.float64]
Color = Sequence[float]


def colored(mesh: trimesh.Trimesh, color: Color) -> trimesh.Trimesh:
    """`mesh` with every face in `color`."""
    rgba = np.array([*color, 1.0]) * 255
    mesh.visual.face_colors = np.tile(rgba.round().astype(np.uint8), (len(mesh.faces), 1))
    return mesh


def loft(rings: NDArray[np.float64], color: Color) -> trimesh.Trimesh:
    """A closed solid through `rings` [R, N, 3], each counter-clockwise seen from the far end; fans cap the ends."""
    count, around = rings.shape[:2]
    bottom, top = rings[0].mean(0), rings[-1].mean(0)
    vertices = np.concatenate([rings.reshape(-1, 3), bottom[None], top[None]])
    here = np.arange(around)
    after = (here + 1) % around
    faces = []
    for ring in range(count - 1):
        faces += _strip(ring * around, (ring + 1) * around, around)
    last = (count - 1) * around
    faces += [np.stack([after, here, np.full(around, count * around)], 1)]
    faces += [np.stack([last + here, last + after, np.full(around, count * around + 1)], 1)]
    return colored(trimesh.Trimesh(vertices, np.concatenate(faces), process=False), color)


def _strip(low: int, high: int, around: int) -> list[NDArray[np.int64]]:
    """Triangles, two arrays [around, 3], between two rings of `around` vertices, which start at `low` and at `high`."""
    here = np.arange(around)
    after = (here + 1) % around
    return [
        np.stack([low + here, low + after, high + after], 1),
        np.stack([low + here, high + after, high + here], 1),
    ]


def prism(outlines: Sequence[NDArray[np.float64]], heights: Sequence[float], color: Color) -> trimesh.Trimesh:
    """A solid through horizontal outlines [N, 2] (counter-clockwise), one at each height."""
    rings = [
        np.column_stack([outline, np.full(len(outline), height)])
        for outline, height in zip(outlines, heights, strict=True)
    ]
    return loft(np.stack(rings), color)


def revolved(profile: NDArray[np.float64], color: Color, around: int = 48) -> trimesh.Trimesh:
    """A ring: the closed outline `profile` [P, 2] of (radius, height), counter-clockwise, turned about the z axis."""
    angle = np.arange(around) * 2 * np.pi / around
    radius, height = profile[:, 0], profile[:, 1]
    rings = np.stack(
        [np.outer(radius, np.cos(angle)), np.outer(radius, np.sin(angle)), np.repeat(height[:, None], around, 1)], -1
    )
    count = len(profile)
    faces = [part for ring in range(count) for part in _strip(ring * around, (ring + 1) % count * around, around)]
    return colored(trimesh.Trimesh(rings.reshape(-1, 3), np.concatenate(faces), process=False), color)


def band(inner: float, outer: float, low: float, high: float, color: Color, around: int = 48) -> trimesh.Trimesh:
    """A flat ring about the z axis, between two radii and two heights."""
    return revolved(np.array([[inner, low], [outer, low], [outer, high], [inner, high]]), color, around)


def vault(
    span: float, springing: float, top: float, depth: float, color: Color, around: int = 16, yaw: float = 0.0
) -> trimesh.Trimesh:
    """The wall over a round-headed passage along y: from the half circle that springs at one height up to another."""
    x = -span / 2 * np.cos(np.linspace(0, np.pi, around + 1))
    under = springing + np.sqrt(np.maximum((span / 2) ** 2 - x**2, 0.0))
    half, over = np.full_like(x, depth / 2), np.full_like(x, top)
    corners = [(-half, under), (half, under), (half, over), (-half, over)]
    rings = np.stack([np.column_stack([x, y, z]) for y, z in corners], 1)
    return turned(loft(rings, color), yaw)


def rectangle(width: float, depth: float, center: Point = (0.0, 0.0)) -> NDArray[np.float64]:
    """The outline [4, 2] of a rectangle, counter-clockwise."""
    return np.asarray(center, float) + square(1.0) * (width, depth)


def square(side: float) -> NDArray[np.float64]:
    """The outline [4, 2] of a square about the origin."""
    half = side / 2
    return np.array([[-half, -half], [half, -half], [half, half], [-half, half]])


def star(points: int, outer: float, inner: float) -> NDArray[np.float64]:
    """The outline [2 points, 2] of a star about the origin; its first point lies on the y axis."""
    angle = np.pi / 2 + np.arange(2 * points) * np.pi / points
    radius = np.where(np.arange(2 * points) % 2 == 0, outer, inner)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


def ellipse(
    radius_x: float, radius_y: float, center: Point = (0.0, 0.0), pleats: int = 0, depth: float = 0.0, around: int = 48
) -> NDArray[np.float64]:
    """An ellipse's outline [around, 2]; `pleats` waves of relative height `depth` run along it, like folds of cloth."""
    angle = np.arange(around) * 2 * np.pi / around
    wave = 1 + depth * np.cos(pleats * angle)
    return np.column_stack([center[0] + radius_x * wave * np.cos(angle), center[1] + radius_y * wave * np.sin(angle)])


def limb(
    start: Point, end: Point, radius_start: float, radius_end: float, color: Color, around: int = 16
) -> trimesh.Trimesh:
    """A truncated cone from `start` to `end`."""
    a, b = np.asarray(start, float), np.asarray(end, float)
    axis = (b - a) / np.linalg.norm(b - a)
    helper = np.array([1.0, 0, 0]) if abs(axis[0]) < 0.9 else np.array([0, 1.0, 0])
    side = np.cross(axis, helper)
    side /= np.linalg.norm(side)
    other = np.cross(axis, side)
    angle = np.arange(around) * 2 * np.pi / around
    circle = np.cos(angle)[:, None] * side + np.sin(angle)[:, None] * other
    return loft(np.stack([a + radius_start * circle, b + radius_end * circle]), color)


def ball(center: Point, radii: Point, color: Color) -> trimesh.Trimesh:
    """An ellipsoid with half axes `radii` along x, y and z."""
    mesh = trimesh.creation.icosphere(subdivisions=2)
    mesh.apply_scale(radii)
    mesh.apply_translation(center)
    return colored(mesh, color)


def block(center: Point, size: Point, color: Color, yaw: float = 0.0, pitch: float = 0.0) -> trimesh.Trimesh:
    """A box of `size` about `center`, tipped by `pitch` about x, then turned counter-clockwise by `yaw` about z."""
    mesh = trimesh.creation.box(extents=size)
    mesh.apply_transform(trimesh.transformations.rotation_matrix(np.deg2rad(pitch), [1, 0, 0]))
    mesh.apply_transform(trimesh.transformations.rotation_matrix(np.deg2rad(yaw), [0, 0, 1]))
    mesh.apply_translation(center)
    return colored(mesh, color)


def turned(mesh: trimesh.Trimesh, yaw: float) -> trimesh.Trimesh:
    """A copy turned counter-clockwise by `yaw` about the z axis."""
    copy = mesh.copy()
    copy.apply_transform(trimesh.transformations.rotation_matrix(np.deg2rad(yaw), [0, 0, 1]))
    return copy


def moved(mesh: trimesh.Trimesh, by: Point) -> trimesh.Trimesh:
    """A copy elsewhere."""
    copy = mesh.copy()
    copy.apply_translation(by)
    return copy


def all_round(parts: Sequence[trimesh.Trimesh], count: int) -> list[trimesh.Trimesh]:
    """`count` copies of `parts` at equal turns about the z axis, the first where they are."""
    return [turned(part, 360.0 * turn / count) for turn in range(count) for part in parts]


def assemble(parts: Sequence[trimesh.Trimesh], faces_azimuth: float) -> trimesh.Trimesh:
    """One mesh of `parts`, which are built with their front towards +y, turned so that it faces `faces_azimuth`."""
    mesh = trimesh.util.concatenate(list(parts))
    mesh.apply_transform(trimesh.transformations.rotation_matrix(-np.deg2rad(faces_azimuth), [0, 0, 1]))
    return mesh

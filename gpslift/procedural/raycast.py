"""Pictures of a shape by ray casting: sun with shadows, sky light, ground and water, surroundings, haze, people."""

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray

from gpslift.procedural.sites import Ground, Patch
from gpslift.procedural.surroundings import Surroundings, point_at
from gpslift.procedural.weather import Weather, sky_color
from gpslift.srgb import srgb_to_linear

Array = NDArray[np.float32]
SURFACES = {
    "paving": np.array([0.42, 0.40, 0.37], np.float32),
    "cobbles": np.array([0.24, 0.23, 0.22], np.float32),
    "asphalt": np.array([0.11, 0.11, 0.115], np.float32),
    "gravel": np.array([0.45, 0.38, 0.28], np.float32),
}
"""Linear colours of the ground besides lawn, which follows the season, and water, which mirrors the sky."""
WATER = np.array([0.05, 0.09, 0.11], np.float32)
SNOW = np.array([0.80, 0.83, 0.88], np.float32)


@dataclass(frozen=True)
class Props:
    """Ellipsoids that stand about: people and trees. centers, radii, colors (linear): [N, 3]."""

    centers: Array
    radii: Array
    colors: Array


@dataclass
class Hits:
    """What rays [N] meet first: distance (inf = nothing), unit normal, linear albedo [N, 3], can it lie in shadow."""

    distance: Array
    normal: Array
    albedo: Array
    shadowed: NDArray[np.bool_]

    def keep_nearer(
        self, rays: NDArray[np.intp], distance: Array, normal: Array, albedo: Array, shadowed: bool
    ) -> None:
        """Rays [M] meet a thing at `distance` [M] (normal, albedo: [M, 3] or [1, 3]): kept where nearer than before."""
        nearer = distance < self.distance[rays]
        rays = rays[nearer]
        self.distance[rays] = distance[nearer]
        self.normal[rays] = np.broadcast_to(normal, (len(nearer), 3))[nearer]
        self.albedo[rays] = np.broadcast_to(albedo, (len(nearer), 3))[nearer]
        self.shadowed[rays] = shadowed


class Scene:
    """A shape on its ground, with its surroundings if it has any, ready for ray casting."""

    def __init__(
        self, shape: trimesh.Trimesh, ground: Ground | None = None, surroundings: Surroundings | None = None
    ) -> None:
        self.shape = shape
        self.ground = ground or Ground()
        self.surroundings = surroundings
        mesh = trimesh.util.concatenate([shape, surroundings.mesh]) if surroundings else shape
        self.mesh = mesh
        self.normals = mesh.face_normals.astype(np.float32)
        self.corners = mesh.triangles[:, 0].astype(np.float32)
        self.albedo = srgb_to_linear(mesh.visual.face_colors[:, :3].astype(np.float32) / 255)
        self.leafy = np.zeros(len(mesh.faces), bool)
        if surroundings:
            self.leafy[len(shape.faces) :] = surroundings.leafy

    def render(self, origin: Array, directions: Array, weather: Weather, props: Props) -> Array:
        """Linear colour [N, 3] along unit `directions` [N, 3] from the point `origin` [3], metres."""
        hits = self._first_hits(origin, directions, weather, props)
        met = np.isfinite(hits.distance)
        color = np.empty((len(directions), 3), np.float32)
        color[~met] = sky_color(weather, directions[~met])
        distance = hits.distance[met][:, None]
        lit = self._shade(
            origin + distance * directions[met], hits.normal[met], hits.albedo[met], hits.shadowed[met], weather
        )
        clear = np.exp(-weather.haze_per_m * distance)
        color[met] = lit * clear + weather.horizon_color * (1 - clear)
        return color

    def silhouette(self, origin: Array, directions: Array) -> NDArray[np.bool_]:
        """Which of the rays [N, 3] from `origin` [3] meet the shape, whatever stands before it."""
        return first_faces(self.shape, origin, directions) >= 0

    def share_in_sight(self, origin: Array, points: Array) -> float:
        """Which share of `points` [N, 3] on the shape the surroundings do not hide from `origin` [3]."""
        if self.surroundings is None:
            return 1.0
        away = points - origin
        faces = first_faces(self.surroundings.mesh, origin, away)
        met = faces >= 0
        reach = self._reach(len(self.shape.faces) + faces[met], origin, away[met])  # 1 = as far as the point
        return 1.0 - float(np.sum(reach < 1)) / len(points)

    def _reach(self, face: NDArray[np.int64], origin: Array, directions: Array) -> Array:
        """How many times `directions` [N, 3] it is from `origin` [3] to the planes of faces [N]."""
        normal = self.normals[face]
        return ((self.corners[face] - origin) * normal).sum(-1) / (normal * directions).sum(-1)

    def _first_hits(self, origin: Array, directions: Array, weather: Weather, props: Props) -> Hits:
        count = len(directions)
        hits = Hits(
            np.full(count, np.inf, np.float32),
            np.zeros((count, 3), np.float32),
            np.zeros((count, 3), np.float32),
            np.zeros(count, bool),
        )
        everywhere = first_faces(self.mesh, origin, directions)
        rays = np.flatnonzero(everywhere >= 0)
        face = everywhere[rays]
        distance = self._reach(face, origin, directions[rays])
        hits.keep_nearer(rays, distance, self.normals[face], self._albedo(face, weather), True)
        rays = np.flatnonzero((directions[:, 2] < -1e-6) & (everywhere < 0))
        distance = -origin[2] / directions[rays, 2]
        ground = self._ground_albedo(origin + distance[:, None] * directions[rays], weather)
        hits.keep_nearer(rays, distance, np.array([[0, 0, 1]], np.float32), ground, True)
        for center, radii, color in zip(props.centers, props.radii, props.colors, strict=True):
            distance, normal = ellipsoid_hits(origin, directions, center, radii)
            rays = np.flatnonzero(np.isfinite(distance))
            hits.keep_nearer(rays, distance[rays], normal[rays], color[None], False)
        return hits

    def _albedo(self, face: NDArray[np.int64], weather: Weather) -> Array:
        """Of faces [N]: their own colour, for leaves as a tone of the season's; [N, 3]."""
        albedo = self.albedo[face]
        leafy = self.leafy[face]
        if leafy.any():
            albedo[leafy] *= weather.leaf_color
        return albedo

    def _ground_albedo(self, point: Array, weather: Weather) -> Array:
        """The ground with its patches, in the season's colours; [N, 3]."""
        x, y = point[:, 0], point[:, 1]
        radius = np.hypot(x, y)
        mottle = (
            1
            + 0.12 * np.sin(0.9 * x + 0.4 * y) * np.sin(0.5 * x - 0.8 * y)
            + 0.08 * np.sin(0.23 * x) * np.sin(0.19 * y + 1)
        )[:, None]
        ripples = (1 + 0.25 * np.sin(0.35 * x + 0.2 * y) * np.sin(0.15 * x - 0.4 * y))[:, None]
        water = WATER * ripples + 0.25 * weather.horizon_color
        lawn = SNOW if weather.snow and self.ground.snowy else weather.lawn_color
        kinds = {"lawn": lawn, **SURFACES}
        land = np.broadcast_to(kinds[self.ground.base], (len(point), 3))
        wet = np.zeros(len(point), bool)
        for patch in self.ground.patches:
            inside = in_patch(patch, x, y, radius)
            wet = np.where(inside, patch.of == "water", wet)
            if patch.of != "water":
                land = np.where(inside[:, None], kinds[patch.of], land)
        if self.ground.shore_m:
            wet |= radius >= self.ground.shore_m + 8 * np.sin(3 * np.arctan2(y, x) + 1)
        return np.where(wet[:, None], water, land * mottle).astype(np.float32)

    def _shade(
        self, points: Array, normal: Array, albedo: Array, shadowed: NDArray[np.bool_], weather: Weather
    ) -> Array:
        """Sun where it reaches, and the light of the sky above (grey light from the ground below)."""
        toward_sun = np.clip(normal @ weather.sun_direction, 0.0, 1.0)
        exposed = shadowed & (toward_sun > 0)
        starts = points[exposed] + 0.05 * normal[exposed]
        if len(starts):
            toward_sun[exposed] *= ~self.mesh.ray.intersects_any(
                starts, np.broadcast_to(weather.sun_direction, starts.shape)
            )
        up = 0.5 + 0.5 * normal[:, 2:]
        sky = up * (0.6 * weather.zenith_color + 0.4 * weather.horizon_color) + (1 - up) * 0.25 * weather.horizon_color
        return (albedo * (toward_sun[:, None] * weather.sun_color + sky)).astype(np.float32)


def first_faces(mesh: trimesh.Trimesh, origin: Array, directions: Array) -> NDArray[np.int64]:
    """The face of `mesh` that each ray [N, 3] from `origin` [3] meets first [N]; -1 = none."""
    return mesh.ray.intersects_first(np.broadcast_to(origin, directions.shape), directions)


def in_patch(patch: Patch, x: Array, y: Array, radius: Array) -> NDArray[np.bool_]:
    """Which points of the ground [N] (east, north, distance from the centre) lie in a patch."""
    if patch.bearing is not None:
        east, north = point_at(patch.bearing, 1.0)
        along = x * east + y * north
        return (along > patch.from_m) & (along < patch.to_m) & (abs(x * north - y * east) < patch.width_m / 2)
    inside = (radius > patch.from_m) & (radius < patch.to_m)
    if patch.bearings is not None:
        first, last = patch.bearings
        inside &= (np.degrees(np.arctan2(x, y)) - first) % 360 < (last - first) % 360
    return inside


def ellipsoid_hits(origin: Array, directions: Array, center: Array, radii: Array) -> tuple[Array, Array]:
    """Distances [N] (inf = missed, or started inside) and unit normals [N, 3] at which rays enter an ellipsoid."""
    start, scaled = (origin - center) / radii, directions / radii
    a, b, c = (scaled * scaled).sum(-1), scaled @ start, (start * start).sum() - 1
    root = b * b - a * c
    distance = np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0))) / a, np.inf)
    distance = np.where(distance > 0, distance, np.inf).astype(np.float32)
    normal = (start + np.where(np.isfinite(distance), distance, 0)[:, None] * scaled) / radii
    return distance, (normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)).astype(np.float32)

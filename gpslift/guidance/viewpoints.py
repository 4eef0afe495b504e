"""Cameras of the lift, drawn as the prior's own training photos were taken, and what the prior is told of them."""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from gpslift.cameras import Cameras, field_of_view, look_at_matrix, orbit_positions
from gpslift.conditioning.place import Place, null_place
from gpslift.geo.geodesy import EYE_HEIGHT_M
from gpslift.geo.landmarks import Landmark
from gpslift.randomness import generator_for, independent_for_samples, uniform_for_samples

ELEVATION_BIN_DEG = 5.0
RARE = 0.01  # share of the photos below which a bin's weight grows no further: a few wrong altitudes are no viewpoint
ASSUMED_RANGE, ASSUMED_FRAME = (2.0, 5.0), (2.2, 3.0)  # half extents, where no photos are known
ASSUMED_ELEVATION_DEG = (-10.0, 30.0)


@dataclass(frozen=True)
class Viewpoints:
    """A batch of cameras in world units, and the place that describes each of them to the prior."""

    cameras: Cameras
    place: Place


@dataclass(frozen=True)
class ViewpointSampler:
    """Draws ranges, elevations and frame widths together from the table of a prior's training photos, azimuths evenly.

    table: range_m, elevation_deg, frame_width_m [N] each. azimuth: limits in degrees. even_elevation: 0 = elevations as
    often as in the table, 1 = each bin of 5 degrees equally often: most people stand on the ground, from where the top
    of a low thing cannot be seen. aim_jitter: standard deviation of the aim, in frame widths. place: `true`; `text`
    (the prior is told nothing of the place); or the controls `dropped` (the azimuth is hidden from the prior) and
    `shuffled` (the prior is told another azimuth).
    """

    landmark: Landmark
    table: dict[str, Tensor]
    azimuth: tuple[float, float]
    even_elevation: float
    aim_jitter: float
    place: str
    seed: int

    def draw(self, first: int, count: int, size: int) -> Viewpoints:
        """The cameras of the global samples `first` to `first + count - 1`, with square frames of `size` pixels."""
        indices = range(first, first + count)
        low, high = self.azimuth
        azimuth = low + (high - low) * uniform_for_samples(self.seed, "azimuth", indices)
        rows, strays = zip(*(self._row_and_stray(index) for index in indices), strict=True)
        chosen = {name: column[torch.stack(rows)] for name, column in self.table.items()}
        range_m, width_m = chosen["range_m"], chosen["frame_width_m"]
        elevation = self._above_ground(range_m, chosen["elevation_deg"])
        unit = self.landmark.half_extent_m
        look_at = torch.tensor(self.landmark.look_at)
        position = orbit_positions(azimuth, elevation, range_m / unit, look_at)
        rise = torch.zeros(count, 3)
        rise[:, 2] = self.landmark.aim_rise_m(width_m) / unit
        aim = look_at + rise + self.aim_jitter * width_m[:, None] / unit * torch.stack(strays)
        cameras = Cameras(look_at_matrix(position, aim), field_of_view(width_m, range_m), size, size)
        told = {"azimuth_deg": self._told(azimuth, indices), "frame_width_m": width_m, "elevation_deg": elevation}
        return Viewpoints(cameras, null_place(told) if self.place == "text" else told)

    def of_the_whole(self) -> "ViewpointSampler":
        """The same, of frames alone that the whole landmark fits into; of all where it fits into none."""
        fits = self.landmark.fits_into(self.table["frame_width_m"])
        if not fits.any():
            return self
        return replace(self, table={name: column[fits] for name, column in self.table.items()})

    @cached_property
    def _weights(self) -> Tensor:
        """How often each row of the table is drawn, in proportion [N]."""
        elevation = self.table["elevation_deg"]
        _, bins, counts = (elevation / ELEVATION_BIN_DEG).floor().unique(return_inverse=True, return_counts=True)
        return counts.double().clamp_min(RARE * len(elevation))[bins] ** -self.even_elevation

    def _row_and_stray(self, index: int) -> tuple[Tensor, Tensor]:
        generator = generator_for(self.seed, "viewpoint", index)
        row = torch.multinomial(self._weights, 1, generator=generator)[0]
        return row, torch.randn(3, generator=generator)

    def _above_ground(self, range_m: Tensor, elevation_deg: Tensor) -> Tensor:
        """Elevations raised where the table's rounding would put a camera below eye height."""
        drop_m = EYE_HEIGHT_M - self.landmark.look_at_m[2]
        return elevation_deg.maximum(torch.rad2deg(torch.asin((drop_m / range_m).clamp(-1, 1))))

    def _told(self, azimuth: Tensor, indices: range) -> Tensor:
        if self.place == "dropped":
            return torch.full_like(azimuth, torch.nan)
        if self.place == "shuffled":
            return 360.0 * independent_for_samples(self.seed, "shuffled", indices)
        return azimuth % 360.0


def assumed_cameras(landmark: Landmark) -> dict[str, Tensor]:
    """A table of cameras for a landmark that no photos are known of: range_m, elevation_deg, frame_width_m, [N] each.

    People at eye height to 30 degrees above, at 2 to 5 half extents, who see the whole landmark and a little more.
    """
    unit = landmark.half_extent_m
    cells = torch.cartesian_prod(
        torch.linspace(*ASSUMED_RANGE, 4), torch.linspace(*ASSUMED_ELEVATION_DEG, 5), torch.linspace(*ASSUMED_FRAME, 3)
    )
    ranges, elevation, frames = cells.T
    return {"range_m": ranges * unit, "elevation_deg": elevation, "frame_width_m": frames * unit}

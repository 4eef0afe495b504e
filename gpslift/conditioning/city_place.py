"""The city's place tokens: a GPS position, as one token a scale (`multiscale`) or as the paper's two."""

from typing import Any

import torch
from diffusers import ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from gpslift.conditioning.azimuth import positional_encoding
from gpslift.conditioning.gps import plane_waves, wavelengths
from gpslift.conditioning.place import Place, PlaceEncoder, PlaceToken, check_counts, filled
from gpslift.errors import UserError
from gpslift.geo.cities import City
from gpslift.geo.subject import CITY_INPUTS

DEGREES = ("latitude", "longitude")
GOLDEN = 0.6180339887498949


class CityPlaceEncoder(PlaceEncoder, ModelMixin):  # diffusers looks for that name in the module
    """Place tokens [B, T, width] of a position in a city.

    encoder: `multiscale`: T = scales, each token from plane waves in `directions` directions at one wavelength, from
    the city's size down to `finest_m`. `paper` (section 3.2): T = 2, longitude and latitude, scaled to [-1, 1] over the
    city, in a positional encoding of `frequencies` frequencies through one two-layer MLP for both.
    city: the fields of City. gates: see PlaceEncoder.
    """

    place_kind = "gps"

    @register_to_config
    def __init__(
        self,
        width: int,
        city: dict[str, Any],
        encoder: str = "multiscale",
        scales: int = 10,
        directions: int = 6,
        finest_m: float = 20.0,
        frequencies: int = 10,
        gates: int = 0,
    ) -> None:
        super().__init__()
        self.make_gates(gates)
        self.city = City(**city)
        self.half_extent_m = [side / 2 for side in self.city.extent_m]
        self.wavelengths = wavelengths(2 * max(self.half_extent_m), finest_m, scales)
        if encoder == "multiscale":
            self.scale_tokens = nn.ModuleList(PlaceToken(2 * directions, width) for _ in self.wavelengths)
        elif encoder == "paper":
            self.coordinate_token = PlaceToken(2 * frequencies, width)
        else:
            raise ValueError(f"unknown encoder {encoder}; there are multiscale and paper")

    @property
    def inputs(self) -> tuple[str, ...]:
        """Metres east and north of the city's centre."""
        return CITY_INPUTS

    @property
    def tokens(self) -> int:
        """One token a scale, or two."""
        return int(self.config["scales"]) if self.config["encoder"] == "multiscale" else len(CITY_INPUTS)

    @property
    def pooled_width(self) -> int:
        """Width of one token."""
        return int(self.config["width"])

    def pool(self, tokens: Tensor) -> Tensor:
        """The mean token [B, width]: side by side they would drown the text, of which more can be seen at first."""
        return tokens.mean(1)

    def forward(self, place: Place) -> Tensor:
        """Places of B photos to tokens [B, T, width]; a place that lacks a coordinate is the null place."""
        east, north = place["east_m"], place["north_m"]
        known = ~(east.isnan() | north.isnan())
        east, north = east.nan_to_num(), north.nan_to_num()
        if self.config["encoder"] == "multiscale":
            tokens = [self._scale_token(scale, east, north, known) for scale in range(len(self.wavelengths))]
        else:
            tokens = [
                self.coordinate_token(positional_encoding(metres / half, self.config["frequencies"]), known)
                for metres, half in zip((east, north), self.half_extent_m, strict=True)
            ]
        return torch.stack(tokens, 1)

    def _scale_token(self, scale: int, east: Tensor, north: Tensor, known: Tensor) -> Tensor:
        turn = (scale * GOLDEN) % 1.0  # so that scales do not all look along the same bearings
        waves = plane_waves(east, north, self.wavelengths[scale], self.config["directions"], turn)
        return self.scale_tokens[scale](waves, known)

    def complete(self, place: dict[str, Any], count: int, device: torch.device) -> Place:
        """See PlaceEncoder. A place may be given in degrees, `latitude` and `longitude`, instead of metres.

        Raises UserError for degrees outside the city, or with latitude and longitude swapped.
        """
        if strangers := sorted(set(place) - set(CITY_INPUTS) - set(DEGREES)):
            raise UserError(
                f"a place has no '{strangers[0]}'; it has {', '.join(DEGREES)}, or {', '.join(CITY_INPUTS)}"
            )
        check_counts(place, count)
        if set(place) & set(DEGREES):
            if set(place) != set(DEGREES):
                raise UserError(f"a place needs both {' and '.join(DEGREES)}, or both {' and '.join(CITY_INPUTS)}")
            latitude, longitude = (torch.as_tensor(place[name], dtype=torch.float64).cpu().numpy() for name in DEGREES)
            self.city.check(latitude, longitude)
            place = dict(zip(CITY_INPUTS, map(torch.as_tensor, self.city.to_metres(latitude, longitude)), strict=True))
        return filled(place, self.inputs, count, device)

"""The landmark's place tokens: azimuth always, frame width and elevation where they are known.

A place is a dict of tensors [B], one for each of the encoder's `inputs`; NaN means unknown, and a place of NaNs alone
is the null place. Each input has a learned null of its own, so that any of them may be missing.
"""

from typing import Any

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from gpslift.conditioning.azimuth import HarmonicAzimuth, PaperAzimuth, harmonic_features
from gpslift.errors import UserError

ELEVATION_HARMONICS = 4
INPUTS = ("azimuth_deg", "frame_width_m", "elevation_deg")
"""All that the place of a landmark photo may tell. An encoder has the first, and those it was made with."""
Place = dict[str, Tensor]


def repeat_place(place: Place, times: int) -> Place:
    """Every place `times` times in a row."""
    return {name: values.repeat_interleave(times) for name, values in place.items()}


def null_place(place: Place) -> Place:
    """As many null places: nothing is known."""
    return {name: torch.full_like(values, torch.nan) for name, values in place.items()}


def concatenate_places(places: list[Place]) -> Place:
    """One batch of several."""
    return {name: torch.cat([place[name] for place in places]) for name in places[0]}


class PlaceToken(nn.Module):
    """Features of one input through a two-layer MLP, normalised, or a learned null where the input is unknown.

    Without the normalisation the tokens start so small that a U-Net hardly hears them: it learnt the pictures, and the
    elevation, which changes most of a picture, but not the azimuth, which changes an arm.
    """

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(features, width), nn.SiLU(), nn.Linear(width, width), nn.LayerNorm(width))
        self.null = nn.Parameter(torch.randn(width))

    def forward(self, features: Tensor, known: Tensor) -> Tensor:
        """[B, features] and a mask [B] to tokens [B, width], in the weights' number format."""
        features = features.to(self.null.dtype)
        return torch.where(known[:, None], self.mlp(features), self.null)


class LandmarkPlaceEncoder(ModelMixin, ConfigMixin):
    """Place tokens [B, T, width] of a landmark photo: T = 1 (azimuth) to 3 (and frame width, and elevation).

    encoder: `harmonic` or `paper` (see `gpslift.conditioning.azimuth`). log_width_mean, log_width_std: of the natural
    logarithm of the training photos' frame widths in metres; they bring frame widths to about [-2, 2].
    """

    place_kind = "azimuth"

    @register_to_config
    def __init__(
        self,
        width: int,
        encoder: str = "harmonic",
        harmonics: int = 8,
        frequencies: int = 10,
        frame_width: bool = True,
        elevation: bool = True,
        log_width_mean: float = 0.0,
        log_width_std: float = 1.0,
    ) -> None:
        super().__init__()
        self.azimuth = HarmonicAzimuth(harmonics) if encoder == "harmonic" else PaperAzimuth(frequencies)
        self.azimuth_token = PlaceToken(self.azimuth.width, width)
        self.frame_width_token = PlaceToken(3, width) if frame_width else None
        self.elevation_token = PlaceToken(2 * ELEVATION_HARMONICS, width) if elevation else None

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what a place holds, in the order of the tokens."""
        tokens = (self.azimuth_token, self.frame_width_token, self.elevation_token)
        return tuple(name for name, token in zip(INPUTS, tokens, strict=True) if token is not None)

    @property
    def pooled_width(self) -> int:
        """Width of `pool`'s vector."""
        return len(self.inputs) * int(self.config["width"])

    def forward(self, place: Place) -> Tensor:
        """Places of B photos to tokens [B, T, width]."""
        tokens = [self._azimuth(place["azimuth_deg"])]
        if self.frame_width_token is not None:
            tokens.append(self._frame_width(place["frame_width_m"]))
        if self.elevation_token is not None:
            tokens.append(self._elevation(place["elevation_deg"]))
        return torch.stack(tokens, 1)

    def pool(self, tokens: Tensor) -> Tensor:
        """Tokens [B, T, width] to the vector [B, T width] that may be added to the time embedding."""
        return tokens.flatten(1)

    def complete(self, place: dict[str, Any], count: int, device: torch.device) -> Place:
        """A place with all of the encoder's inputs [count], each given as one value for all or as `count` values.

        What is missing or None is unknown (NaN). What this encoder was made without is left out; a name that no
        landmark photo's place has raises UserError.
        """
        if strangers := sorted(set(place) - set(INPUTS)):
            raise UserError(f"a place has no '{strangers[0]}'; it has {', '.join(INPUTS)}")
        values = {name: place.get(name) for name in self.inputs}
        unknown = torch.full((count,), torch.nan, device=device)
        return {
            name: unknown if value is None else torch.as_tensor(value, dtype=torch.float32, device=device).expand(count)
            for name, value in values.items()
        }

    def _azimuth(self, azimuth_deg: Tensor) -> Tensor:
        known = ~azimuth_deg.isnan()
        return self.azimuth_token(self.azimuth(azimuth_deg.nan_to_num()), known)

    def _frame_width(self, frame_width_m: Tensor) -> Tensor:
        assert self.frame_width_token is not None
        known = frame_width_m > 0
        log_width = frame_width_m.where(known, torch.ones_like(frame_width_m)).log()
        x = (log_width - self.config["log_width_mean"]) / self.config["log_width_std"]
        return self.frame_width_token(torch.stack([x, torch.sin(x), torch.cos(x)], -1), known)

    def _elevation(self, elevation_deg: Tensor) -> Tensor:
        assert self.elevation_token is not None
        known = ~elevation_deg.isnan()
        return self.elevation_token(harmonic_features(elevation_deg.nan_to_num(), ELEVATION_HARMONICS), known)

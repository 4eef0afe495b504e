"""The landmark's place tokens: azimuth always, frame width and elevation where they are known.

Each input has a learned null of its own, so that any of them may be missing.
"""

from typing import Any

import torch
from diffusers import ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor

from gpslift.conditioning.azimuth import HarmonicAzimuth, PaperAzimuth, harmonic_features
from gpslift.conditioning.place import Place, PlaceEncoder, PlaceToken, check_counts, filled
from gpslift.errors import UserError
from gpslift.geo.subject import LANDMARK_INPUTS

ELEVATION_HARMONICS = 4


class LandmarkPlaceEncoder(PlaceEncoder, ModelMixin):  # diffusers looks for that name in the module
    """Place tokens [B, T, width] of a landmark photo: T = 1 (azimuth) to 3 (and frame width, and elevation).

    encoder: `harmonic` or `paper` (see `gpslift.conditioning.azimuth`). log_width_mean, log_width_std: of the natural
    logarithm of the training photos' frame widths in metres; they bring frame widths to about [-2, 2]. gates: see
    PlaceEncoder.
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
        gates: int = 0,
    ) -> None:
        super().__init__()
        self.make_gates(gates)
        kinds: dict[str, HarmonicAzimuth | PaperAzimuth] = {
            "harmonic": HarmonicAzimuth(harmonics),
            "paper": PaperAzimuth(frequencies),
        }
        if encoder not in kinds:
            raise ValueError(f"unknown encoder {encoder}; there are {' and '.join(kinds)}")
        self.azimuth = kinds[encoder]
        self.azimuth_token = PlaceToken(self.azimuth.width, width)
        self.frame_width_token = PlaceToken(3, width) if frame_width else None
        self.elevation_token = PlaceToken(2 * ELEVATION_HARMONICS, width) if elevation else None

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what a place holds, in the order of the tokens: the azimuth, and those it was made with."""
        tokens = (self.azimuth_token, self.frame_width_token, self.elevation_token)
        return tuple(name for name, token in zip(LANDMARK_INPUTS, tokens, strict=True) if token is not None)

    @property
    def dropped_inputs(self) -> tuple[str, ...]:
        """The azimuth alone: led away from all framings and heights too, images showed the right side less often."""
        return LANDMARK_INPUTS[:1]

    @property
    def tokens(self) -> int:
        """One token an input."""
        return len(self.inputs)

    def forward(self, place: Place) -> Tensor:
        """Places of B photos to tokens [B, T, width]."""
        tokens = [self._azimuth(place["azimuth_deg"])]
        if self.frame_width_token is not None:
            tokens.append(self._frame_width(place["frame_width_m"]))
        if self.elevation_token is not None:
            tokens.append(self._elevation(place["elevation_deg"]))
        return torch.stack(tokens, 1)

    def complete(self, place: dict[str, Any], count: int, device: torch.device) -> Place:
        """See PlaceEncoder. A landmark photo's input that this encoder was made without is left out."""
        if strangers := sorted(set(place) - set(LANDMARK_INPUTS)):
            raise UserError(f"a place has no '{strangers[0]}'; it has {', '.join(LANDMARK_INPUTS)}")
        check_counts(place, count)
        return filled(place, self.inputs, count, device)

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

"""What all place encoders have in common: places, null places, tokens.

A place is a dict of tensors [B], one for each of the encoder's `inputs`; NaN means unknown, and a place of NaNs alone
is the null place.
"""

from typing import Any

import numpy as np
import torch
from diffusers import ConfigMixin, ModelMixin
from torch import Tensor, nn

from gpslift.errors import UserError

Place = dict[str, Tensor]


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


class PlaceEncoder(ModelMixin, ConfigMixin):
    """Places of B photos to tokens [B, T, width]. What a place holds is the subclass's: its `inputs`.

    gate: one a cross-attention layer of a pretrained U-Net, through which the tokens enter (see
    `gpslift.priors.gated_attention`); none where they simply join the text's.
    """

    place_kind: str
    gate: nn.Parameter | None

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what a place holds."""
        raise NotImplementedError

    @property
    def dropped_inputs(self) -> tuple[str, ...]:
        """Those of `inputs` that condition dropout hides together, and guidance therefore leads away from lacking."""
        return self.inputs

    @property
    def tokens(self) -> int:
        """T, how many tokens a place has."""
        raise NotImplementedError

    def nowhere(self, place: Place) -> Place:
        """What guidance compares these places with: the same without `dropped_inputs`."""
        return {**place, **null_place({name: place[name] for name in self.dropped_inputs})}

    @property
    def pooled_width(self) -> int:
        """Width of `pool`'s vector."""
        return self.tokens * int(self.config["width"])

    def make_gates(self, count: int) -> None:
        """`count` gates that are shut; 0: none."""
        self.gate = nn.Parameter(torch.zeros(count)) if count else None

    def pool(self, tokens: Tensor) -> Tensor:
        """Tokens [B, T, width] to the vector [B, T width] that may be added to the time embedding."""
        return tokens.flatten(1)

    def complete(self, place: dict[str, Any], count: int, device: torch.device) -> Place:
        """A place with all of the encoder's inputs [count], each given as one value for all or as `count` values.

        What is missing or None is unknown (NaN). Raises UserError for a name that no such place has, and for values
        that are neither one nor `count`.
        """
        raise NotImplementedError


def values_given(place: dict[str, Any]) -> int:
    """How many places a place's values are of: the longest list of them; 1 where each is one for all."""
    return max((len(value) for value in place.values() if value is not None and np.ndim(value) > 0), default=1)


def check_counts(place: dict[str, Any], count: int) -> None:
    """Raises UserError for a name that has neither one value nor `count`."""
    for name, value in place.items():
        if (given := values_given({name: value})) not in (1, count):
            raise UserError(f"{name} has {given} values for {count} images; give one for all, or one an image")


def filled(place: dict[str, Any], inputs: tuple[str, ...], count: int, device: torch.device) -> Place:
    """Tensors [count] of all `inputs`: one value for all or `count` values each, NaN for what is missing or None."""
    values = {name: place.get(name) for name in inputs}
    unknown = torch.full((count,), torch.nan, device=device)
    return {
        name: unknown if value is None else torch.as_tensor(value, dtype=torch.float32, device=device).expand(count)
        for name, value in values.items()
    }

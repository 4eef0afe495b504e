"""A prior whose answers can be worked out by hand: it knows the one clean picture that each place shows."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from gpslift.conditioning.place import Place, null_place
from gpslift.priors.composition import Scales
from gpslift.priors.condition import Texts

TIMESTEPS = 100


class AnalyticPrior:
    """The part of a prior's interface that guidance uses. Latents are pictures in [-1, 1].

    picture: of places to clean latents [B, 3, S, S]. Unguided, the noise in x is (x - sqrt(a) clean) / sqrt(1 - a),
    exactly; guidance by a scale s pulls from `unconditional` (a value of all unconditional latents) to the picture:
    the guided clean latents are unconditional + s (clean - unconditional).
    """

    caption = "a thing"

    def __init__(self, picture: Callable[[Place], Tensor], size: int, unconditional: float | None = None) -> None:
        self.picture, self.image_size, self.unconditional = picture, size, unconditional
        self.alphas_cumprod = torch.cos(torch.linspace(0.05, 1.5, TIMESTEPS)) ** 2
        self.unet, self.vae = SimpleNamespace(device=torch.device("cpu")), SimpleNamespace()
        self.place_encoder = self
        self.asked: list[dict[str, Any]] = []

    def complete(self, place: Place, count: int, device: torch.device) -> Place:
        """As the place encoder's."""
        assert {len(values) for values in place.values()} == {count}
        return place

    def nowhere(self, place: Place) -> Place:
        """As the place encoder's."""
        return null_place(place)

    def to_latents(self, pictures: Tensor) -> Tensor:
        """[0, 1] to [-1, 1]."""
        return 2 * pictures - 1

    def from_latents(self, latents: Tensor) -> Tensor:
        """[-1, 1] to [0, 1], clipped."""
        return ((latents + 1) / 2).clamp(0, 1)

    def guidance_branches(
        self, text: list[str], place: Place, scales: Scales, negative: str = "", texts: Texts | None = None
    ) -> Tensor:
        """What stands for the branches here: clean latents, of the places or of no text and place."""
        if text == [""] * len(text):
            assert all(values.isnan().all() for values in place.values()) and self.unconditional is not None
            return torch.full((len(text), 3, self.image_size, self.image_size), self.unconditional)
        assert text == [self.caption] * len(text)
        self.asked.append({"place": place, "scales": (scales.text, scales.place)})
        return self.picture(place)

    def guided_noise(self, noisy: Tensor, timestep: Tensor, branches: Tensor, scales: Scales) -> Tensor:
        """The exact noise, if the guided clean latents are what `noisy` was made of."""
        assert timestep.shape == (len(noisy),)
        self.asked.append({"timestep": timestep, "scales": (scales.text, scales.place)})
        clean = branches
        if self.unconditional is not None:
            clean = self.unconditional + scales.place * (branches - self.unconditional)
        alpha = self._alpha(timestep)
        return (noisy - alpha.sqrt() * clean) / (1 - alpha).sqrt()

    def add_noise(self, latents: Tensor, noise: Tensor, timestep: Tensor) -> Tensor:
        """As the pipeline's."""
        alpha = self._alpha(timestep)
        return alpha.sqrt() * latents + (1 - alpha).sqrt() * noise

    def predict_clean(self, noisy: Tensor, noise: Tensor, timestep: Tensor) -> Tensor:
        """As the pipeline's."""
        alpha = self._alpha(timestep)
        return (noisy - (1 - alpha).sqrt() * noise) / alpha.sqrt()

    def _alpha(self, timestep: Tensor) -> Tensor:
        return self.alphas_cumprod[timestep][:, None, None, None]

"""The multi-step objective: what the prior makes of a noised render in a few steps is what to look like."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from gpslift.collectives import own_rows, rows_of_all
from gpslift.conditioning.place import Place
from gpslift.guidance.asking import Guidance, resized
from gpslift.guidance.objectives.clearing import NOT_CLEARED, Clearing
from gpslift.guidance.objectives.contract import Seen, interleaved


class MultiStepTarget:
    """The noised render is denoised by a few DDIM steps (Song et al. 2021, eq. 12): that is what to look like.

    One target serves `reuse` steps, which all show the same cameras, each on one of `stride`^2 interleaved grids of
    pixels: the prior, which needs whole pictures, is asked once, and most renders have fewer rays. Compared with score
    distillation, the prior's answer is a picture that it would make, not one noisy step towards it.

    own_sky: shares of the lift's steps between which pictures are compared with the target's own sky behind them: clear
    pixels are shifted by the mean colour that the target has there beyond the picture. A target's sky is one of many.
    Were it a fault of the render, matter in the colour of the mean sky would be as good as none.
    """

    makes_pictures = True

    def __init__(
        self,
        guidance: Guidance,
        reuse: int,
        stride: int = 1,
        own_sky: tuple[float, float] = (0.0, 0.0),
        clearing: Clearing = NOT_CLEARED,
    ) -> None:
        self.guidance, self.reuse, self.stride = guidance, reuse, stride
        self.own_sky, self.clearing = own_sky, clearing
        self.target: Tensor | None = None
        self.sky = torch.zeros(1, 3, 1, 1)
        self.timestep = 0.0

    def needs_pictures(self, step: int) -> bool:
        """At every `reuse`-th step."""
        return step % self.reuse == 0 or self.target is None

    def look(self, seen: Seen, place: Place, step: int, first: int) -> None:
        """Makes the target [B, 3, H, W] of these pictures, at their size, and finds its sky."""
        timestep = self.guidance.timestep(step)
        clean = self.denoised(self.guidance.latents(seen.pictures), timestep, place, first)
        target = self.guidance.prior.from_latents(clean)
        self.target, self.timestep = resized(target, seen.pictures.shape[-1]), float(timestep)
        own = self.own_sky[0] <= step / self.guidance.steps < self.own_sky[1]
        self.sky = sky_difference(self.target, seen) if own else torch.zeros_like(self.target[..., :1, :1])

    def __call__(self, seen: Seen, place: Place, step: int, first: int) -> tuple[Tensor, dict[str, float]]:
        """Mean squared distance to the target's pixels of this step's grid, and what opacity there is for nothing."""
        if self.target is None:
            raise ValueError("no target yet: call look() where needs_pictures() says so")
        rows, columns = interleaved(step, self.stride)
        target, sky = self.target[..., rows, columns].to(seen.pictures), seen.clear * self.sky.to(seen.pictures)
        loss, figures = mse_loss(seen.pictures + sky, target), {"timestep": self.timestep}
        if self.clearing.counts(seen, step / self.guidance.steps):
            cleared = self.clearing(target, seen, sky)
            loss, figures["clearing"] = loss + cleared, float(cleared.detach())
        return loss, figures

    @torch.no_grad()
    def denoised(self, latents: Tensor, timestep: Tensor, place: Place, first: int) -> Tensor:
        """What the prior makes of the latents, noised to `timestep`: clean latents of the same shape."""
        guidance, prior = self.guidance, self.guidance.prior
        branches = guidance.branches(place)
        path = torch.linspace(float(timestep), 0, guidance.ddim_steps + 1).round().long()
        noisy, _ = guidance.noised(latents, path[0], first)
        clean = latents
        for number, now in enumerate(path[:-1]):
            noise = guidance.noise(noisy, now, branches)
            clean = prior.predict_clean(noisy, noise, now.expand(len(noisy)))
            if number + 1 < guidance.ddim_steps:
                noisy = prior.add_noise(clean, noise, path[number + 1].expand(len(noisy)))
        return clean

    def state_dict(self) -> dict[str, Any]:
        """The target at hand, that of the whole batch, since a checkpoint may fall between two targets."""
        if self.target is None:
            return {}
        return {"target": rows_of_all(self.target), "sky": rows_of_all(self.sky), "timestep": self.timestep}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse. A lift that was resumed with another objective has no target yet."""
        if state.get("target") is not None:
            device = self.guidance.prior.unet.device
            self.target, self.sky = own_rows(state["target"]).to(device), own_rows(state["sky"]).to(device)
            self.timestep = state["timestep"]


def sky_difference(target: Tensor, seen: Seen) -> Tensor:
    """The mean colour that the target [B, 3, H, W] has beyond the pictures where these are clear: [B, 3, 1, 1].

    Pixels weigh by the square of their clearness, so that edges hardly count.
    """
    weight = seen.clear.square()
    difference = (weight * (target - seen.pictures)).sum((2, 3), keepdim=True)
    return difference / weight.sum((2, 3), keepdim=True).clamp_min(1.0)

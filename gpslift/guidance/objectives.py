"""Objectives of score distillation. Each is an object with one call: pictures, place, step -> loss and what to log."""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import interpolate, mse_loss

from gpslift.conditioning.place import Place
from gpslift.guidance.timesteps import TimestepSchedule
from gpslift.priors.pipeline import Condition, PlaceDiffusionPipeline
from gpslift.randomness import generator_for, normal_for_samples
from gpslift.schema.lift import GuidanceConfig


@dataclass(frozen=True)
class Guidance:
    """A frozen prior and how it is asked. `steps`: of the whole lift. `one_noise`: the same noise on all pictures."""

    prior: PlaceDiffusionPipeline
    schedule: TimestepSchedule
    scale: float
    steps: int
    seed: int
    one_noise: bool = False

    def latents(self, pictures: Tensor) -> Tensor:
        """Pictures [B, 3, H, W] in [0, 1] of any size to the prior's latents; differentiable."""
        return self.prior.to_latents(resized(pictures, self.prior.image_size))

    def timestep(self, step: int) -> Tensor:
        """The timestep of a step, one for its whole batch: a scalar tensor."""
        draw = float(torch.rand((), generator=generator_for(self.seed, "timestep", step)))
        return torch.tensor(self.schedule.timestep(step / self.steps, draw, len(self.prior.alphas_cumprod)))

    def branches(self, place: Place) -> Condition:
        """The conditions that guidance compares for these places, text and place dropped together (paper, eq. 7)."""
        device = self.prior.unet.device
        count = len(next(iter(place.values())))
        told = self.prior.place_encoder.complete(place, count, device)
        return self.prior.guidance_branches([self.prior.caption] * count, told, self.scale, self.scale)

    def noise(self, noisy: Tensor, timestep: Tensor, branches: Condition) -> Tensor:
        """Guided noise in `noisy` at one timestep."""
        return self.prior.guided_noise(noisy, timestep.expand(len(noisy)), branches, self.scale, self.scale)

    def noised(self, latents: Tensor, timestep: Tensor, first: int) -> tuple[Tensor, Tensor]:
        """Latents with noise of the global samples from `first` on, or of sample 0 each, and that noise."""
        indices = [0] * len(latents) if self.one_noise else range(first, first + len(latents))
        noise = normal_for_samples(self.seed, "noise", indices, latents.shape[1:]).to(latents)
        return self.prior.add_noise(latents, noise, timestep.expand(len(latents))), noise


def resized(pictures: Tensor, size: int) -> Tensor:
    """Pictures [B, 3, H, W] at `size` x `size` pixels; differentiable."""
    if pictures.shape[-1] == size:
        return pictures
    return interpolate(pictures, (size, size), mode="bilinear", antialias=True)


@dataclass(frozen=True)
class Seen:
    """Rendered pictures [B, 3, H, W] in [0, 1], and how much of what is behind shows through: [B, 1, H, W], 0 to 1."""

    pictures: Tensor
    clear: Tensor


class Objective(Protocol):
    """What a lift minimises beside its regularisers. It may look at whole pictures before it judges parts of them."""

    stride: int
    """1: judges whole pictures. n > 1: judges one of the n x n interleaved grids of pixels at a time."""

    def needs_pictures(self, step: int) -> bool:
        """Whether `look` must be called before this step's loss."""
        ...

    def look(self, seen: Seen, place: Place, step: int, first: int) -> None:
        """Whole pictures, without gradients, of the global samples from `first` on."""
        ...

    def __call__(self, seen: Seen, place: Place, step: int, first: int) -> tuple[Tensor, dict[str, float]]:
        """Pictures of H / stride x W / stride pixels, seen from `place`: the loss, and figures to log."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs, in plain types."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse."""
        ...


def interleaved(step: int, stride: int) -> tuple[slice, slice]:
    """Rows and columns of the grid of pixels that is judged at a step: all stride^2 of them take turns."""
    row, column = divmod(step % stride**2, stride)
    return slice(row, None, stride), slice(column, None, stride)


class ScoreDistillation:
    """DreamFusion's loss (Poole et al. 2022, eq. 3), as the paper uses it: its gradient is sigma_t^2 (e_hat - e).

    Written as half the squared distance to a fixed target, whose gradient by the latents is just that.
    """

    stride = 1

    def __init__(self, guidance: Guidance) -> None:
        self.guidance = guidance

    def needs_pictures(self, step: int) -> bool:
        """Never: the loss itself sees whole pictures."""
        return False

    def look(self, seen: Seen, place: Place, step: int, first: int) -> None:
        """Nothing to look for."""

    def __call__(self, seen: Seen, place: Place, step: int, first: int) -> tuple[Tensor, dict[str, float]]:
        """The loss is a mean over latents, so that its size hangs neither on theirs nor on the batch's."""
        guidance = self.guidance
        latents = guidance.latents(seen.pictures)
        timestep = guidance.timestep(step)
        with torch.no_grad():
            noisy, noise = guidance.noised(latents, timestep, first)
            predicted = guidance.noise(noisy, timestep, guidance.branches(place))
            weight = 1 - guidance.prior.alphas_cumprod[timestep].to(latents)
            gradient = weight * (predicted - noise)
        loss = 0.5 * mse_loss(latents, latents.detach() - gradient)
        return loss, {"timestep": float(timestep), "gradient": float(gradient.norm())}

    def state_dict(self) -> dict[str, Any]:
        """Nothing to keep."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to bring back."""


class MultiStepTarget:
    """The noised render is denoised by a few DDIM steps (Song et al. 2021, eq. 12): that is what to look like.

    One target serves `reuse` steps, which all show the same cameras, each on one of `stride`^2 interleaved grids of
    pixels: the prior, which needs whole pictures, is asked once, and most renders have fewer rays. Compared with score
    distillation, the prior's answer is a picture that it would make, not one noisy step towards it.

    own_sky: shares of the lift's steps between which pictures are compared with the target's own sky behind them: clear
    pixels are shifted by the mean colour that the target has there beyond the picture. A target's sky is one of many.
    Were it a fault of the render, matter in the colour of the mean sky would be as good as none.
    """

    def __init__(
        self,
        guidance: Guidance,
        ddim_steps: int,
        reuse: int,
        stride: int,
        own_sky: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        self.guidance, self.ddim_steps, self.reuse, self.stride = guidance, ddim_steps, reuse, stride
        self.own_sky = own_sky
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
        """Mean squared distance to the target's pixels of this step's grid."""
        if self.target is None:
            raise ValueError("no target yet: call look() where needs_pictures() says so")
        rows, columns = interleaved(step, self.stride)
        pictures = seen.pictures + seen.clear * self.sky.to(seen.pictures)
        return mse_loss(pictures, self.target[..., rows, columns].to(pictures)), {"timestep": self.timestep}

    @torch.no_grad()
    def denoised(self, latents: Tensor, timestep: Tensor, place: Place, first: int) -> Tensor:
        """What the prior makes of the latents, noised to `timestep`: clean latents of the same shape."""
        guidance, prior = self.guidance, self.guidance.prior
        branches = guidance.branches(place)
        path = torch.linspace(float(timestep), 0, self.ddim_steps + 1).round().long()
        noisy, _ = guidance.noised(latents, path[0], first)
        clean = latents
        for number, now in enumerate(path[:-1]):
            noise = guidance.noise(noisy, now, branches)
            clean = prior.predict_clean(noisy, noise, now.expand(len(noisy)))
            if number + 1 < self.ddim_steps:
                noisy = prior.add_noise(clean, noise, path[number + 1].expand(len(noisy)))
        return clean

    def state_dict(self) -> dict[str, Any]:
        """The target at hand, since a checkpoint may fall between two targets."""
        return {"target": self.target, "sky": self.sky, "timestep": self.timestep}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse. A lift that was resumed with another objective has no target yet."""
        self.target, self.timestep = state.get("target"), state.get("timestep", 0.0)
        self.sky = state.get("sky", torch.zeros(1, 3, 1, 1))


def sky_difference(target: Tensor, seen: Seen) -> Tensor:
    """The mean colour that the target [B, 3, H, W] has beyond the pictures where these are clear: [B, 3, 1, 1].

    Pixels weigh by the square of their clearness, so that edges hardly count.
    """
    weight = seen.clear.square()
    difference = (weight * (target - seen.pictures)).sum((2, 3), keepdim=True)
    return difference / weight.sum((2, 3), keepdim=True).clamp_min(1.0)


def build_objective(config: GuidanceConfig, prior: PlaceDiffusionPipeline, steps: int, seed: int) -> Objective:
    """The objective that a config names. steps: of the whole lift."""
    pairs = (config.t_start, config.t_end, config.tint_between)
    start, end, own_sky = ((float(pair[0]), float(pair[1])) for pair in pairs)
    schedule = TimestepSchedule(start, end, config.anneal_share)
    guidance = Guidance(prior, schedule, config.scale, steps, seed, config.one_noise)
    if config.objective == "sds":
        return ScoreDistillation(guidance)
    return MultiStepTarget(guidance, config.ddim_steps, config.reuse, config.stride, own_sky)

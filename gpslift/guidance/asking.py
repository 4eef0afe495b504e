"""How a frozen prior is asked what it thinks of a render: which timestep, which noise, which conditions."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from gpslift.conditioning.place import Place
from gpslift.guidance.timesteps import TimestepSchedule
from gpslift.priors.composition import Scales
from gpslift.priors.condition import Condition
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.randomness import generator_for, normal_for_samples

UNGUIDED = Scales(1.0, 1.0)


@dataclass(frozen=True)
class Guidance:
    """A frozen prior and how it is asked. `steps`: of the whole lift. negative: a text of what is not to be seen.
    one_noise: the same noise on all pictures. ddim_steps: in which a picture is made of a noised one.

    known_texts: tokens of the batches of texts met so far: a lift's are the same at every step.
    """

    prior: PlaceDiffusionPipeline
    schedule: TimestepSchedule
    scales: Scales
    steps: int
    seed: int
    negative: str = ""
    one_noise: bool = False
    ddim_steps: int = 2
    known_texts: dict[tuple[str, ...], Tensor] = field(default_factory=dict, init=False, repr=False, compare=False)

    def latents(self, pictures: Tensor) -> Tensor:
        """Pictures [B, 3, H, W] in [0, 1] of any size to the prior's latents; differentiable.

        In single precision at least, whatever the VAE computes in: in 16 bits a small gradient is nothing beside a
        latent, and the schedule's first noises are none.
        """
        latents = self.prior.to_latents(resized(pictures, self.prior.image_size))
        return latents.to(torch.promote_types(latents.dtype, torch.float32))

    def text_tokens(self, texts: Sequence[str]) -> Tensor:
        """Tokens [B, L, C] of B texts; the frozen text encoder is asked once for each batch of texts."""
        key = tuple(texts)
        if key not in self.known_texts:
            with torch.no_grad():
                self.known_texts[key] = self.prior.encode_text(texts)
        return self.known_texts[key]

    def timestep(self, step: int) -> Tensor:
        """The timestep of a step, one for its whole batch: a scalar tensor.

        Never one that leaves no signal at all, as the last of some noise schedules does: from the noise in it nothing
        can be told of the picture.
        """
        draw = float(torch.rand((), generator=generator_for(self.seed, "timestep", step)))
        alphas = self.prior.alphas_cumprod
        timestep = self.schedule.timestep(step / self.steps, draw, len(alphas))
        return torch.tensor(min(timestep, int(alphas.nonzero().max())))

    def weight(self, timestep: Tensor, latents: Tensor) -> Tensor:
        """w(t) = sigma_t^2, by which the paper and DreamFusion weigh timesteps: a scalar like the latents."""
        return 1 - self.prior.alphas_cumprod[timestep].to(latents)

    def branches(self, place: Place) -> Condition:
        """The conditions that guidance compares for these places; with equal scales text and place are dropped together
        (paper, eq. 7)."""
        told = self._complete(place)
        text = [self.prior.caption] * len(next(iter(told.values())))
        return self.prior.guidance_branches(text, told, self.scales, self.negative, self.text_tokens)

    def told(self, place: Place) -> Condition:
        """Text and place alone, with nothing to compare them with."""
        told = self._complete(place)
        text = [self.prior.caption] * len(next(iter(told.values())))
        return self.prior.guidance_branches(text, told, UNGUIDED, texts=self.text_tokens)

    def nothing(self, place: Place) -> Condition:
        """What guidance leads away from, neither text nor place, as often as there are places."""
        told = self.prior.place_encoder.nowhere(self._complete(place))
        return self.prior.guidance_branches(
            [""] * len(next(iter(told.values()))), told, UNGUIDED, texts=self.text_tokens
        )

    def noise(self, noisy: Tensor, timestep: Tensor, branches: Condition) -> Tensor:
        """Guided noise in `noisy` at one timestep. branches: of `branches`."""
        return self.prior.guided_noise(noisy, timestep.expand(len(noisy)), branches, self.scales)

    def unguided_noise(self, noisy: Tensor, timestep: Tensor, condition: Condition) -> Tensor:
        """Noise in `noisy` at one timestep under one condition: of `told` or `nothing`."""
        return self.prior.guided_noise(noisy, timestep.expand(len(noisy)), condition, UNGUIDED)

    def noised(self, latents: Tensor, timestep: Tensor, first: int) -> tuple[Tensor, Tensor]:
        """Latents with noise of the global samples from `first` on, or of sample 0 each, and that noise.

        The mean of one noise would make all pictures darker or all brighter, from target to target.
        """
        indices = [0] * len(latents) if self.one_noise else range(first, first + len(latents))
        noise = normal_for_samples(self.seed, "noise", indices, latents.shape[1:]).to(latents)
        if self.one_noise:
            noise = noise - noise.mean((2, 3), keepdim=True)
        return self.prior.add_noise(latents, noise, timestep.expand(len(latents))), noise

    def moved(self, noisy: Tensor, noise: Tensor, timestep: Tensor, to: Tensor) -> Tensor:
        """A DDIM step (Song et al. 2021, eq. 12), to less noise or to more: `noisy` at `timestep` taken to `to`."""
        count = len(noisy)
        clean = self.prior.predict_clean(noisy, noise, timestep.expand(count))
        return self.prior.add_noise(clean, noise, to.expand(count))

    def _complete(self, place: Place) -> Place:
        """The place with all inputs of the prior, on its device."""
        count = len(next(iter(place.values())))
        return self.prior.place_encoder.complete(place, count, self.prior.unet.device)


def resized(pictures: Tensor, size: int) -> Tensor:
    """Pictures [B, 3, H, W] at `size` x `size` pixels; differentiable."""
    if pictures.shape[-1] == size:
        return pictures
    return interpolate(pictures, (size, size), mode="bilinear", antialias=True)

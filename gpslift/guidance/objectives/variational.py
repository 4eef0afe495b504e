"""Variational score distillation: the prior's noise against that of a network that learns what renders look like."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from gpslift.cameras import Cameras
from gpslift.collectives import average_over_processes
from gpslift.conditioning.place import Place
from gpslift.guidance.adapters import UNetAdapters
from gpslift.guidance.asking import Guidance
from gpslift.guidance.objectives.clearing import NOT_CLEARED, Clearing
from gpslift.guidance.objectives.contract import Seen
from gpslift.guidance.objectives.gradient import Answer, GradientObjective
from gpslift.priors.condition import Condition
from gpslift.randomness import independent_for_samples, normal_for_samples

LOSS_SCALE = 2.0**16
"""The adapters' loss is multiplied by it and their gradients divided: a mean's would be nothing in 16 bits. Where they
are too large for these, it is halved."""


class VariationalDistillation(GradientObjective):
    """ProlificDreamer's loss (Wang et al. 2023, Algorithm 1): its gradient is sigma_t^2 [e_hat - e_phi].

    e_phi is the prior's U-Net with adapters that know the camera; each step they learn, by an AdamW of their own, to
    denoise the renders, in the terms that the U-Net predicts in. Their weights and the optimiser's state are the
    objective's. rank: of the adapters. lr: their learning rate. warmup: steps in which they only learn, as a share
    of the lift's; the gradient is score distillation's then: adapters that know no render hold nothing in its place,
    not even its sky.
    """

    def __init__(
        self, guidance: Guidance, rank: int, lr: float, warmup: float = 0.0, clearing: Clearing = NOT_CLEARED
    ) -> None:
        super().__init__(guidance, clearing)
        self.warmup, self.learnt, self.loss_scale = warmup, 0, LOSS_SCALE
        self.adapters = UNetAdapters(guidance.prior.unet, rank, guidance.seed)
        self.lr = lr
        self.optimizer = torch.optim.AdamW(self.adapters.parameters(), lr)

    def answer(self, latents: Tensor, timestep: Tensor, seen: Seen, place: Place, first: int) -> Answer:
        """The prior's noise beside that of the adapters, which learn from the same pictures; while these are new,
        beside the noise that was added. `seen` has the cameras."""
        if seen.cameras is None:
            raise ValueError("variational score distillation must know the cameras")
        guidance, told = self.guidance, self.guidance.told(place)
        noisy, compared = guidance.noised(latents, timestep, first)
        predicted = guidance.noise(noisy, timestep, guidance.branches(place))
        if self.learnt >= self.warmup * guidance.steps:
            with self.adapters.active(seen.cameras):
                compared = guidance.unguided_noise(noisy, timestep, told)
        loss = self.learn(latents, told, seen.cameras, first)
        return Answer(noisy, predicted, compared, {"adapter_loss": loss, "adapter_steps": float(self.learnt)})

    @torch.enable_grad()
    def learn(self, latents: Tensor, told: Condition, cameras: Cameras, first: int) -> float:
        """One optimiser step of the adapters on latents of the global samples from `first` on; returns their loss.

        Left out where the loss is no finite number.
        """
        guidance, prior = self.guidance, self.guidance.prior
        indices, steps = range(first, first + len(latents)), len(prior.alphas_cumprod)
        noise = normal_for_samples(guidance.seed, "adapter noise", indices, latents.shape[1:]).to(latents)
        share = independent_for_samples(guidance.seed, "adapter timestep", indices)  # of the azimuths, too
        timestep = (share * steps).long().to(latents.device)
        noisy = prior.add_noise(latents, noise, timestep)
        with self.adapters.active(cameras):
            raw = prior.predict_raw(noisy, timestep, told).to(latents.dtype)
            loss = mse_loss(raw, prior.raw_target(latents, noise, timestep))
            self.optimizer.zero_grad()
            (self.loss_scale * loss).backward()
        gradients = [parameter.grad for parameter in self.adapters.parameters() if parameter.grad is not None]
        for gradient in gradients:
            gradient /= self.loss_scale
        average_over_processes(gradients)
        if torch.isfinite(torch.nn.utils.get_total_norm(gradients)):
            self.optimizer.step()
            self.learnt += 1
        elif torch.isfinite(loss):
            self.loss_scale = max(self.loss_scale / 2, 1.0)
        return float(loss.detach())

    def state_dict(self) -> dict[str, Any]:
        """The adapters, their optimiser, the steps that they have learnt, and the scale of their loss."""
        adapters, optimizer = self.adapters.state_dict(), self.optimizer.state_dict()
        return {"adapters": adapters, "adapter_optimizer": optimizer, "learnt": self.learnt, "scale": self.loss_scale}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse. A lift that was resumed with another objective has fresh adapters."""
        if "adapters" in state:
            self.adapters.load_state_dict(state["adapters"])
            self.learnt, self.loss_scale = state["learnt"], state["scale"]
            self.optimizer.load_state_dict(state["adapter_optimizer"])
            for group in self.optimizer.param_groups:
                group["lr"] = self.lr  # a changed setting holds from here on

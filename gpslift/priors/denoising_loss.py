"""The denoising loss that a prior is trained by, on photos or on images of its base model."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gpslift.conditioning.place import Place
from gpslift.photos.augmentation import counted_in_latents
from gpslift.priors.condition import Texts
from gpslift.priors.diffusion_weights import min_snr_weight
from gpslift.priors.frozen import latent_moments
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.priors.sample_dropout import SampleDropout
from gpslift.randomness import normal_for_samples, uniform_for_samples
from gpslift.schema.image_prior import ImagePriorConfig


class DenoisingLoss(nn.Module):
    """Error of a prior's prediction, at noises and timesteps that follow from (seed, global sample index).

    texts: where text tokens come from. weights: of the loss, for each latent value [1, C, h, w]; none means that all
    count alike. dropouts: of the prior's U-Net, drawn here for each sample. It trains nothing itself: whoever calls it
    trains the prior.
    """

    weights: Tensor

    def __init__(
        self,
        prior: PlaceDiffusionPipeline,
        config: ImagePriorConfig,
        texts: Texts,
        weights: Tensor | None = None,
        dropouts: Sequence[SampleDropout] = (),
    ) -> None:
        super().__init__()
        self.prior, self.config, self.texts, self.dropouts = prior, config, texts, tuple(dropouts)
        self.register_buffer("weights", torch.ones(1) if weights is None else weights, persistent=False)

    def forward(self, batch: dict[str, Any], text: list[str], place: Place, draw: str = "") -> Tensor:
        """The loss of a batch of photos (see PhotoSet), told these texts and places.

        draw: starts the names of the random draws, so that held-out photos get others than training.
        """
        indices, seed = batch["index"].tolist(), self.config.seed
        clean = self.latents(batch)
        noise = normal_for_samples(seed, f"{draw}noise", indices, clean.shape[1:]).to(clean)
        steps = len(self.prior.alphas_cumprod)
        share = uniform_for_samples(seed, f"{draw}timestep", indices) ** (1 / self.config.optim.timestep_power)
        timestep = (share * steps).long().clamp_max(steps - 1).to(clean.device)
        noisy = self.prior.add_noise(clean, noise, timestep)
        for layer in self.dropouts if self.prior.unet.training else ():
            layer.draw(seed, draw, indices)
        prediction = self.prior.predict_raw(noisy, timestep, self.prior.condition(self.texts(text), place))
        prediction = prediction.to(torch.promote_types(prediction.dtype, torch.float32))
        counted = counted_in_latents(batch["counted"], clean.shape[2:]) if "counted" in batch else None
        return self.weighted_error(prediction, clean, noise, timestep, counted)

    def latents(self, batch: dict[str, Any]) -> Tensor:
        """Clean latents [B, C, h, w]: the VAE's mean or, with optim.sample_latents, draws from its distribution."""
        moments: Tensor | None = batch.get("latent")
        if moments is None:
            moments = latent_moments(self.prior, batch["image"], self.config.optim.sample_latents)
        if moments.shape[1] == 1:
            return moments[:, 0]
        mean, deviation = moments.unbind(1)
        draws = normal_for_samples(self.config.seed, "latent", batch["index"].tolist(), mean.shape[1:])
        return mean + deviation * draws.to(mean)

    def weighted_error(
        self, prediction: Tensor, clean: Tensor, noise: Tensor, timestep: Tensor, counted: Tensor | None = None
    ) -> Tensor:
        """Mean squared error, with Min-SNR weights. counted: which latent values [B, 1, h, w] the mean is of; all."""
        squares = self.weights * (prediction - self.prior.raw_target(clean, noise, timestep)).square()
        if counted is None:
            error = squares.mean((1, 2, 3))
        else:
            error = (squares * counted).mean((1, 2, 3)) / counted.mean((1, 2, 3)).clamp_min(1e-3)
        gamma = self.config.optim.min_snr_gamma
        if gamma == 0:
            return error.mean()
        velocity = self.prior.scheduler.config.prediction_type == "v_prediction"
        return (min_snr_weight(self.prior.alpha_at(timestep, clean).flatten(), gamma, velocity) * error).mean()

"""Training of a 2D prior on geotagged photos, and sampling from one. GPS and azimuth priors are this one system."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from diffusers.optimization import get_scheduler
from diffusers.training_utils import EMAModel
from torch import Tensor, nn

from gpslift.conditioning.dropout import draw_condition_dropout, drop_place, drop_text
from gpslift.conditioning.place import Place
from gpslift.priors.loading import RUN_SUBFOLDER, save_prior
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.priors.training import model_card, prior_from_photos
from gpslift.photos.camera_table import camera_table
from gpslift.photos.datamodule import PhotoDataModule
from gpslift.pictures import save_grid
from gpslift.geo.landmarks import load_landmark
from gpslift.randomness import generator_for, normal_for_samples, uniform_for_samples
from gpslift.runs import Run
from gpslift.schema import ImagePriorConfig
from systems.running import choose_device, fit, make_trainer, prepare, show_summary

PREVIEW_AZIMUTHS = [0.0, 45.0, 90.0, 135.0, 180.0, 225.0, 270.0, 315.0]


class ImagePriorSystem(pl.LightningModule):
    """Denoising training of a prior's U-Net, place encoder and, where it is trained with the prior, text encoder."""

    def __init__(self, prior: PlaceDiffusionPipeline, config: ImagePriorConfig, previews: Path) -> None:
        super().__init__()
        self.prior, self.config, self.previews = prior, config, previews
        trained = ["unet", "place_encoder"] + (["text_encoder"] if config.backbone.base == "compact" else [])
        self.networks = nn.ModuleDict({name: prior.networks[name].requires_grad_(name in trained) for name in prior.networks})
        self.average = EMAModel([p for p in self.networks.parameters() if p.requires_grad], decay=config.optim.ema_decay)

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """The weighted error of one batch; all randomness follows from (seed, global sample index)."""
        indices, seed = batch["index"].tolist(), self.config.seed
        clean = self.prior.to_latents(batch["image"])
        noise = normal_for_samples(seed, "noise", indices, clean.shape[1:]).to(clean)
        steps = len(self.prior.alphas_cumprod)
        timestep = (uniform_for_samples(seed, "timestep", indices) * steps).long().to(clean.device)
        condition = self.prior.encode_condition(*self._dropped(batch))
        noisy = self.prior.add_noise(clean, noise, timestep)
        prediction = self.prior.predict_raw(noisy, timestep, condition).float()
        loss = self._loss(prediction, clean, noise, timestep)
        self.log("loss", loss.detach(), prog_bar=True)
        return loss

    def _dropped(self, batch: dict[str, Any]) -> tuple[list[str], Place]:
        """Captions and places of a batch with some dropped, drawn from the batch's first sample index."""
        chances, count = self.config.dropout, len(batch["index"])
        generator = generator_for(self.config.seed, "dropout", int(batch["index"][0]))
        no_text, no_place = draw_condition_dropout(count, chances.text, chances.place, chances.both, generator)
        place = {name: batch[name] for name in self.prior.place_encoder.inputs}
        hidden = {"frame_width_m": self.config.place.drop_frame_width, "elevation_deg": self.config.place.drop_elevation}
        return drop_text(batch["caption"], no_text), drop_place(place, no_place, hidden, generator)

    def _loss(self, prediction: Tensor, clean: Tensor, noise: Tensor, timestep: Tensor) -> Tensor:
        """Mean squared error with Min-SNR weights (Hang et al. 2023, eq. 9): min(snr, gamma) / snr for noise,
        min(snr, gamma) / (snr + 1) for velocity."""
        alpha = self.prior.alphas_cumprod.to(clean.device)[timestep].view(-1, 1, 1, 1)
        velocity = self.prior.scheduler.config.prediction_type == "v_prediction"
        target = alpha.sqrt() * noise - (1 - alpha).sqrt() * clean if velocity else noise
        error = (prediction - target).square().mean((1, 2, 3))
        gamma = self.config.optim.min_snr_gamma
        if gamma == 0:
            return error.mean()
        snr = (alpha / (1 - alpha).clamp_min(1e-8)).flatten()
        weight = snr.clamp_max(gamma) / (snr + 1 if velocity else snr.clamp_min(1e-8))
        return (weight * error).mean()

    def configure_optimizers(self) -> Any:
        """AdamW with warm-up, then a cosine or a constant learning rate."""
        optim = self.config.optim
        trained = [parameter for parameter in self.networks.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=optim.lr, weight_decay=optim.weight_decay, betas=(0.9, 0.99))
        kind = "cosine" if optim.schedule == "cosine" else "constant_with_warmup"
        schedule = get_scheduler(kind, optimizer, num_warmup_steps=optim.warmup_steps, num_training_steps=optim.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """One step, then the moving average of the weights follows."""
        super().optimizer_step(*args, **kwargs)
        self.average.to(self.device)
        self.average.step(self._trained())
        if self.trainer.is_global_zero and self.trainer.global_step % self.config.log.preview_every_steps == 0:
            self.preview(self.trainer.global_step)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """The moving average goes into the checkpoint."""
        checkpoint["average"] = self.average.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """And comes back from it."""
        self.average.load_state_dict(checkpoint["average"])

    def use_average(self) -> None:
        """Puts the moving average in the weights' place, for good."""
        self.average.copy_to(self._trained())

    @torch.no_grad()
    def preview(self, step: int) -> None:
        """Eight azimuths from one noise, from the averaged weights, as a picture in the run's previews."""
        self.average.store(self._trained())
        self.use_average()
        self.networks.eval()
        scale = self.config.sample.guidance_scale_place
        generator = generator_for(self.config.seed, "preview")
        settings = {"steps": 20, "guidance_scale_text": scale, "guidance_scale_place": scale, "generator": generator}
        images = self.prior.sample({"azimuth_deg": PREVIEW_AZIMUTHS * 2}, 2 * len(PREVIEW_AZIMUTHS), **settings)
        save_grid(images, self.previews / f"step_{step:08d}.png", columns=len(PREVIEW_AZIMUTHS))
        self.networks.train()
        self.average.restore(self._trained())

    def _trained(self) -> list[nn.Parameter]:
        return [parameter for parameter in self.networks.parameters() if parameter.requires_grad]


def train(config: ImagePriorConfig, run: Run) -> None:
    """Reads the photos, trains the prior, and saves it into the run's `prior` folder."""
    prepare(config)
    landmark = load_landmark(config.landmark)
    optim = config.optim
    photos = PhotoDataModule(config.data, landmark, config.backbone.image_size, optim.batch_size, config.seed, optim.accumulate)
    print(photos.manifest.report.text())
    prior = prior_from_photos(config, photos.photos("generator"), choose_device(config))
    system = ImagePriorSystem(prior, config, run.previews)
    trainer = make_trainer(
        config,
        run,
        max_steps=optim.steps,
        learning_rate=optim.lr,
        description=f"prior of {landmark.title}",
        accumulate=optim.accumulate,
        gradient_clip=optim.gradient_clip,
    )
    fit(trainer, system, photos, run)
    system.use_average()
    folder = run.folder / RUN_SUBFOLDER
    save_prior(prior, folder, camera_table(photos.manifest), model_card(config, landmark, len(photos.photos("generator"))))
    show_summary(run, {"prior": folder, "next": f"python launch.py --config configs/{config.landmark}.yaml --train prior.path={run.folder}"})

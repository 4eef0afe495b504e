"""The system that trains a 2D prior on geotagged photos. GPS and azimuth priors are this one system."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from diffusers.optimization import get_scheduler
from diffusers.training_utils import EMAModel
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh

from gpslift.conditioning.dropout import draw_condition_dropout, draw_input_dropout, drop_place, drop_text
from gpslift.conditioning.place import Place
from gpslift.photos.augmentation import augment
from gpslift.photos.dataset import PhotoSet, spread_draws
from gpslift.priors.condition import Texts
from gpslift.priors.denoising_loss import DenoisingLoss
from gpslift.priors.finetuning import is_trained, prepare_networks
from gpslift.priors.frozen import frozen_texts
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.priors.preservation import Preservation
from gpslift.priors.sample_dropout import add_dropout
from gpslift.randomness import generator_for
from gpslift.schema.image_prior import ImagePriorConfig
from systems.best_average import BestAverage
from systems.optimizers import make_optimizer
from systems.previews import Preview, azimuth_preview
from systems.sharding import parts_like, shard, take_apart, whole_for_file
from systems.step_mean import StepMean

HELD_OUT_PHOTOS = 256
HELD_OUT_DRAWS = 128
"""Fewer photos than this are each looked at with several noises, so that their loss says something."""


class ImagePriorSystem(pl.LightningModule):
    """Denoising training of a prior's U-Net, place encoder and, where it is trained with the prior, text encoder.

    previews: the folder for preview pictures. held_out: photos of the test part, whose loss is logged beside them.
    weights, texts: see `DenoisingLoss`; text tokens are by default the prior's text encoder's. shown: in previews; by
    default a landmark from eight sides.
    preservation: images of the base model to train on beside the photos.
    """

    def __init__(
        self,
        prior: PlaceDiffusionPipeline,
        config: ImagePriorConfig,
        previews: Path,
        held_out: PhotoSet | None = None,
        weights: Tensor | None = None,
        shown: Preview | None = None,
        texts: Texts | None = None,
        preservation: Preservation | None = None,
    ) -> None:
        super().__init__()
        self.prior, self.config, self.previews, self.held_out = prior, config, previews, held_out
        self.shown = shown or azimuth_preview([prior.caption] * 2)
        self.preservation = preservation
        prepare_networks(prior, config)
        texts = texts or (prior.encode_text if config.prior.base == "compact" else frozen_texts(prior))
        dropouts = add_dropout(prior.unet, config.backbone.dropout) if config.backbone.dropout > 0 else []
        self.denoising_loss = DenoisingLoss(prior, config, texts, weights, dropouts)
        self.networks = nn.ModuleDict(prior.networks)
        self._set_training()
        self.average = EMAModel(self._trained(), decay=config.optim.ema_decay)
        self.best = BestAverage(max(config.optim.patience, 0))
        self.shared = False
        self._clock, self._clock_step, self._previewed = 0.0, 0, 0
        self._of_step = {name: StepMean() for name in ("loss", "preservation_loss")}

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """The weighted error of one micro-batch; all randomness follows from (seed, global sample index)."""
        if self.config.data.augment > 0:
            batch = augment(batch, self.config.data.augment, self.config.seed)
        loss = self.denoising_loss(batch, *self._dropped(batch))
        self.log("loss", self._of_step["loss"](loss, self.global_step), prog_bar=True)
        if self.preservation is None or not self.config.optim.preservation_weight:
            return loss
        preservation_loss = self.preservation_loss(batch["index"].tolist())
        self.log("preservation_loss", self._of_step["preservation_loss"](preservation_loss, self.global_step))
        return loss + self.config.optim.preservation_weight * preservation_loss

    def preservation_loss(self, indices: list[int]) -> Tensor:
        """Error on images of the base model, one for each global sample index, with their texts and no place."""
        assert self.preservation is not None
        batch = self.transfer_batch_to_device(self.preservation.batch(indices), self.device, 0)
        nowhere = self.prior.place_encoder.complete({}, len(indices), self.device)
        return self.denoising_loss(batch, batch["caption"], nowhere, "preservation ")

    def _dropped(self, batch: dict[str, Any]) -> tuple[list[str], Place]:
        """Captions and places of a micro-batch with some dropped.

        Drawn for the optimiser step's whole batch, of which this is a slice, so that the number of slices and ranks
        changes nothing.
        """
        chances, step_size = self.config.dropout, self.config.optim.batch_size
        index = batch["index"].cpu()
        first = int(index[0]) // step_size * step_size
        generator = generator_for(self.config.seed, "dropout", first)
        no_text, no_place = draw_condition_dropout(step_size, chances.text, chances.place, chances.both, generator)
        encoder, tells = self.prior.place_encoder, self.config.place
        place = {name: batch[name] for name in encoder.inputs}
        chance = {"frame_width_m": tells.drop_frame_width, "elevation_deg": tells.drop_elevation}
        hidden = draw_input_dropout(step_size, list(place), chance, generator)
        rows = index - first
        hidden |= {name: hidden[name] | no_place for name in encoder.dropped_inputs}
        gone = {name: mask[rows] for name, mask in hidden.items()}
        return drop_text(batch["caption"], no_text[rows]), drop_place(place, gone)

    def configure_optimizers(self) -> Any:
        """The optimiser with warm-up, then a cosine or a constant learning rate."""
        optim = self.config.optim
        dtype = torch.bfloat16 if self.trainer.precision == "bf16-mixed" else torch.float32
        optimizer = make_optimizer(self.prior.networks, optim, dtype)
        kind = "cosine" if optim.schedule == "cosine" else "constant_with_warmup"
        schedule = get_scheduler(kind, optimizer, num_warmup_steps=optim.warmup_steps, num_training_steps=optim.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """One step, then the moving average of the weights follows: every later hook sees both at the same step."""
        super().optimizer_step(*args, **kwargs)
        self.average.to(self.device)
        self.average.step(self._trained())

    def on_train_start(self) -> None:
        """The step that training starts from is not one that it has done; and where patience had ended it, it ends."""
        self._clock, self._clock_step = 0.0, self.trainer.global_step
        if self.best.exhausted:
            self.trainer.should_stop = True
            if self.trainer.is_global_zero:
                print(
                    f"nothing to train: the held-out loss has been no lower {self.best.stale} times in a row; raise "
                    "optim.patience to go on"
                )

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Before each optimiser step: a preview, if one is due."""
        self.preview_if_due()

    def on_train_end(self) -> None:
        """And after the last one."""
        self.preview_if_due()

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """After each optimiser step: the speed, and the held-out loss now and then, or where it decides."""
        step = self.trainer.global_step
        if step == self._clock_step:  # between the micro-batches of a step
            return
        if self._clock:
            seconds = max(time.monotonic() - self._clock, 1e-9)
            self.log("images_per_s", self.config.optim.batch_size / seconds, prog_bar=True)
        optim = self.config.optim  # while the learning rate warms up, no progress says nothing
        decides = self.best.patience > 0 and step >= optim.warmup_steps and step % optim.held_out_every_steps == 0
        looks = step % self.config.log.preview_every_steps == 0
        loss = self.log_held_out_loss(step) if (decides or looks) and self.computes else None
        if decides:
            self.choose_best(loss, step)
        self._clock, self._clock_step = time.monotonic(), step

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """The moving average goes into the checkpoint; frozen weights do not, as the base model has them."""
        checkpoint["average"] = whole_for_file(self.average.state_dict())
        if self.best.patience:
            checkpoint["best"] = whole_for_file(self.best.state_dict())
        for name in self._frozen():
            checkpoint["state_dict"].pop(name, None)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """And comes back from it; frozen weights stay as they are. Micro-batches count as they are cut now."""
        batches = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]["current"]
        batches.update(dict.fromkeys(batches, checkpoint["global_step"] * self.trainer.accumulate_grad_batches))
        checkpoint["state_dict"] = self._frozen() | checkpoint["state_dict"]
        self.average.load_state_dict(checkpoint["average"])
        self.average.decay = self.config.optim.ema_decay  # a changed setting holds from here on
        if self.best.patience and "best" in checkpoint:
            self.best.load_state_dict(checkpoint["best"])

    def share_out(self, mesh: DeviceMesh) -> None:
        """Keeps this process's part of the trained weights and of their averages alone (`systems.sharding`)."""
        shard(self.networks, mesh)
        self.average.shadow_params = parts_like(self.average.shadow_params, self._trained())
        if self.best.weights:
            self.best.weights = parts_like(self.best.weights, self._trained())
        self.shared = True

    def use_average(self) -> None:
        """Puts the moving average, or the best one that was met, in the weights' place, for good."""
        self.average.copy_to(self._trained())
        self.best.put_into(self._trained())

    def choose_best(self, loss: float | None, step: int) -> None:
        """Keeps the averaged weights if their held-out loss is the lowest; ends training when it has long not been.

        loss: known to the first process, which decides for all, and to those with which it shares the weights.
        """
        if self.shared:
            loss = self.trainer.strategy.broadcast(loss)
        if loss is not None:
            self.best.offer(loss, step, self.average.shadow_params)
        if self.trainer.strategy.broadcast(self.best.exhausted):
            self.trainer.should_stop = True

    def log_held_out_loss(self, step: int) -> float | None:
        """Logs `held_out_loss` of the held-out photos in the row of this step and returns it; None without photos."""
        if self.held_out is None or not len(self.held_out):
            return None
        loss = self.held_out_loss(self.held_out)
        self.log("held_out_loss", loss, prog_bar=True, logger=False)  # Lightning would repeat it in all later rows
        for logger in self.loggers:
            logger.log_metrics({"held_out_loss": loss}, step)
        return loss

    def held_out_loss(self, photos: PhotoSet) -> float:
        """The averaged weights' loss on at most HELD_OUT_PHOTOS photos, with nothing dropped, always the same noise.

        Lightning's own validation loop is not used: after a resume it counts one batch too many, so that it would run
        at other steps.
        """
        draws = spread_draws(len(photos), HELD_OUT_PHOTOS, HELD_OUT_DRAWS)
        slices = self.trainer.accumulate_grad_batches * self.trainer.world_size  # one of them fits the memory
        total, size = 0.0, max(1, self.config.optim.batch_size // slices)
        with self.averaged():
            for start in range(0, len(draws), size):
                batch = photos[draws[start : start + size]]
                batch = self.transfer_batch_to_device(batch, self.device, 0)
                place = {name: batch[name] for name in self.prior.place_encoder.inputs}
                loss = self.denoising_loss(batch, batch["caption"], place, "held out ")
                total += float(loss) * len(batch["caption"])
        return total / len(draws)

    @property
    def computes(self) -> bool:
        """Whether this process looks at the averaged weights: the first one, or all where they share the weights."""
        return self.trainer.is_global_zero or self.shared

    def preview_if_due(self) -> None:
        """Now and then, when the checkpoint of the steps done is saved: a preview may be the first to fail."""
        step = self.trainer.global_step
        if step == self._previewed or step % self.config.log.preview_every_steps or not self.computes:
            return
        self.preview(step)
        self._previewed, self._clock = step, time.monotonic()

    def preview(self, step: int) -> None:
        """A picture of the averaged weights' images in the folder of previews."""
        with self.averaged():
            picture = self.shown.images(self.prior, self.config)
        if self.trainer.is_global_zero:
            self.shown.save(picture, self.previews / f"step_{step:08d}.png")

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within it, the networks are the averaged ones, without gradients, in the training's number format."""
        self.average.store(self._trained())
        self.average.copy_to(self._trained())
        self.networks.eval()
        try:
            with torch.no_grad(), self.trainer.precision_plugin.forward_context():
                yield
        finally:
            take_apart(self.networks)
            self.average.restore(self._trained())
            self._set_training()

    def _set_training(self) -> None:
        """Puts the trained networks into training mode, the frozen ones into evaluation mode."""
        for network in self.networks.values():
            network.train(is_trained(network))

    def _trained(self) -> list[nn.Parameter]:
        return [parameter for parameter in self.networks.parameters() if parameter.requires_grad]

    def _frozen(self) -> dict[str, Tensor]:
        """The frozen weights, named as in a checkpoint."""
        named = self.networks.named_parameters(prefix="networks")
        return {name: parameter.detach() for name, parameter in named if not parameter.requires_grad}

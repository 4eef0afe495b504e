"""What a lift and its refinement share: the prior and its cameras, the objective, previews, the way to the end."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from gpslift.cameras import Cameras
from gpslift.errors import UserError
from gpslift.export.views import framing_cameras
from gpslift.geo.landmarks import Landmark
from gpslift.geo.own_landmark import is_landmark_file
from gpslift.guidance.objectives import Objective, build_objective
from gpslift.guidance.viewpoints import ViewpointSampler, assumed_cameras
from gpslift.pictures import save_grid
from gpslift.priors.loading import load_cameras, load_prior, shipped_prior
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.priors.plain import is_plain_model, load_plain_model
from gpslift.priors.subject import subject_unlike
from gpslift.ranks import is_first_process
from gpslift.runs import Run, next_command
from gpslift.schema.lift import LiftConfig, LiftOptimConfig
from gpslift.schema.refine import RefineConfig, RefineOptimConfig
from gpslift.storage import short_path
from renderers.render import Picture
from systems.devices import choose_device, choose_devices, choose_precision, number_format
from systems.loggers import check_trackers
from systems.running import Steps, fit, make_trainer, show_summary

PREVIEW_AZIMUTHS = [0.0, 60.0, 120.0, 180.0, 240.0, 300.0]
PREVIEW_SIZE = 96


class DistillationSystem(pl.LightningModule):
    """Score distillation of one landmark into what a subclass renders.

    The prior is frozen and is no part of the checkpoint. table: the cameras that its photos were taken with.
    """

    def __init__(
        self,
        config: LiftConfig | RefineConfig,
        landmark: Landmark,
        prior: PlaceDiffusionPipeline,
        table: dict[str, Tensor],
        previews: Path,
    ) -> None:
        super().__init__()
        self.landmark, self.previews = landmark, previews
        self.preview_every_steps, self.log_every_steps = config.log.preview_every_steps, config.log.every_steps
        self.figures: dict[str, Tensor | float] = {}
        self.objective = build_objective(config.guidance, prior, config.optim.steps, config.seed)
        self.view_settings = {
            "seed": config.seed,
            "reuse": self.objective.reuse,
            "optim": asdict(config.optim),
            "cameras": asdict(config.cameras),
        }
        """What the views of a step follow from."""
        low, high = config.cameras.azimuth
        self.viewpoints = ViewpointSampler(
            landmark,
            table,
            (low, high),
            config.cameras.even_elevation,
            config.cameras.aim_jitter,
            config.guidance.place,
            config.seed,
        )

    def render(self, cameras: Cameras) -> Picture:
        """Pictures with normals from CPU cameras, without gradients and with bounded memory."""
        raise NotImplementedError

    def train_dataloader(self) -> Steps:
        """Nothing but the steps: score distillation has no data."""
        return Steps()

    def note(self, guide: Tensor, figures: dict[str, Tensor | float]) -> None:
        """The objective's loss, for the progress bar, too, and other figures: this step's row in the metrics."""
        self.log("guide", guide.detach(), prog_bar=True, logger=False)
        self.figures = {"guide": guide.detach(), **figures}

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """A preview now and then, when the checkpoint of the steps done is saved: it may be the first to fail."""
        if self.trainer.is_global_zero and self.global_step and self.global_step % self.preview_every_steps == 0:
            self.preview(self.global_step)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """A row of figures now and then.

        By Lightning's `log`, the figures of a stage that has ended would be repeated in all later rows.
        """
        if self.global_step % self.log_every_steps == 0 or self.trainer.should_stop:
            for logger in self.loggers:
                logger.log_metrics({name: float(figure) for name, figure in self.figures.items()}, self.global_step)

    def objectives(self) -> dict[str, Objective]:
        """All objectives that steps follow, by the names under which checkpoints keep their states."""
        return {"shape": self.objective}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """The objectives' states go with what is rendered."""
        states = {name: objective.state_dict() for name, objective in self.objectives().items()}
        checkpoint["objectives"], checkpoint["views"] = states, self.view_settings

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """And come back with it; but no target for other views than those to come, if settings have changed."""
        if "objectives" not in checkpoint:
            raise UserError(
                "the checkpoint is of an earlier version of gpslift, which cannot be gone on from; start anew"
            )
        other = checkpoint["views"] != self.view_settings
        for name, objective in self.objectives().items():
            state = checkpoint["objectives"].get(name, {})
            kept = {key: value for key, value in state.items() if not (other and key == "target")}
            objective.load_state_dict(kept)

    def preview(self, step: int) -> None:
        """Colour above normals from six sides, as a picture in the run's previews."""
        low, high = self.landmark.box_min, self.landmark.box_max
        picture = self.render(framing_cameras(low, high, PREVIEW_AZIMUTHS, 5.0, PREVIEW_SIZE))
        assert picture.normal is not None
        normal = (picture.normal + 1) / 2 * picture.opacity[..., None]
        both = torch.cat([picture.color, normal]).permute(0, 3, 1, 2)
        save_grid(both, self.previews / f"step_{step:08d}.png", columns=len(PREVIEW_AZIMUTHS))


def distil(
    system: DistillationSystem,
    config: LiftConfig | RefineConfig,
    run: Run,
    *,
    description: str,
    remedies: str,
    shares: int = 1,
) -> None:
    """Trains a system to its last step, and says how to export it.

    remedies: what to do about too little memory. shares: as of `make_trainer`.
    """
    trainer = make_trainer(
        config,
        run,
        max_steps=config.optim.steps,
        learning_rate=config.optim.lr,
        description=description,
        gradient_clip=config.optim.gradient_clip,
        shares=shares,
    )
    fit(trainer, system, None, run, remedies)
    if not is_first_process():
        return
    system.to(choose_device(config))
    system.preview(trainer.global_step)
    own = ["--config", short_path(run.config), "--export", f"export.run={short_path(run.folder)}"]
    show_summary(run, {"next": next_command(*own)})


def check_first(config: LiftConfig | RefineConfig, shares: int = 1) -> None:
    """Raises UserError for what is not on this computer, before a prior is loaded, which may take a download.

    shares: as of `make_trainer`.
    """
    choose_precision(config)
    choose_devices(config, shares)
    check_trackers(config)


def prior_of(config: LiftConfig | RefineConfig) -> str:
    """Where the prior is: `prior.path`, else the one that ships for the landmark. Raises UserError without either."""
    if config.prior.path:
        return config.prior.path
    if shipped := shipped_prior(config.landmark):
        return str(shipped)
    own = is_landmark_file(config.landmark)
    trainer = "configs/angle2img_own_landmark.yaml" if own else "configs/angle2img_statue_of_liberty.yaml"
    raise UserError(
        f"prior.path is empty, and no prior of landmark={config.landmark} ships; set prior.path to a prior's folder "
        f"or to a run folder of {'' if own else 'a config such as '}{trainer}"
    )


def load_prior_and_cameras(
    config: LiftConfig | RefineConfig, landmark: Landmark, device: torch.device
) -> tuple[PlaceDiffusionPipeline, dict[str, Tensor]]:
    """The prior of a landmark, and the cameras of its photos; of a plain model, which has none, assumed ones.

    The U-Net's weights are in the number format that it computes in: autocast would convert them anew at every call.
    """
    path = prior_of(config)
    if config.guidance.place == "text" and is_plain_model(path):
        prior, table = load_plain_model(path, landmark.caption, device), assumed_cameras(landmark)
    else:
        prior = load_prior(path, device)
        check_subject(config, prior, landmark)
        table = load_cameras(path)
    nn.Module.to(prior.unet, number_format(config))  # diffusers' own `to` warns of what does not concern us
    return prior, table


def check_subject(config: LiftConfig | RefineConfig, prior: PlaceDiffusionPipeline, landmark: Landmark) -> None:
    """Raises UserError for a prior of a city, or of another landmark, which would be lifted into this one's box."""
    if prior.place_kind == "gps":
        raise UserError(
            f"prior.path={prior_of(config)} is the prior of a city, {prior.place_encoder.city.title}, which knows no "
            f"sides of a landmark; set prior.path to a prior of landmark={config.landmark}"
        )
    if other := subject_unlike(prior, landmark, f"landmark={config.landmark}"):
        raise UserError(f"prior.path={prior_of(config)}: {other}; set prior.path to a prior of it, or another landmark")


def falling_adam(
    parameters: Iterable[nn.Parameter],
    optim: LiftOptimConfig | RefineOptimConfig,
    last: tuple[int, float] | None = None,
) -> dict[str, Any]:
    """Adam with a learning rate that falls exponentially to its end share.

    last: a step, and the constant share of the first rate that it has from there on.
    """
    optimizer = torch.optim.Adam(parameters, lr=optim.lr, betas=(0.9, 0.99), eps=1e-15)
    decay = max(optim.lr_end_share, 1e-6) ** (1 / optim.steps)

    def share(step: int) -> float:
        return last[1] if last and step >= last[0] else decay**step

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def rays_on(cameras: Cameras, device: torch.device) -> tuple[Tensor, Tensor]:
    """Origins and directions [B, H, W, 3] of the cameras' rays, on a device."""
    origins, directions = cameras.rays()
    return origins.to(device), directions.to(device)

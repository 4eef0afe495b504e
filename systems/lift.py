"""Lifting: a NeRF that from every side looks as a frozen azimuth-conditioned prior says. It never sees a photo."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gpslift.cameras import Cameras
from gpslift.collectives import rank, world_size
from gpslift.conditioning.place import Place
from gpslift.export import export_landmark
from gpslift.export.georeference import remarks_on_height
from gpslift.geo.landmarks import Landmark, load_landmark
from gpslift.guidance.objectives import Objective, Seen, interleaved
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.randomness import normal_for_samples
from gpslift.ranks import is_first_process
from gpslift.runs import Run, chosen_run
from gpslift.schema.lift import LiftConfig
from gpslift.storage import short_path
from renderers.decided import decided
from renderers.render import Picture, Render
from renderers.shading import Lights, draw_lights
from systems.devices import prepare
from systems.distillation import (
    DistillationSystem,
    check_first,
    distil,
    falling_adam,
    load_prior_and_cameras,
    prior_of,
    rays_on,
)
from systems.lifted import build_renderer, landmark_to_export, load_lifted
from systems.memory import lift_remedies
from systems.regularisers import Regularisers, grown
from systems.stages import Stage, stages_of

NORMAL_SAMPLES = 4096


@dataclass(frozen=True)
class StepView:
    """What a step looks at: cameras, the number of the `first` of them in the whole run, and what was drawn for them.

    origins, directions: rays [B, H, W, 3]. tint: [B, 3, 1, 1]. drawn: what the renderer draws by, `jitter`,
    `first_image` and `lights`.
    """

    first: int
    cameras: Cameras
    place: Place
    origins: Tensor
    directions: Tensor
    tint: Tensor
    drawn: dict[str, Any]


class LiftSystem(DistillationSystem):
    """Score distillation into a NeRF."""

    def __init__(
        self,
        config: LiftConfig,
        landmark: Landmark,
        prior: PlaceDiffusionPipeline,
        table: dict[str, Tensor],
        previews: Path,
    ) -> None:
        super().__init__(config, landmark, prior, table, previews)
        self.config = config
        self.renderer = build_renderer(config, landmark)
        span = math.dist(landmark.box_min, landmark.box_max)
        self.regularisers = Regularisers(config.losses, step_length=self.renderer.step_length, span=span)
        self.stages = stages_of(config, self.objective, self.viewpoints, prior)
        self.view_settings["stages"] = [(stage.start, stage.objective.reuse) for stage in self.stages]

    def objectives(self) -> dict[str, Objective]:
        """See DistillationSystem: one a stage."""
        return {stage.name: stage.objective for stage in self.stages}

    def training_step(self, batch: int, batch_idx: int) -> Tensor:
        """Renders the step's cameras, asks the prior, adds the regularisers."""
        step = self.global_step
        objective, view = self.stage_of(step).objective, self.view(step)
        self.renderer.update(step, self.config.optim.steps)
        if objective.needs_pictures(step):
            with torch.no_grad():
                whole = self.renderer(view.origins, view.directions, **view.drawn)
            objective.look(seen(self.shown(whole, step), view.tint, view.cameras), view.place, step, view.first)
        rows, columns = interleaved(step, objective.stride)
        share = step / self.config.optim.steps
        render = self.renderer(
            view.origins[:, rows, columns],
            view.directions[:, rows, columns],
            normals="sampled" if self.regularisers.weight("orientation", share) > 0 else "none",
            normal_samples=NORMAL_SAMPLES // world_size(),
            **view.drawn,
        )
        judged = render if objective.makes_pictures else self.shown(render, step)
        loss, figures = objective(seen(judged, view.tint, view.cameras), view.place, step, view.first)
        regular, terms = self.regularisers(render, share)
        counts = {"opacity": render.opacity.detach().mean(), "samples": len(render.samples)}
        self.note(loss, {**figures, **terms, **counts})
        return loss + regular

    def view(self, step: int) -> StepView:
        """This process's share of what a step looks at; steps that share a target share all but the jitter."""
        count = self.config.optim.batch_size // world_size()
        stage = self.stage_of(step)
        turn = step // stage.objective.reuse
        first, target_step = turn * self.config.optim.batch_size + rank() * count, turn * stage.objective.reuse
        views = stage.viewpoints.draw(first, count, self.render_size(target_step))
        origins, directions = rays_on(views.cameras, self.device)
        lights = self.lights(origins, target_step, first)
        drawn = {"jitter": (self.config.seed, step), "first_image": first, "lights": lights}
        return StepView(first, views.cameras, views.place, origins, directions, self.tint(target_step, first), drawn)

    def stage_of(self, step: int) -> Stage:
        """The stage that a step belongs to."""
        return next(stage for stage in reversed(self.stages) if step >= stage.start)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Holds what is done being learnt. Without a gradient Adam leaves a parameter as it is.

        The shape, where only colours are learnt; and from the first steps up to there the sky. At either end the noise
        hides what is shown and the prior's skies are its own. Between them it gives back what it is shown, a little
        nearer to the mean of all, and over a landmark as flat as Stonehenge the sky took on the colour of the ground
        within twenty steps.
        """
        step, config = self.global_step, self.config
        stage = self.stage_of(step)
        if stage.colors:
            _hold(self.renderer.field.shape_parameters())
        elif step >= config.optim.sky_share * config.optim.steps:
            _hold(self.renderer.background.sky_parameters())

    def shown(self, render: Render, step: int) -> Render:
        """What the prior is shown of a render: undecided pictures more solid, from `guidance.decided_from` on.

        Not in the first steps, in which there is no thing yet that could be solid. The regularisers part matter into
        solid and clear as they grow, and so the more is asked of a picture that is shown as it is. An objective that
        makes pictures compares them with the render as it is; another one's gradient goes through what was shown.
        """
        guidance, share = self.config.guidance, step / self.config.optim.steps
        if share < guidance.decided_from:
            return render
        late = grown(tuple(self.config.losses.ramp), share)
        low, high = (a + late * (b - a) for a, b in zip(guidance.decided, guidance.decided_end, strict=True))
        return decided(render, (low, high))

    def tint(self, step: int, first: int) -> Tensor:
        """What is added to the colour of all that is behind the object, [B, 3, 1, 1], by step and global samples.

        Matter that copies the sky would hide it, and is wrong in every picture then. Not from the first steps on: as
        long as there is no object, hiding the tint in haze is easier than making one. Nor up to the last: the light on
        an object follows its sky, and to let the tint through is one way to say so, which dissolved good priors' lifts.
        """
        guidance, optim = self.config.guidance, self.config.optim
        count, shape = optim.batch_size // world_size(), (3, 1, 1)
        first_share, last_share = guidance.tint_between
        if not self.stage_of(step).objective.makes_pictures or not first_share <= step / optim.steps < last_share:
            return torch.zeros(count, *shape, device=self.device)
        indices = range(first, first + count)
        return guidance.tint * normal_for_samples(self.config.seed, "tint", indices, shape).to(self.device)

    def lights(self, origins: Tensor, step: int, first: int) -> Lights | None:
        """Light on the views from origins [B, H, W, 3], by step and global samples; None if they show the albedo."""
        shading = self.config.shading
        if step / self.config.optim.steps < shading.start:
            return None
        return draw_lights(
            origins[:, 0, 0],
            self.renderer.field.middle,
            seed=self.config.seed,
            first=first,
            probability=shading.probability,
            textureless=shading.textureless,
            ambient=shading.ambient,
            spread=shading.spread,
        )

    def render_size(self, step: int) -> int:
        """Side of the rendered pictures at a step, pixels: coarse to fine."""
        optim = self.config.optim
        reached = [
            size
            for size, share in zip(optim.resolutions, optim.resolution_steps, strict=True)
            if step >= share * optim.steps
        ]
        return reached[-1]

    def configure_optimizers(self) -> Any:
        """Adam with a learning rate that falls exponentially to its end share; of colours alone it is constant."""
        last = self.stages[-1]
        then = (last.start, self.config.coloring.lr_share) if last.colors else None
        return falling_adam(self.renderer.parameters(), self.config.optim, then)

    def render(self, cameras: Cameras) -> Picture:
        """See DistillationSystem."""
        return self.renderer.render_image(*rays_on(cameras, self.device), normals=True)


def _hold(parameters: Iterable[nn.Parameter]) -> None:
    for parameter in parameters:
        parameter.grad = None


def seen(render: Render, tint: Tensor, cameras: Cameras | None = None) -> Seen:
    """The pictures, from these cameras, with the tint [B, 3, 1, 1] on what is behind the object."""
    clear = (1 - render.opacity)[:, None]
    color, background = (picture.permute(0, 3, 1, 2) for picture in (render.color, render.background))
    tinted = clear * tint
    return Seen(color + tinted, clear, cameras, hazed=background + tinted)


def train(config: LiftConfig, run: Run) -> None:
    """Lifts the landmark from the prior."""
    device = prepare(config)
    check_first(config, config.optim.batch_size)
    landmark = load_landmark(config.landmark)
    prior, table = load_prior_and_cameras(config, landmark, device)
    system = LiftSystem(config, landmark, prior, table, run.previews)
    if is_first_process():
        if warning := too_large_for(prior, config):
            print(f"warning: {warning}")
        print(f"hash grid: {system.renderer.engine_reason}")
    distil(
        system,
        config,
        run,
        description=f"lifting {landmark.title}",
        remedies=lift_remedies(config),
        shares=config.optim.batch_size,
    )


def too_large_for(prior: PlaceDiffusionPipeline, config: LiftConfig) -> str:
    """What to say of renders larger than the prior's pictures, to which size they are made smaller for it, or ''."""
    largest, own = max(config.optim.resolutions), prior.image_size
    if largest <= own:
        return ""
    return (
        f"optim.resolutions reaches {largest} pixels, but the prior in {prior_of(config)} sees {own} alone; "
        f"set prior.path to a prior of larger pictures, or optim.resolutions to at most {own}"
    )


def export(config: LiftConfig) -> None:
    """Writes mesh, georeference and pictures of a run (by default the last of this config) into its export folder."""
    prepare(config)
    run = chosen_run(config.export.run, config.output, config.name)
    print(f"exporting {short_path(run.folder)}")
    lifted = load_lifted(run, config.device)
    landmark = landmark_to_export(lifted.config.landmark, config.landmark)
    report = export_landmark(
        lifted.density, lifted.color, lifted.render, landmark, config.export, run.export, lifted.render_normals
    )
    print("\n".join([*report.summary(), *remarks_on_height(landmark)]))

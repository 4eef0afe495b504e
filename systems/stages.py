"""The stages of a lift: first the shape, then a finish by another objective, at last the colours alone."""

from dataclasses import dataclass, replace

from gpslift.guidance.objectives import Objective, build_objective
from gpslift.guidance.suited import finish_share
from gpslift.guidance.viewpoints import ViewpointSampler
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.schema.lift import LiftConfig, LiftGuidanceConfig


@dataclass(frozen=True)
class Stage:
    """What the steps from `start` on follow, up to the next stage: an objective, and from where it is shown the scene.

    name: shape, finish or colors. In the last the shape is held, and colours alone are learnt.
    """

    name: str
    start: int
    objective: Objective
    viewpoints: ViewpointSampler

    @property
    def colors(self) -> bool:
        """Whether colours alone are learnt."""
        return self.name == "colors"


def stages_of(
    config: LiftConfig, objective: Objective, viewpoints: ViewpointSampler, prior: PlaceDiffusionPipeline
) -> tuple[Stage, ...]:
    """The stages that have steps, in their order. None starts between steps that share a target.

    A shape that has a finish is learnt from frames that hold all of it, and closer ones come when it is there: what is
    outside of those was seen too seldom, and came out too large.
    """
    steps, colored = config.optim.steps, config.coloring.share
    finished = finish_share(config)
    finished_from = _next_target((1 - finished - colored) * steps, objective.reuse)
    colored_from = _next_target((1 - colored) * steps, config.guidance.reuse)
    finishes = finished > 0 and finished_from < colored_from  # the two may share targets by different numbers of steps
    stages = [Stage("shape", 0, objective, viewpoints.of_the_whole() if finishes else viewpoints)]
    if finishes:
        finish = build_objective(asked_for_finish(config), prior, steps, config.seed)
        stages.append(Stage("finish", finished_from, finish, viewpoints))
    if colored_from < steps:
        coloring = build_objective(asked_for_colors(config), prior, steps, config.seed)
        standing = replace(viewpoints, even_elevation=0.0)  # the prior's pictures from elsewhere are paler
        stages.append(Stage("colors", colored_from, coloring, standing))
    return tuple(stages)


def _next_target(step: float, reuse: int) -> int:
    return -(-round(step) // reuse) * reuse


def asked_for_finish(config: LiftConfig) -> LiftGuidanceConfig:
    """How the prior is asked in the finish.

    What the prior makes of a noised picture in a few steps is a mean of what it might be, and edges that a few degrees
    would move are soft in it. Score distillation looks for likely pictures: variationally with little guidance, and
    finer for it; with as much as it needs alone it is rougher.
    """
    finish = config.finish
    return replace(config.guidance, objective=finish.objective, scale=finish.scale, scale_text=-1.0, scale_place=-1.0)


def asked_for_colors(config: LiftConfig) -> LiftGuidanceConfig:
    """How the prior is asked in the last steps, in which colours alone are learnt: for pictures, whatever came before.

    Guidance strong enough for colours that are not the mean over all lights swells shapes: on the Statue a scale of 4
    from the first step on made them 7 % too large. So it comes when the shape is done, with a new target. And at any
    timestep but the first the prior takes the mean over all lights for a grey day and answers with one. So in these
    steps pictures are made from noise.
    """
    coloring = config.coloring
    return replace(
        config.guidance,
        objective="multistep",
        scale=coloring.scale,
        scale_text=-1.0,
        scale_place=-1.0,
        schedule="constant",
        t_start=coloring.t,
        t_end=coloring.t,
        ddim_steps=coloring.ddim_steps,
    )

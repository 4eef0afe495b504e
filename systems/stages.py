"""The stages of a lift: first the shape, then a finish by score distillation, at last the colours alone."""

from dataclasses import dataclass, replace

from gpslift.guidance.asking import Guidance
from gpslift.guidance.objectives import Objective, build_guidance, build_objective
from gpslift.guidance.viewpoints import ViewpointSampler
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.schema.lift import GuidanceConfig, LiftConfig


@dataclass(frozen=True)
class Stage:
    """What the steps from `start` on follow, up to the next stage: an objective, how it has the prior asked, and from
    where. colors: the shape is held, and colours alone are learnt."""

    start: int
    objective: Objective
    guidance: Guidance
    viewpoints: ViewpointSampler
    colors: bool = False


def stages_of(
    config: LiftConfig, objective: Objective, viewpoints: ViewpointSampler, prior: PlaceDiffusionPipeline
) -> tuple[Stage, ...]:
    """The stages in their order. They start where steps that share a target do; one without a share has no step."""
    steps, reuse = config.optim.steps, objective.reuse
    shares = finish_share(config, objective) + config.coloring.share, config.coloring.share
    finished_from, colored_from = (-(-round((1 - share) * steps) // reuse) * reuse for share in shares)
    finish = build_objective(asked_for_finish(config), prior, steps, config.seed)
    coloring = build_guidance(asked_for_colors(config, objective.makes_pictures), prior, steps, config.seed)
    standing = replace(viewpoints, even_elevation=0.0)  # the prior's pictures from elsewhere are paler
    return (
        Stage(0, objective, objective.guidance, viewpoints),
        Stage(finished_from, finish, finish.guidance, viewpoints),
        Stage(colored_from, objective, coloring, standing, colors=True),
    )


def finish_share(config: LiftConfig, objective: Objective) -> float:
    """Share of the steps in the finish: an objective that draws as finely by itself needs none."""
    return config.finish.share if objective.makes_pictures else 0.0


def asked_for_finish(config: LiftConfig) -> GuidanceConfig:
    """How the prior is asked in the finish.

    What the prior makes of a noised picture in a few steps is a mean of what it might be, and edges that a few degrees
    would move are soft in it. Score distillation looks for the likeliest picture, and is rougher for it.
    """
    return replace(config.guidance, objective="sds", scale=config.finish.scale, scale_text=-1.0, scale_place=-1.0)


def asked_for_colors(config: LiftConfig, makes_pictures: bool) -> GuidanceConfig:
    """How the prior is asked in the last steps, in which colours alone are learnt.

    Guidance strong enough for colours that are not the mean over all lights swells shapes: on the Statue a scale of 4
    from the first step on made them 7 % too large. So it comes when the shape is done, with a new target. And at any
    timestep but the first the prior takes the mean over all lights for a grey day and answers with one. So in these
    steps an objective that makes pictures makes them from noise.
    """
    coloring, guidance = config.coloring, config.guidance
    strong = replace(guidance, scale=coloring.scale, scale_text=-1.0, scale_place=-1.0)
    if not makes_pictures:
        return strong
    return replace(strong, schedule="constant", t_start=coloring.t, t_end=coloring.t, ddim_steps=coloring.ddim_steps)

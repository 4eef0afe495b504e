"""Objectives of score distillation, one a file, behind one contract."""

from collections.abc import Callable
from typing import Any

from gpslift.guidance.asking import Guidance
from gpslift.guidance.objectives.clearing import NOT_CLEARED, Clearing
from gpslift.guidance.objectives.contract import Objective, Seen, interleaved
from gpslift.guidance.objectives.interval_score import IntervalScoreMatching
from gpslift.guidance.objectives.multistep import MultiStepTarget
from gpslift.guidance.objectives.score_distillation import ScoreDistillation
from gpslift.guidance.objectives.variational import VariationalDistillation
from gpslift.guidance.suited import guidance_scales
from gpslift.guidance.timesteps import TimestepSchedule
from gpslift.priors.composition import Scales
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.schema.lift import GuidanceConfig, LiftGuidanceConfig

__all__ = ["Objective", "Seen", "build_guidance", "build_objective", "interleaved"]


def build_objective(config: GuidanceConfig, prior: PlaceDiffusionPipeline, steps: int, seed: int) -> Objective:
    """The objective that a config names. steps: of the whole lift."""
    guidance = build_guidance(config, prior, steps, seed)
    _save_memory(config, prior)
    return OBJECTIVES[config.objective](guidance, config)


def _multistep(guidance: Guidance, config: GuidanceConfig) -> Objective:
    """A refinement has no NeRF to be tinted or to be rendered in parts."""
    if isinstance(config, LiftGuidanceConfig):
        own_sky, clearing = _pair(config.tint_between), _clearing(config)
        return MultiStepTarget(guidance, config.reuse, config.stride, own_sky, clearing)
    return MultiStepTarget(guidance, config.reuse)


def _clearing(config: GuidanceConfig) -> Clearing:
    """Of a lift alone: a refinement has no matter that could go."""
    return Clearing(config.clearing, config.clearing_until) if isinstance(config, LiftGuidanceConfig) else NOT_CLEARED


OBJECTIVES: dict[str, Callable[[Guidance, GuidanceConfig], Objective]] = {
    "multistep": _multistep,
    "sds": lambda guidance, config: ScoreDistillation(guidance, _clearing(config)),
    "ism": lambda guidance, config: IntervalScoreMatching(
        guidance, config.interval, config.inversion_steps, _clearing(config)
    ),
    "vsd": lambda guidance, config: VariationalDistillation(
        guidance, config.adapter_rank, config.adapter_lr, config.adapter_warmup, _clearing(config)
    ),
}
"""By the names of `guidance.objective`."""


def build_guidance(config: GuidanceConfig, prior: PlaceDiffusionPipeline, steps: int, seed: int) -> Guidance:
    """How a config has the prior asked. steps: of the whole lift."""
    text, place = guidance_scales(config)
    return Guidance(
        prior,
        TimestepSchedule(_pair(config.t_start), _pair(config.t_end), config.anneal_share, config.schedule),
        Scales(text, place, config.perp_neg, config.rescale),
        steps,
        seed,
        config.negative_prompt,
        config.one_noise,
        config.ddim_steps,
    )


def _save_memory(config: GuidanceConfig, prior: Any) -> None:
    """A latent prior's VAE takes pictures one by one; on request it, and a U-Net that learns, compute twice."""
    if hasattr(prior.vae, "enable_slicing"):
        prior.vae.enable_slicing()
    if config.gradient_checkpointing:
        networks = (prior.vae, prior.unet) if config.objective == "vsd" else (prior.vae,)
        for network in networks:
            if network._supports_gradient_checkpointing:
                network.enable_gradient_checkpointing()


def _pair(values: list[float]) -> tuple[float, float]:
    return float(values[0]), float(values[1])

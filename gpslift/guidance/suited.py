"""What suits an objective, where the config leaves it to the objective (-1). Imports no torch."""

from gpslift.schema.lift import GuidanceConfig, LiftConfig

SCALES = {"multistep": 2.0, "sds": 4.0, "ism": 4.0, "vsd": 1.5}
"""Guidance scale on a compact prior's pictures, by objective: score distillation is a blur with less."""
FINISH_SHARES = {"sds": 0.143, "ism": 0.143, "vsd": 0.25}
"""Share of a lift's steps that it finishes; the variational one's adapters take a part of them to learn."""


def guidance_scales(config: GuidanceConfig) -> tuple[float, float]:
    """Of text and of place, in diffusers' convention: `scale` where they are not set; without a place, the text's."""
    both = SCALES.get(config.objective, SCALES["sds"]) if config.scale < 0 else config.scale
    text = both if config.scale_text < 0 else config.scale_text
    place = both if config.scale_place < 0 else config.scale_place
    return text, text if config.place == "text" else place


def finish_share(config: LiftConfig) -> float:
    """Share of a lift's steps in its finish: none where the shape's objective draws as finely by itself."""
    finish = config.finish
    if config.guidance.objective in FINISH_SHARES:
        return 0.0
    return FINISH_SHARES.get(finish.objective, FINISH_SHARES["sds"]) if finish.share < 0 else finish.share


def finish_has_adapters(config: LiftConfig) -> bool:
    """Whether a lift is finished by an objective with adapters."""
    return config.finish.objective == "vsd" and finish_share(config) > 0

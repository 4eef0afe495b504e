"""Values of a lift's config, or of its refinement's, that must fit each other."""

from dataclasses import fields

from gpslift.config_checks.rules import Rules, left_alone, left_open
from gpslift.guidance.suited import finish_has_adapters, finish_share, guidance_scales
from gpslift.schema.lift import LiftConfig, LossConfig
from gpslift.schema.refine import RefineConfig


def distillation_rules(config: LiftConfig | RefineConfig) -> Rules:
    """What holds for a lift and for its refinement: (whether it does, what to say if not)."""
    guidance = config.guidance
    yield (
        guidance.perp_neg == 0 or guidance.negative_prompt != "",
        f"guidance.perp_neg={guidance.perp_neg:g} needs guidance.negative_prompt, the text of what shall not be seen",
    )
    yield from left_open("guidance.scale", guidance.scale, "for what suits the objective")
    yield from left_open("guidance.scale_text", guidance.scale_text, "for guidance.scale")
    yield from left_open("guidance.scale_place", guidance.scale_place, "for guidance.scale")
    text_scale, _ = guidance_scales(guidance)
    yield (
        guidance.negative_prompt == "" or text_scale != 1,
        f"guidance.negative_prompt={guidance.negative_prompt} is of no effect at a guidance scale of 1; raise "
        "guidance.scale or guidance.scale_text",
    )
    yield (
        guidance.place != "text" or guidance.scale_place == -1,
        f"guidance.scale_place={guidance.scale_place:g} needs a place; leave it out, or guidance.place=text",
    )
    azimuth = config.cameras.azimuth
    pairs = {"guidance.t_start": guidance.t_start, "guidance.t_end": guidance.t_end, "cameras.azimuth": azimuth}
    yield from _range_rules(pairs)
    yield from left_alone(config, ["export.texture_size"], "export.texture=True", config.export.texture)
    yield (
        azimuth[-1] - azimuth[0] <= 360,
        f"cameras.azimuth={azimuth} is more than the whole circle; the two ends may differ by at most 360",
    )


def _range_rules(pairs: dict[str, list[float]]) -> Rules:
    for name, pair in pairs.items():
        yield (_is_range(pair), f"{name}={pair} must be two numbers, the lower one first")


def refine_rules(config: RefineConfig) -> Rules:
    """What holds for a refinement beside `distillation_rules`."""
    yield (
        config.devices <= 1 and config.nodes == 1 and config.strategy == "auto",
        f"devices={config.devices}, nodes={config.nodes}, strategy={config.strategy}: a refinement runs in one "
        "process; leave them out",
    )
    guidance = config.guidance
    yield (
        guidance.objective != "vsd" or guidance.adapter_warmup < 1,
        f"guidance.adapter_warmup={guidance.adapter_warmup:g} must be less than 1",
    )


def lift_rules(config: LiftConfig) -> Rules:
    """What holds for a lift beside `distillation_rules`."""
    yield (config.strategy != "fsdp", "strategy=fsdp shares out a prior's weights; a lift has few: set strategy=ddp")
    processes = max(config.devices, 1) * config.nodes
    yield (
        config.optim.batch_size % processes == 0,
        f"optim.batch_size={config.optim.batch_size} must be a multiple of {processes}: devices={config.devices} times "
        f"nodes={config.nodes}, which share the cameras of a step",
    )
    yield from _loss_rules(config.losses)
    color = config.renderer.background_color
    yield (len(color) == 3, f"renderer.background_color={color} must be three numbers: red, green, blue")
    yield from left_open("finish.scale", config.finish.scale, "for what suits finish.objective")
    yield from left_open("finish.share", config.finish.share, "for what suits finish.objective")
    finish, coloring = finish_share(config), config.coloring.share
    yield (finish + coloring <= 1, f"finish.share={finish:g} and coloring.share={coloring:g} must sum to at most 1")
    yield from left_alone(config, ["finish.scale"], "a finish (finish.share)", finish > 0)
    yield from left_alone(
        config,
        ["renderer.background_color"],
        "renderer.background=solid or random",
        config.renderer.background != "learned",
    )
    yield from _adapter_rules(config)
    guidance, stride = config.guidance, config.guidance.stride
    pairs = {f"guidance.{name}": getattr(guidance, name) for name in ("tint_between", "decided", "decided_end")}
    yield from _range_rules({"coloring.t": config.coloring.t, **pairs})
    yield (
        not (guidance.objective == "multistep" or coloring > 0)
        or all(size % stride == 0 for size in config.optim.resolutions),
        f"guidance.stride={stride} must divide each of optim.resolutions={config.optim.resolutions}",
    )
    grid, optim = config.renderer.grid, config.optim
    yield (
        grid.base_resolution <= grid.finest_resolution,
        f"renderer.grid.base_resolution={grid.base_resolution} must be at most "
        f"renderer.grid.finest_resolution={grid.finest_resolution}",
    )
    yield (
        len(optim.resolutions) == len(optim.resolution_steps),
        f"optim.resolutions={optim.resolutions} and optim.resolution_steps={optim.resolution_steps} need one number "
        "each per render size",
    )
    yield (
        optim.resolution_steps[0] == 0 and optim.resolution_steps == sorted(optim.resolution_steps),
        f"optim.resolution_steps={optim.resolution_steps} must start at 0 and not fall",
    )


def _adapter_rules(config: LiftConfig) -> Rules:
    """Adapters that only learn, up to the end of the stage that they are for, would never lead."""
    guidance, finish, warmup = config.guidance, finish_share(config), config.guidance.adapter_warmup
    yield (
        guidance.objective != "vsd" or warmup < 1 - config.coloring.share,
        f"guidance.adapter_warmup={warmup:g} must be less than 1 - coloring.share={1 - config.coloring.share:g}",
    )
    yield (
        not finish_has_adapters(config) or warmup < finish,
        f"guidance.adapter_warmup={warmup:g} must be less than finish.share={finish:g}; or set finish.objective=sds",
    )


def _loss_rules(losses: LossConfig) -> Rules:
    yield from _range_rules({"losses.ramp": losses.ramp})
    own_ramps = (field.name for field in fields(losses) if field.name.endswith("_ramp"))
    for name in own_ramps:
        ramp = getattr(losses, name)
        yield (
            not ramp or _is_range(ramp),
            f"losses.{name}={ramp} must be two numbers, the lower one first, or [] for losses.ramp",
        )


def _is_range(pair: list[float]) -> bool:
    return len(pair) == 2 and pair[0] <= pair[1]

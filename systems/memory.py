"""Memory: how much was taken, too little told apart from other errors, and which settings take less."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from gpslift.errors import UserError
from gpslift.guidance.suited import finish_has_adapters
from gpslift.schema.image_prior import ImagePriorConfig
from gpslift.schema.lift import GuidanceConfig, LiftConfig
from gpslift.schema.refine import RefineConfig
from gpslift.schema.run import RunConfig
from systems.devices import choose_precision

SAID_OF_MEMORY = ("DefaultCPUAllocator", "CUDA error: out of memory", "ALLOC_FAILED")
"""In errors of other types: of the CPU's allocator, of the driver, of cuBLAS and cuDNN."""
BYTES_OF_MAXRSS = 1 if sys.platform == "darwin" else 1024  # what getrusage and wait4 count memory in


def peak_memory_gb(device: torch.device) -> float:
    """The most that was taken so far, 10^9 bytes: of a GPU by PyTorch, else of the computer by this process.

    NaN where the system does not tell.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device) / 1e9
    if sys.platform == "win32":
        return float("nan")
    import resource  # only where there is one

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * BYTES_OF_MAXRSS / 1e9


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the GPU's or the computer's memory is used up."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(word in str(error) for word in SAID_OF_MEMORY)


def out_of_memory(error: BaseException, remedies: str) -> UserError:
    """What to tell the user."""
    lines = str(error).splitlines() or [type(error).__name__]
    taken = peak_memory_gb(torch.device("cuda" if torch.cuda.is_initialized() else "cpu"))
    return UserError(f"out of memory, with {taken:.1f} GB taken at most; {remedies}: {lines[0]}")


@contextmanager
def enough_memory(remedies: str) -> Iterator[None]:
    """Turns running out of memory into a UserError that names the remedies."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise out_of_memory(error, remedies) from error


def remedies_of(config: RunConfig, mode: str) -> str:
    """The settings by which a job takes less memory, those that cost nothing else first."""
    if isinstance(config, ImagePriorConfig):
        return prior_remedies(config) if mode == "train" else sampling_remedies(config)
    assert isinstance(config, LiftConfig | RefineConfig)
    if mode != "train":
        return export_remedies(config)
    return lift_remedies(config) if isinstance(config, LiftConfig) else refine_remedies(config)


def prior_remedies(config: ImagePriorConfig) -> str:
    """See `remedies_of`: of training a prior."""
    optim, remedies = config.optim, []
    images = optim.batch_size // optim.accumulate
    if images > 1:
        remedies.append(
            f"raise optim.accumulate (now {optim.accumulate}) or lower optim.batch_size ({optim.batch_size})"
        )
    if not optim.gradient_checkpointing:
        remedies.append("set optim.gradient_checkpointing=yes")
    if config.data.preservation_images and optim.preservation_weight:
        remedies.append("set data.preservation_images=0")
    if config.prior.base != "compact":
        if optim.optimizer == "adamw":
            remedies.append("set optim.optimizer=adamw8bit")
        if not config.prior.lora_rank:
            remedies.append("set prior.lora_rank=16")
    processes = (config.devices or torch.cuda.device_count()) * config.nodes
    if processes > 1 and optim.optimizer == "adamw" and config.strategy != "fsdp":
        remedies.append("set strategy=fsdp")
    remedies += _narrower(config)
    remedies.append(f"lower backbone.image_size (now {config.backbone.image_size})")
    return "; ".join(remedies)


def lift_remedies(config: LiftConfig) -> str:
    """See `remedies_of`: of a lift."""
    guidance, optim, renderer, remedies = config.guidance, config.optim, config.renderer, []
    if not renderer.chunk_rays or renderer.chunk_rays > 1024:
        now = renderer.chunk_rays or f"0, all {max(optim.resolutions) ** 2 * optim.batch_size} of a step"
        remedies.append(f"set renderer.chunk_rays=1024 (now {now})")
    if not guidance.gradient_checkpointing:
        remedies.append("with a Stable Diffusion prior set guidance.gradient_checkpointing=yes")
    if finish_has_adapters(config):
        remedies.append("set finish.objective=sds, which keeps no adapters")
    remedies += _without_adapters(guidance)
    remedies += _narrower(config)
    if optim.batch_size > 1:
        remedies.append(f"lower optim.batch_size (now {optim.batch_size})")
    remedies.append(f"lower optim.resolutions (now {optim.resolutions}) or renderer.samples (now {renderer.samples})")
    remedies.append(f"lower renderer.grid.log2_table (now {renderer.grid.log2_table})")
    return "; ".join(remedies)


def refine_remedies(config: RefineConfig) -> str:
    """See `remedies_of`: of a refinement."""
    optim, remedies = config.optim, [*_without_adapters(config.guidance), *_narrower(config)]
    if optim.batch_size > 1:
        remedies.append(f"lower optim.batch_size (now {optim.batch_size})")
    remedies.append(f"lower optim.size (now {optim.size}) or export.faces (now {config.export.faces})")
    if config.refine.supersample > 1:
        remedies.append(f"lower refine.supersample (now {config.refine.supersample})")
    return "; ".join(remedies)


def sampling_remedies(config: ImagePriorConfig) -> str:
    """See `remedies_of`: of making pictures, and of judging them."""
    sample, remedies = config.sample, _narrower(config)
    if sample.attention:
        remedies.append("leave out sample.attention")
    if sample.images > 1:
        remedies.append(f"lower sample.images (now {sample.images})")
    if sample.guidance_scale_text != sample.guidance_scale_place:
        remedies.append("set sample.guidance_scale_text to sample.guidance_scale_place, for two predictions, not three")
    return "; ".join([*remedies, *_elsewhere(config), "set prior.path to a prior of smaller images"])


def export_remedies(config: LiftConfig | RefineConfig) -> str:
    """See `remedies_of`: of a mesh and its pictures, and of measuring it."""
    export = config.export
    remedies = [f"lower export.resolution (now {export.resolution}) or export.picture_size (now {export.picture_size})"]
    remedies.append(f"lower export.faces (now {export.faces})")
    if export.texture:
        remedies.append(f"lower export.texture_size (now {export.texture_size})")
    return "; ".join([*remedies, *_elsewhere(config)])


def _without_adapters(guidance: GuidanceConfig) -> list[str]:
    return ["set guidance.objective=sds, which keeps no adapters"] if guidance.objective == "vsd" else []


def _narrower(config: RunConfig) -> list[str]:
    """On a GPU alone: a processor that is fast in bf16 has it already, and another one would take far longer."""
    if not _on_gpu(config) or choose_precision(config) != "32-true":
        return []
    return [f"set precision={'bf16' if torch.cuda.is_bf16_supported(including_emulation=False) else 'fp16'}"]


def _elsewhere(config: RunConfig) -> list[str]:
    return ["set device=cpu, which takes longer"] if _on_gpu(config) else []


def _on_gpu(config: RunConfig) -> bool:
    return torch.cuda.is_available() and config.device != "cpu"

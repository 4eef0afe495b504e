"""Memory: how much was taken, too little told apart from other errors, and which settings take less."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from gpslift.errors import UserError
from gpslift.schema.image_prior import ImagePriorConfig
from gpslift.schema.lift import LiftConfig

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
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "DefaultCPUAllocator" in str(error)


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


def prior_remedies(config: ImagePriorConfig) -> str:
    """The settings by which training a prior takes less memory, those that cost nothing else first."""
    optim, remedies = config.optim, []
    images = optim.batch_size // optim.accumulate
    if images > 1:
        remedies.append(
            f"raise optim.accumulate (now {optim.accumulate}) or lower optim.batch_size ({optim.batch_size})"
        )
    if not optim.gradient_checkpointing:
        remedies.append("set optim.gradient_checkpointing=yes")
    if config.prior.base != "compact":
        if optim.optimizer == "adamw":
            remedies.append("set optim.optimizer=adamw8bit")
        if not config.prior.lora_rank:
            remedies.append("set prior.lora_rank=16")
    if config.precision in ("auto", "32"):
        remedies.append("set precision=bf16")
    remedies.append(f"lower backbone.image_size (now {config.backbone.image_size})")
    return "; ".join(remedies)


def lift_remedies(config: LiftConfig) -> str:
    """The settings by which a lift takes less memory, those that cost nothing else first."""
    guidance, optim, renderer, remedies = config.guidance, config.optim, config.renderer, []
    if not renderer.chunk_rays or renderer.chunk_rays > 1024:
        now = renderer.chunk_rays or f"0, all {max(optim.resolutions) ** 2 * optim.batch_size} of a step"
        remedies.append(f"set renderer.chunk_rays=1024 (now {now})")
    if not guidance.gradient_checkpointing:
        remedies.append("with a Stable Diffusion prior set guidance.gradient_checkpointing=yes")
    if config.precision in ("auto", "32"):
        remedies.append("set precision=bf16")
    if optim.batch_size > 1:
        remedies.append(f"lower optim.batch_size (now {optim.batch_size})")
    remedies.append(f"lower optim.resolutions (now {optim.resolutions}) or renderer.samples (now {renderer.samples})")
    remedies.append(f"lower renderer.grid.log2_table (now {renderer.grid.log2_table})")
    return "; ".join(remedies)

"""Training that several processes share: each keeps a part of every weight, its gradient, moments and average (FSDP).

The parts of a block are put together while it computes, by torch's `fully_shard`. Checkpoints and the saved prior hold
whole weights: a run goes on in any number of processes, sharing or not.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from diffusers import UNet2DConditionModel
from pytorch_lightning.strategies import DDPStrategy
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer

from gpslift.priors.finetuning import is_trained
from gpslift.ranks import is_first_process


class ShardedStrategy(DDPStrategy):
    """Lightning's DDP, but that the processes share the system's weights out (`share_out`) and hold no copies."""

    def configure_ddp(self) -> None:
        """Has the system keep this process's part of everything, where DDP would wrap it."""
        mesh = init_device_mesh(self.root_device.type, (self.world_size,))
        self.lightning_module.share_out(mesh)  # type: ignore[union-attr,operator]

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """The system's weights, whole. A call of all processes together, as the next one is."""
        return whole_for_file(super().lightning_module_state_dict())

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        """The optimiser's state, whole."""
        return whole_for_file(super().optimizer_state(optimizer))

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        """Takes this process's part of the states in a checkpoint."""
        super().load_optimizer_state_dict(checkpoint)
        for optimizer in self.optimizers:
            for weight, state in optimizer.state.items():
                state |= {name: part_like(value, weight) for name, value in state.items()}


def shard(networks: nn.ModuleDict, mesh: DeviceMesh) -> None:
    """Leaves of the trained networks' weights this process's part alone; what does not train stays as it is."""
    for network in filter(is_trained, networks.values()):
        for block in _blocks(network):
            fully_shard(block, mesh=mesh)
        # A place encoder's gates are used inside the U-Net: what is in no block stays together until the step's end.
        fully_shard(network, mesh=mesh, reshard_after_forward=False)


def take_apart(networks: nn.Module) -> None:
    """After a forward pass without a backward one, which ends with it: back to this process's parts."""
    for module in networks.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


def whole(state: Any, for_all: bool = True) -> Any:
    """A nested state with all shared tensors put together, on the CPU; others as they are. All processes call it.

    for_all: else the first process alone keeps what was put together, and the others nothing.
    """
    if isinstance(state, DTensor):  # what was moved to the CPU goes back first: nccl knows GPUs alone
        together = cast(DTensor, state.to(state.device_mesh.device_type)).full_tensor()
        return together.cpu() if for_all or is_first_process() else torch.empty(0)
    if isinstance(state, dict):
        return {name: whole(value, for_all) for name, value in state.items()}
    return type(state)(whole(value, for_all) for value in state) if isinstance(state, list | tuple) else state


def whole_for_file(state: Any) -> Any:
    """The same for what the first process alone writes: eight processes hold no eight copies in a machine's memory."""
    return whole(state, for_all=False)


def part_like(value: Any, weight: Tensor) -> Any:
    """This process's part of a whole tensor of a shared weight's shape; anything else as it is."""
    if not isinstance(weight, DTensor) or not isinstance(value, Tensor) or value.shape != weight.shape:
        return value
    if isinstance(value, DTensor):
        return value
    return distribute_tensor(value.to(weight.device), weight.device_mesh, weight.placements, src_data_rank=None)


def parts_like(values: Sequence[Tensor], weights: Sequence[Tensor]) -> list[Tensor]:
    """The same for each of them."""
    return [part_like(value, weight) for value, weight in zip(values, weights, strict=True)]


def _blocks(network: nn.Module) -> list[nn.Module]:
    """What is put together one at a time. At Stable Diffusion's size the largest has 258 million weights."""
    if not isinstance(network, UNet2DConditionModel):
        return []
    return [*network.down_blocks, network.mid_block, *network.up_blocks]

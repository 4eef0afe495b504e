"""Low-rank adapters beside a U-Net's layers, and a camera in its time embedding: a second prediction from one network.

Written for networks whose weights stay as they are. The adapters hang on forward hooks and are heard within `active`
alone, so that outside it the U-Net is what it was to the last bit, and one U-Net in memory serves as two. They need no
attention in particular: a compact U-Net, which attends in its middle only, is adapted by its convolutions.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from gpslift.cameras import Cameras
from gpslift.randomness import generator_for

ADAPTED = ("to_q", "to_k", "to_v", "to_out.0", "conv1", "conv2")
"""Ends of the names of layers that are adapted: attention projections, and the convolutions of residual blocks."""
CAMERA_FEATURES = 13


class Adapter(nn.Module):
    """B A x beside a layer's W x (Hu et al. 2022, eq. 3): `down` (A) to `rank` channels at random, `up` (B) from zero.

    Of a convolution A has the kernel, and B is 1 x 1.
    """

    def __init__(self, layer: nn.Linear | nn.Conv2d, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        if isinstance(layer, nn.Conv2d):
            places: dict[str, Any] = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation}
            self.down: nn.Module = nn.Conv2d(layer.in_channels, rank, layer.kernel_size, bias=False, **places)  # type: ignore[arg-type]
            self.up: nn.Module = nn.Conv2d(rank, layer.out_channels, 1, bias=False)
        else:
            self.down = nn.Linear(layer.in_features, rank, bias=False)
            self.up = nn.Linear(rank, layer.out_features, bias=False)
        with torch.no_grad():
            for weight in self.down.parameters():
                weight.copy_(torch.randn(weight.shape, generator=generator) / rank)
            for weight in self.up.parameters():
                weight.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """What is added to the layer's answer to x."""
        return self.up(self.down(x.to(next(self.down.parameters()).dtype)))


class UNetAdapters(nn.Module):
    """Adapters of one rank for all fitting layers of a U-Net, and an MLP that adds the camera to its time embedding.

    The U-Net is no part of this module. Everything starts at zero effect. seed: of the start.
    """

    def __init__(self, unet: Any, rank: int, seed: int) -> None:
        super().__init__()
        layers = {name: layer for name, layer in unet.named_modules() if _is_adapted(name, layer)}
        generator = generator_for(seed, "adapters")
        adapters = [Adapter(layer, rank, generator) for layer in layers.values()]
        width = unet.time_embedding.linear_2.out_features
        self.adapters = nn.ModuleList(adapters)
        self.camera_in, self.camera_out = nn.Linear(CAMERA_FEATURES, width), nn.Linear(width, width)
        with torch.no_grad():
            drawn = torch.randn(self.camera_in.weight.shape, generator=generator)
            self.camera_in.weight.copy_(drawn / CAMERA_FEATURES**0.5)
            for weight in (self.camera_in.bias, self.camera_out.weight, self.camera_out.bias):
                weight.zero_()
        self.to(unet.device)
        self._features: Tensor | None = None
        for layer, adapter in zip(layers.values(), adapters, strict=True):
            layer.register_forward_hook(self._hook(adapter))
        unet.time_embedding.register_forward_hook(self._add_camera)

    @contextmanager
    def active(self, cameras: Cameras) -> Iterator[None]:
        """Within it, the U-Net's calls are adapted; each is of the rows of these B cameras."""
        self._features = camera_features(cameras).to(self.camera_in.weight)
        try:
            yield
        finally:
            self._features = None

    def _hook(self, adapter: Adapter) -> Any:
        def add(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
            return None if self._features is None else output + adapter(inputs[0]).to(output.dtype)

        return add

    def _add_camera(self, layer: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor | None:
        if self._features is None:
            return None
        return output + self.camera_out(silu(self.camera_in(self._features))).to(output.dtype)


def camera_features(cameras: Cameras) -> Tensor:
    """B cameras as numbers [B, 13]: axes and position in world units, and the field of view in radians."""
    return torch.cat([cameras.camera_to_world[:, :3].flatten(1), cameras.fov_y[:, None]], 1)


def _is_adapted(name: str, layer: nn.Module) -> bool:
    plain = isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.groups == 1)
    return plain and any(name == end or name.endswith(f".{end}") for end in ADAPTED)

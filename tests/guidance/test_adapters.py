"""Adapters beside a U-Net: unheard at first and outside their time, then the U-Net with W + B A for W."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from gpslift.cameras import Cameras, orbit_cameras
from gpslift.guidance.adapters import ADAPTED, UNetAdapters, camera_features
from tests.systems.tiny_base import tiny_unet
from tests.systems.tiny_lift import tiny_prior


def compact() -> Any:
    return tiny_prior().unet


def stable_diffusion() -> UNet2DConditionModel:
    torch.manual_seed(0)
    return tiny_unet()


def cameras(*azimuths: float) -> Cameras:
    ones = torch.ones(len(azimuths))
    return orbit_cameras(torch.tensor(azimuths), 0 * ones, 3 * ones, ones, torch.zeros(3), 8, 8)


def answer(unet: Any, rows: int = 2) -> Tensor:
    config, generator = unet.config, torch.Generator().manual_seed(1)
    side = config.sample_size
    x = torch.randn(rows, config.in_channels, side, side, generator=generator)
    tokens = torch.randn(rows, 5, config.cross_attention_dim, generator=generator)
    labels = None
    if config.class_embed_type == "projection":
        labels = torch.randn(rows, config.projection_class_embeddings_input_dim, generator=generator)
    return unet(x, torch.tensor(300), tokens, labels).sample


def trained(adapters: UNetAdapters) -> None:
    """Gives every weight an effect."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for weight in adapters.parameters():
            weight.copy_(0.1 * torch.randn(weight.shape, generator=generator))


UNETS = pytest.mark.parametrize("make", [compact, stable_diffusion])


@UNETS
@torch.no_grad()
def test_at_first_and_outside_their_time_adapters_change_nothing(make: Callable[[], Any]) -> None:
    unet = make()
    before = answer(unet)
    adapters = UNetAdapters(unet, 2, seed=0)
    with adapters.active(cameras(0, 90)):
        torch.testing.assert_close(answer(unet), before, rtol=0, atol=0)
    trained(adapters)
    with adapters.active(cameras(0, 90)):
        assert (answer(unet) - before).abs().max() > 1e-3
    assert torch.equal(answer(unet), before)


@UNETS
@torch.no_grad()
def test_an_adapted_unet_is_one_with_the_products_in_its_weights(make: Callable[[], Any]) -> None:
    unet = make()
    adapters, merged = UNetAdapters(unet, 2, seed=0), copy.deepcopy(make())
    trained(adapters)
    for weight in adapters.camera_out.parameters():
        weight.zero_()
    names = [name for name, layer in merged.named_modules() if name.endswith(ADAPTED) and hasattr(layer, "weight")]
    assert len(names) == len(adapters.adapters) > 4
    for name, adapter in zip(names, adapters.adapters, strict=True):
        weight, up, down = merged.get_submodule(name).weight, adapter.up.weight, adapter.down.weight
        weight += torch.einsum("or,ri...->oi...", up.flatten(1), down)
    with adapters.active(cameras(0, 90)):
        torch.testing.assert_close(answer(unet), answer(merged), rtol=1e-4, atol=1e-5)


@UNETS
def test_the_camera_is_heard_and_everything_learns(make: Callable[[], Any]) -> None:
    unet = make().requires_grad_(False)
    adapters = UNetAdapters(unet, 2, seed=0)
    trained(adapters)
    with adapters.active(cameras(0, 90)):
        north_east = answer(unet)
    with adapters.active(cameras(0, 180)):
        north_south = answer(unet)
    assert torch.allclose(north_east[0], north_south[0], atol=1e-5)
    assert (north_east[1] - north_south[1]).abs().max() > 1e-4
    north_east.square().mean().backward()
    assert all(weight.grad is not None and weight.grad.abs().max() > 0 for weight in adapters.parameters())
    assert all(weight.grad is None for weight in unet.parameters())


def test_the_start_follows_from_the_seed() -> None:
    def weights(seed: int) -> Tensor:
        return torch.cat([weight.flatten() for weight in UNetAdapters(compact(), 2, seed).parameters()])

    assert torch.equal(weights(0), weights(0)) and not torch.equal(weights(0), weights(1))


def test_camera_features_are_pose_and_field_of_view() -> None:
    features = camera_features(cameras(90.0))
    assert features.shape == (1, 13)
    assert features[0, 3].item() == pytest.approx(3.0, abs=1e-5)  # east of the middle, at a distance of 3
    assert features[0, 12].item() == 1.0

"""Dropout by sample: how much is dropped, that the mean stays, and that slices of a batch agree with the whole."""

import pytest
import torch

from gpslift.priors.compact import build_unet
from gpslift.priors.sample_dropout import SampleDropout, add_dropout
from gpslift.schema.image_prior import BackboneConfig


def test_whole_channels_are_dropped_and_the_mean_stays() -> None:
    layer = SampleDropout(0.25, "layer", 64)
    layer.draw(0, "", range(200))
    done = layer(torch.ones(200, 64, 2, 2))
    assert (done == done[..., :1, :1]).all()
    assert done.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert float((done == 0).float().mean()) == pytest.approx(0.25, abs=0.01)


def test_a_slice_drops_what_the_whole_does() -> None:
    layer, hidden = SampleDropout(0.5, "layer", 8), torch.ones(6, 8, 1, 1)
    layer.draw(0, "", range(6))
    whole = layer(hidden)
    layer.draw(0, "", [4, 5])
    assert torch.equal(layer(hidden[4:]), whole[4:])
    layer.draw(1, "", [4, 5])
    assert not torch.equal(layer(hidden[4:]), whole[4:])


def test_evaluation_drops_nothing() -> None:
    hidden = torch.ones(2, 8, 1, 1)
    assert torch.equal(SampleDropout(0.5, "layer", 8).eval()(hidden), hidden)


def test_every_residual_block_of_the_network_drops() -> None:
    torch.manual_seed(0)
    unet = build_unet(BackboneConfig(image_size=16, channels=[32, 32], token_dim=32), 8).eval()
    inputs = {"encoder_hidden_states": torch.randn(3, 2, 32), "class_labels": torch.randn(3, 8)}
    latents = torch.randn(3, 48, 4, 4)
    before = unet(latents, 5, **inputs).sample
    layers = add_dropout(unet, 0.3)
    assert len(layers) == len({layer.name for layer in layers}) >= 6
    assert torch.equal(unet(latents, 5, **inputs).sample, before)
    unet.train()
    for layer in layers:
        layer.draw(0, "", [0, 1, 2])
    dropped = unet(latents, 5, **inputs).sample
    assert not torch.allclose(dropped, before, atol=1e-3)
    assert torch.equal(unet(latents, 5, **inputs).sample, dropped)

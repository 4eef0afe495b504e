"""Place tokens on a pretrained U-Net: shut gates leave the base model as it is; they open, and are saved."""

from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from gpslift.conditioning.city_place import CityPlaceEncoder
from gpslift.conditioning.text import encode_text
from gpslift.errors import UserError
from gpslift.geo.cities import load_city
from gpslift.priors.gated_attention import cross_attention_layers, install_gates
from gpslift.priors.listening import probabilities_of
from gpslift.priors.loading import load_prior, save_prior
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from tests.priors.conftest import tiny_prior
from tests.systems.tiny_base import CAPTION, prior_on, write_base_model

KNOWN = {"azimuth_deg": [10.0, 200.0]}


def predicted(prior: PlaceDiffusionPipeline, azimuths: list[float]) -> Tensor:
    """What the U-Net says of two noisy latents."""
    noisy = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    place = prior.place_encoder.complete({"azimuth_deg": azimuths}, 2, torch.device("cpu"))
    return prior.predict_raw(noisy, torch.tensor([40, 900]), prior.encode_condition([CAPTION, ""], place))


@pytest.fixture
def prior(base: Path) -> PlaceDiffusionPipeline:
    return prior_on(base)


@torch.no_grad()
def test_with_shut_gates_it_is_the_base_model_to_the_last_bit(base: Path, prior: PlaceDiffusionPipeline) -> None:
    plain = UNet2DConditionModel.from_pretrained(base, subfolder="unet", use_safetensors=True)
    noisy = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    text = encode_text(prior.tokenizer, prior.text_encoder, [CAPTION, ""])
    wanted = plain(noisy, torch.tensor([40, 900]), text).sample
    assert prior.place_encoder.gate is not None and len(prior.place_encoder.gate) == 4
    assert torch.equal(predicted(prior, [10.0, 200.0]), wanted)
    assert torch.equal(predicted(prior, [77.0, 5.0]), wanted)


def test_the_gates_get_a_gradient_at_once_and_the_tokens_as_soon_as_they_open(prior: PlaceDiffusionPipeline) -> None:
    encoder = prior.place_encoder
    predicted(prior, [10.0, 200.0]).square().mean().backward()
    assert encoder.gate is not None and encoder.gate.grad is not None
    assert (encoder.gate.grad != 0).all()
    weight = encoder.azimuth_token.mlp[0].weight
    assert weight.grad is not None and not weight.grad.any()
    with torch.no_grad():
        encoder.gate.fill_(0.1)
    predicted(prior, [10.0, 200.0]).square().mean().backward()
    assert weight.grad.abs().sum() > 0


@torch.no_grad()
def test_open_gates_let_the_place_in_beside_the_text(prior: PlaceDiffusionPipeline) -> None:
    """With the gate at g: out = to_out(Attn(q, text) + tanh(g) Attn(q, place)), by hand."""
    assert prior.place_encoder.gate is not None
    prior.place_encoder.gate.fill_(0.5)
    layer = next(iter(cross_attention_layers(prior.unet).values()))
    tokens, hidden = torch.randn(1, 77 + prior.place_encoder.tokens, 32), torch.randn(1, 5, 32)

    def attend(seen: Tensor) -> Tensor:
        parts = (layer.to_q(hidden), layer.to_k(seen), layer.to_v(seen))
        query, key, value = (part.unflatten(-1, (layer.heads, -1)).transpose(1, 2) for part in parts)
        weights = (query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5).softmax(-1)
        return (weights @ value).transpose(1, 2).flatten(2)

    wanted = layer.to_out[0](attend(tokens[:, :77]) + torch.tensor(0.5).tanh() * attend(tokens[:, 77:]))
    torch.testing.assert_close(layer(hidden, encoder_hidden_states=tokens), wanted)
    assert not torch.allclose(predicted(prior, [10.0, 200.0]), predicted(prior, [77.0, 5.0]))


def test_what_is_saved_makes_the_same_images_and_its_unet_is_a_plain_one(
    prior: PlaceDiffusionPipeline, tmp_path: Path
) -> None:
    assert prior.place_encoder.gate is not None
    torch.nn.init.uniform_(prior.place_encoder.gate, 0.3, 1.0)
    save_prior(prior, tmp_path / "prior", None, "card")
    loaded = load_prior(str(tmp_path / "prior"))
    assert loaded.place_encoder.config["gates"] == 4
    images = [
        one.sample(
            KNOWN, 2, num_inference_steps=3, guidance_scale_place=4.0, generator=torch.Generator().manual_seed(2)
        )
        for one in (prior, loaded)
    ]
    assert torch.equal(*images)
    plain = UNet2DConditionModel.from_pretrained(tmp_path / "prior", subfolder="unet")
    assert plain.state_dict().keys() == loaded.unet.state_dict().keys()


@torch.no_grad()
def test_attention_maps_show_as_much_of_the_place_as_the_gate_lets_in(prior: PlaceDiffusionPipeline) -> None:
    layer = next(iter(cross_attention_layers(prior.unet).values()))
    hidden, tokens = torch.randn(2, 5, 32), torch.randn(2, 78, 32)
    for gate, share in ((0.0, 0.0), (-0.5493061, 0.5 / 1.5)):  # tanh is -0.5
        torch.nn.init.constant_(prior.place_encoder.gate, gate)
        found = probabilities_of(layer, hidden, tokens)
        assert found.shape == (2, layer.heads, 5, 78)
        torch.testing.assert_close(found.sum(-1), torch.ones(2, layer.heads, 5))
        torch.testing.assert_close(found[..., 77:].sum(-1), torch.full((2, layer.heads, 5), share))


def test_a_city_has_gates_too(prior: PlaceDiffusionPipeline) -> None:
    encoder = CityPlaceEncoder(width=32, city=asdict(load_city("paris")), scales=3, gates=4)
    parts = {name: getattr(prior, name) for name in ("vae", "text_encoder", "tokenizer", "unet", "scheduler")}
    city = PlaceDiffusionPipeline(**parts, place_encoder=encoder, image_size=prior.image_size, caption="a street")
    pictures = []
    for gate in (0.0, 0.8):
        torch.nn.init.constant_(encoder.gate, gate)
        for east_m in (-2000.0, 1500.0):
            place, seed = {"east_m": east_m, "north_m": 0.0}, torch.Generator().manual_seed(0)
            pictures.append(city.sample(place, 1, num_inference_steps=2, generator=seed))
    assert torch.equal(pictures[0], pictures[1]) and not torch.allclose(pictures[2], pictures[3])


def test_a_compact_prior_has_no_gates() -> None:
    prior = tiny_prior()
    assert prior.place_encoder.gate is None and prior.place_encoder.config["gates"] == 0


def test_gates_of_another_unet_are_refused(base: Path, prior: PlaceDiffusionPipeline, tmp_path: Path) -> None:
    prior.place_encoder.make_gates(2)
    with pytest.raises(UserError, match="has 2 gates, but the U-Net 4 cross-attention layers"):
        install_gates(prior.unet, prior.place_encoder)


def test_base_models_of_different_seeds_differ(base: Path, tmp_path: Path) -> None:
    other = prior_on(write_base_model(tmp_path, seed=1))
    with torch.no_grad():
        assert not torch.equal(predicted(other, [0.0, 0.0]), predicted(prior_on(base), [0.0, 0.0]))


@torch.no_grad()
def test_how_it_attends_is_what_it_computes(prior: PlaceDiffusionPipeline) -> None:
    """The shares sum to 1 and, put to the values with the gate's sign, give the layer's output."""
    encoder = prior.place_encoder
    assert encoder.gate is not None
    encoder.gate.fill_(-0.7)
    layer = next(iter(cross_attention_layers(prior.unet).values()))
    torch.manual_seed(0)
    hidden, tokens = torch.randn(2, 9, layer.query_dim), torch.randn(2, 7 + encoder.tokens, layer.cross_attention_dim)
    shares = probabilities_of(layer, hidden, tokens)
    torch.testing.assert_close(shares.sum(-1), torch.ones(2, layer.heads, 9))
    gate = torch.tensor(-0.7).tanh()
    sign = torch.cat([torch.ones(7), gate.sign().expand(encoder.tokens)])
    values = layer.to_v(tokens).unflatten(2, (layer.heads, -1)).transpose(1, 2)
    mixed = (1 + gate.abs()) * (shares * sign) @ values
    expected = layer.to_out[0](mixed.transpose(1, 2).flatten(2))
    torch.testing.assert_close(layer(hidden, tokens), expected, atol=1e-5, rtol=1e-4)

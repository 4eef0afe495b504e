"""Attention maps: true probabilities, at the right pixels, by word and place token, and no change of the image."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from torch import Tensor, nn

from gpslift.conditioning.text import train_tokenizer
from gpslift.priors.attention import attention_maps, place_groups, text_groups
from gpslift.priors.listening import listening, probabilities_of
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from tests.priors.conftest import tiny_prior
from tests.priors.tiny_city import tiny_city_prior


def layer(sharpness: float = 50.0) -> Attention:
    """One head of four channels: a query attends to the tokens that equal it."""
    attention = Attention(query_dim=4, cross_attention_dim=4, heads=1, dim_head=4)
    nn.init.eye_(attention.to_k.weight)
    attention.to_q.weight = nn.Parameter(sharpness * torch.eye(4))
    return attention


class ToyUNet(nn.Module):
    """Attends to tokens at these sides, one layer each; the left half of a picture to token 1, the right to token 2."""

    def __init__(self, *sides: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layer() for _ in sides)
        self.own = Attention(query_dim=4, heads=1, dim_head=4)
        self.sides = sides

    def forward(self, rows: int) -> None:
        tokens = torch.eye(4).expand(rows, -1, -1)
        for side, attend in zip(self.sides, self.layers, strict=True):
            right = (torch.arange(side) >= side // 2).long().expand(side, -1).flatten()
            hidden = torch.eye(4)[1 + right].expand(rows, -1, -1)
            attend(hidden, encoder_hidden_states=tokens)
            self.own(hidden)  # looks at other pixels: no token is in it


def test_attending_to_one_token_alone_shows_in_its_map_alone() -> None:
    unet = ToyUNet(4)
    with listening(unet, 2) as heard:
        unet(2)
    maps = heard.maps(8)
    assert maps.shape == (2, 4, 8, 8)
    assert maps[:, 1, :, :3].min() > 0.99 and maps[:, 1, :, 5:].max() < 0.01
    assert maps[:, 2, :, 5:].min() > 0.99 and maps[:, 2, :, :3].max() < 0.01
    assert maps[:, [0, 3]].max() < 0.01


def test_the_coarsest_two_resolutions_count_alike() -> None:
    unet = ToyUNet(8, 4, 2, 2, 2, 4, 8)
    unet.layers[2].to_q.weight.data.zero_()  # one of three layers of the coarsest: a quarter everywhere
    with listening(unet, 1) as heard:
        unet(1)
        unet(1)
    assert set(heard.sums) == {4, 2}
    with listening(unet, 1, resolutions=1) as coarsest:
        unet(1)
    assert set(coarsest.sums) == {2}
    left = heard.maps(8)[0, :, 0, 0]
    assert float(left[1]) == pytest.approx((1 + (1 + 1 + 0.25) / 3) / 2, abs=1e-3)


def test_only_the_branch_with_the_place_counts() -> None:
    unet = ToyUNet(2)
    with listening(unet, 1) as heard:
        tokens = torch.eye(4).repeat(2, 1, 1)
        hidden = torch.stack([torch.eye(4)[[0]].expand(4, -1), torch.eye(4)[[3]].expand(4, -1)])
        unet.layers[0](hidden, encoder_hidden_states=tokens)
    assert heard.maps(2).shape[0] == 1 and heard.maps(2)[0, 3].min() > 0.99


def test_probabilities_are_what_the_layer_itself_takes() -> None:
    torch.manual_seed(0)
    attention = Attention(query_dim=8, cross_attention_dim=6, heads=2, dim_head=4)
    hidden, tokens = torch.randn(3, 9, 8), torch.randn(3, 5, 6)
    share = probabilities_of(attention, hidden, tokens)
    assert share.shape == (3, 2, 9, 5) and torch.allclose(share.sum(-1), torch.ones(3, 2, 9))
    values = attention.to_v(tokens).unflatten(2, (2, -1)).transpose(1, 2)
    mixed = attention.to_out[0]((share @ values).transpose(1, 2).flatten(2))
    assert torch.allclose(attention(hidden, encoder_hidden_states=tokens), mixed, atol=1e-6)


def test_a_processor_that_knows_its_probabilities_is_asked() -> None:
    class Gated(AttnProcessor2_0):
        def probabilities(self, attention: Attention, hidden: Tensor, tokens: Tensor) -> Tensor:
            return torch.tensor([0.0, 0.0, 0.0, 1.0]).expand(len(hidden), 1, hidden.shape[1], 4)

    unet = ToyUNet(2)
    unet.layers[0].set_processor(Gated())
    with listening(unet, 1) as heard:
        unet(1)
    assert torch.equal(heard.maps(2)[0, 3], torch.ones(2, 2))


@pytest.mark.parametrize("scales", [(1.0, 1.0), (3.0, 3.0), (2.0, 5.0)])
def test_images_are_the_same_and_maps_sum_to_1(prior: PlaceDiffusionPipeline, scales: tuple[float, float]) -> None:
    def settings() -> dict[str, Any]:
        generators = [torch.Generator().manual_seed(seed) for seed in (0, 1)]
        return {"num_inference_steps": 2, "generator": generators} | dict(
            zip(("guidance_scale_text", "guidance_scale_place"), scales, strict=True)
        )

    place = {"azimuth_deg": [0.0, 90.0], "frame_width_m": 100.0}
    images, maps = attention_maps(prior, place, 2, ["A photo", "A tower, by day"], **settings())
    assert torch.equal(images, prior.sample(place, 2, ["A photo", "A tower, by day"], **settings()))
    for one in maps:
        assert one.probabilities.shape == (24 + 3, 16, 16)
        assert torch.allclose(one.probabilities.sum(0), torch.ones(16, 16), atol=1e-5)
    names = [[name for name, _ in one.named()] for one in maps]
    assert names[0] == ["A", "photo", "azimuth", "frame width", "elevation"]
    assert names[1] == ["A", "tower,", "by", "day", "azimuth", "frame width", "elevation"]
    azimuth = dict(maps[1].named())["azimuth"]
    assert torch.equal(azimuth, maps[1].probabilities[24])


def test_one_prompt_in_a_list_is_for_all_images(prior: PlaceDiffusionPipeline) -> None:
    _, maps = attention_maps(prior, {"azimuth_deg": [0.0, 90.0]}, 2, ["A tower"], num_inference_steps=1)
    assert [name for name, _ in maps[1].named()][:2] == ["A", "tower"]


def test_nothing_is_heard_afterwards_even_after_an_error(prior: PlaceDiffusionPipeline) -> None:
    def hooks() -> int:
        return sum(len(module._forward_pre_hooks) for module in prior.unet.modules())

    with pytest.raises(RuntimeError, match="broken"), listening(prior.unet, 1):
        assert hooks() > 0
        raise RuntimeError("broken")
    assert hooks() == 0
    attention_maps(prior, {}, 1, num_inference_steps=1)
    assert hooks() == 0


def test_nothing_heard_is_an_error() -> None:
    with listening(nn.Linear(1, 1), 1) as heard, pytest.raises(ValueError, match="no cross-attention"):
        heard.maps(8)


def test_pieces_of_a_word_are_one_group() -> None:
    tokenizer = train_tokenizer(["a photo"], length=16)
    groups = text_groups(tokenizer, "A café, photo")
    assert [group.name for group in groups] == ["A", "café,", "photo"]
    assert [position for group in groups for position in group.tokens] == list(range(1, 1 + 1 + 7 + 1))
    assert text_groups(tokenizer, "") == []
    cut = text_groups(tokenizer, "photo " * 40)
    assert len(cut) == 14 and cut[-1].tokens == (14,)


def test_words_of_a_tokenizer_that_marks_their_ends() -> None:
    """As CLIP's tokenizer of Stable Diffusion does."""
    pieces = {0: "<s>", 1: "a</w>", 2: "sky", 3: "line</w>", 4: ",</w>", 5: "</s>"}

    class Ends:
        is_fast, all_special_ids, model_max_length = False, [0, 5], 77

        def __call__(self, text: str, **settings: Any) -> Any:
            return SimpleNamespace(input_ids=[0, 1, 2, 3, 4, 5])

        def convert_ids_to_tokens(self, numbers: list[int]) -> list[str]:
            return [pieces[number] for number in numbers]

        def decode(self, numbers: list[int]) -> str:
            return "".join(pieces[number].replace("</w>", " ") for number in numbers)

    groups = text_groups(Ends(), "a skyline,")
    assert [(group.name, group.tokens) for group in groups] == [("a", (1,)), ("skyline", (2, 3)), (",", (4,))]


def test_place_tokens_are_called_by_what_they_tell() -> None:
    scales = place_groups(tiny_city_prior().place_encoder, 24)
    assert [group.name for group in scales] == ["18 km", "1.9 km", "190 m", "20 m"]
    assert [group.tokens for group in scales] == [(24,), (25,), (26,), (27,)]
    assert [group.name for group in place_groups(tiny_city_prior("paper").place_encoder, 0)] == [
        "longitude",
        "latitude",
    ]
    assert place_groups(tiny_prior().place_encoder, 0)[0].name == "azimuth"

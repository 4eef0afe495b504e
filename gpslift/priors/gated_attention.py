"""Place tokens on a pretrained U-Net: an attention of their own, through a gate that starts at zero.

Each cross-attention layer gives Attn(q, text) + tanh(gate) Attn(q, place), with the layer's own projections. With its
gates at zero the U-Net is the base model to the last bit, so that training starts from what it knows, and not from text
attention diluted by tokens that it has never seen. The gates are the place encoder's, one a layer: the U-Net's folder
stays that of a plain diffusers U-Net.
"""

from typing import Any

import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from gpslift.conditioning.place import PlaceEncoder
from gpslift.errors import UserError
from gpslift.priors.listening import softmax_over_tokens


class GatedPlaceAttention:
    """A diffusers attention processor of one cross-attention layer. The tokens' last `encoder.tokens` are the place's.

    Other processors (attention slicing, xformers) put in its place would hear the place tokens as if they were text.
    """

    def __init__(self, encoder: PlaceEncoder, layer: int) -> None:
        self.encoder, self.layer = encoder, layer

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """Hidden states [B, N, C] that look at tokens [B, L + T, D] of text and place, to [B, N, C]."""
        count, gates = self.encoder.tokens, self.encoder.gate
        assert gates is not None and attention_mask is None
        query = attn.to_q(hidden_states)
        # Contiguous, as the base model's text is: torch multiplies slices another way, which differs in the last digit.
        text = encoder_hidden_states[:, :-count].contiguous()
        place = encoder_hidden_states[:, -count:].contiguous()
        gate = gates[self.layer].tanh().to(query.dtype)
        heard = _attend(attn, query, text) + gate * _attend(attn, query, place)
        return attn.to_out[1](attn.to_out[0](heard))

    def probabilities(self, attn: Any, hidden: Tensor, tokens: Tensor) -> Tensor:
        """How the layer attends [B, heads, N, L + T], for attention maps: |tanh(gate)| to the place, 1 to the text."""
        count, gates = self.encoder.tokens, self.encoder.gate
        assert gates is not None
        gate = gates[self.layer].tanh().abs()
        text = softmax_over_tokens(attn, hidden, tokens[:, :-count])
        place = softmax_over_tokens(attn, hidden, tokens[:, -count:])
        return torch.cat([text, gate * place], -1) / (1 + gate)


def _attend(attn: Any, query: Tensor, tokens: Tensor) -> Tensor:
    """Multi-head attention of queries [B, N, C] to tokens [B, L, D], before the output projection."""
    shape = (len(query), -1, attn.heads, query.shape[-1] // attn.heads)
    queries, keys, values = (part.view(shape).transpose(1, 2) for part in (query, attn.to_k(tokens), attn.to_v(tokens)))
    return scaled_dot_product_attention(queries, keys, values).transpose(1, 2).reshape(query.shape)


def cross_attention_layers(unet: nn.Module) -> dict[str, Any]:
    """The U-Net's layers that look at tokens, by name, in the order in which the gates count them."""
    return {
        name: module
        for name, module in unet.named_modules()
        if isinstance(module, Attention) and module.is_cross_attention
    }


@torch.no_grad()
def install_gates(unet: nn.Module, encoder: PlaceEncoder) -> None:
    """Has the U-Net's cross-attention layers hear the place through the encoder's gates, if it has any.

    Raises UserError where the encoder has not one gate a layer, or where the layers are not Stable Diffusion's kind.
    """
    if encoder.gate is None:
        return
    layers = cross_attention_layers(unet)
    if len(layers) != len(encoder.gate):
        raise UserError(
            f"the place encoder has {len(encoder.gate)} gates, but the U-Net {len(layers)} cross-attention layers: "
            "they are not of one prior"
        )
    for number, (name, layer) in enumerate(layers.items()):
        extras = (layer.group_norm, layer.spatial_norm, layer.norm_cross, layer.norm_q, layer.norm_k)
        if any(extra is not None for extra in extras) or layer.residual_connection or layer.rescale_output_factor != 1:
            raise UserError(f"the U-Net's layer {name} is not of Stable Diffusion's kind; places cannot enter there")
        layer.set_processor(GatedPlaceAttention(encoder, number))

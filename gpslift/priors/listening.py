"""Listening to a U-Net's cross-attention: which tokens each pixel attends to.

The layers are heard through hooks, not replaced: nothing that they compute changes, whichever processor they have.
A layer's probabilities are its softmax over all tokens. A processor that attends otherwise (to the place through a gate
of its own, for example) has a method `probabilities(attention, hidden, tokens) -> [B, heads, Q, L + T]`, which is asked
instead; they sum to 1 over the tokens.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn
from torch.nn.functional import interpolate

RESOLUTIONS = 2
"""How many of the coarsest cross-attention resolutions count, where there are as many."""


class Heard:
    """Sums of attention probabilities, by resolution; the coarsest `resolutions` are kept. count: of the images."""

    def __init__(self, count: int, resolutions: int) -> None:
        self.count, self.resolutions = count, resolutions
        self.sums: dict[int, Tensor] = {}  # by the side of the map: [count, L + T, side, side]

    def add(self, attention: Attention, hidden: Tensor, tokens: Tensor) -> None:
        """One call of one layer. The last `count` rows are the branch that is told text and place."""
        hidden, tokens = hidden[-self.count :], tokens[-self.count :]
        side = int(hidden.shape[1] ** 0.5)
        finer = sorted({*self.sums, side})[self.resolutions :]
        for size in finer:
            self.sums.pop(size, None)
        if side in finer:
            return
        mean = probabilities_of(attention, hidden, tokens).mean(1)  # [count, side^2, L + T]
        maps = mean.transpose(1, 2).unflatten(2, (side, side))
        self.sums[side] = self.sums[side] + maps if side in self.sums else maps

    def maps(self, size: int) -> Tensor:
        """Maps [count, L + T, size, size], on the CPU: each resolution counts as much as the other."""
        if not self.sums:
            raise ValueError("nothing was heard: the U-Net has no cross-attention, or was not called")
        each = [sums / sums.sum(1, keepdim=True) for sums in self.sums.values()]
        enlarged = [interpolate(maps, (size, size), mode="bilinear", align_corners=False) for maps in each]
        return torch.stack(enlarged).mean(0).cpu()


@contextmanager
def listening(unet: nn.Module, count: int, resolutions: int = RESOLUTIONS) -> Iterator[Heard]:
    """Within it, the calls of the U-Net's cross-attention are heard; afterwards, on errors too, none is."""
    heard = Heard(count, resolutions)

    def hear(attention: nn.Module, args: tuple[Any, ...], settings: dict[str, Any]) -> None:
        given = dict(zip(("hidden_states", "encoder_hidden_states"), args, strict=False)) | settings
        if given.get("encoder_hidden_states") is not None:
            heard.add(attention, given["hidden_states"], given["encoder_hidden_states"])

    layers = [layer for layer in unet.modules() if isinstance(layer, Attention)]
    handles = [layer.register_forward_pre_hook(hear, with_kwargs=True) for layer in layers]
    try:
        yield heard
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def probabilities_of(attention: Attention, hidden: Tensor, tokens: Tensor) -> Tensor:
    """How a layer attends [B, heads, Q, L + T]: from Q queries `hidden` [B, Q, C] to tokens [B, L + T, D]; float32.

    The softmax over all tokens, unless the layer's processor says otherwise (see above).
    """
    own = getattr(attention.processor, "probabilities", softmax_over_tokens)
    result: Tensor = own(attention, hidden, tokens)
    return result


def softmax_over_tokens(attention: Attention, hidden: Tensor, tokens: Tensor) -> Tensor:
    """softmax(query key^T / sqrt(channels of a head)) [B, heads, Q, T] of queries [B, Q, C] to tokens [B, T, D]."""
    if attention.group_norm is not None:
        hidden = attention.group_norm(hidden.transpose(1, 2)).transpose(1, 2)
    if attention.norm_cross:
        tokens = attention.norm_encoder_hidden_states(tokens)
    query, key = (
        values.unflatten(2, (attention.heads, -1)).transpose(1, 2)
        for values in (attention.to_q(hidden), attention.to_k(tokens))
    )
    if attention.norm_q is not None:
        query = attention.norm_q(query)
    if attention.norm_k is not None:
        key = attention.norm_k(key)
    with torch.autocast(query.device.type, enabled=False):  # bf16 would leave two digits of a score
        return (query.float() @ key.float().transpose(2, 3) * attention.scale).softmax(-1)

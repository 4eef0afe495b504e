"""Pictures shown more solid than they are."""

import math
from dataclasses import replace

import torch
from torch import Tensor

from renderers.render import Render

DRAWN_TO_HALF = 0.35
"""The opacity that becomes 1/2 in a picture that is sharpened fully: from there matter is drawn to solid."""


def decidedness(opacity: Tensor) -> Tensor:
    """How opaque what is seen is: opacity's mean, weighted by itself, of pictures [B, H, W]: [B, 1, 1].

    1: every pixel is clear or solid. Much below: matter is spread thin.
    """
    return opacity.square().sum((1, 2), keepdim=True) / opacity.sum((1, 2), keepdim=True).clamp_min(1e-3)


def sharpened(opacity: Tensor, between: tuple[float, float]) -> Tensor:
    """Opacity [B, H, W] drawn to 0 and 1 in undecided pictures: fully below the first decidedness, not from the second.

    Fully: its odds are squared, so that `DRAWN_TO_HALF` becomes 1/2. Gradients go through the share, too: held back
    there, score distillation dissolved the Space Needle's shaft.
    """
    low, high = between
    share = ((high - decidedness(opacity)) / max(high - low, 1e-6)).clamp(0, 1)
    odds = opacity.clamp(1e-4, 1 - 1e-4).logit()
    half = math.log(DRAWN_TO_HALF / (1 - DRAWN_TO_HALF))
    return torch.where(share > 0, ((1 + share) * odds - 2 * share * half).sigmoid(), opacity)


def decided(render: Render, between: tuple[float, float]) -> Render:
    """The pictures with their opacity `sharpened`, and colours to match; with a second decidedness of 0 as they are.

    A thin thing that stands a little elsewhere in each of a prior's pictures is half opaque in their mean. To the prior
    that is a thing in haze, and below a timestep of about 0.8 it gives haze back, a little thinner: the Space Needle
    and Stonehenge faded until they were gone. Shown as solid it is answered as solid, if the prior believes in it.
    """
    if between[1] <= 0:
        return render
    opacity = sharpened(render.opacity.float(), between)
    clear = (1 - render.opacity)[..., None] * render.background
    own = ((render.color - clear) / render.opacity.clamp_min(1e-4)[..., None]).clamp(0, 1)
    return replace(render, color=torch.lerp(render.background, own, opacity[..., None]), opacity=opacity)

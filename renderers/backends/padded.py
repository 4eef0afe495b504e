"""Volume rendering with plain torch, on tables with one row a ray: what most engines have in common."""

from torch import Tensor

from renderers.samples import Samples
from renderers.volume import render_weights


class PaddedRendering:
    """`weights` and `sum` of the contract for every device and float type; gradients by autograd."""

    def weights(self, density: Tensor, samples: Samples, rays: int) -> Tensor:
        """See `Engine.weights`."""
        padding = samples.padding
        return padding.unpad(render_weights(padding.pad(density), padding.pad(samples.length)))

    def sum(self, values: Tensor, samples: Samples, rays: int) -> Tensor:
        """See `Engine.sum`."""
        return samples.padding.sum(values, rays)

"""The regularisers of a lift, each with its weight and its schedule."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from gpslift.collectives import share_of_mean
from gpslift.schema.lift import LossConfig
from renderers.losses import distortion_loss, entropy_loss, opacity_loss, orientation_loss, sparsity_loss
from renderers.render import Render

Ramp = tuple[float, ...]


@dataclass(frozen=True)
class Term:
    """One regulariser: its full weight, the shares of the steps between which it grows from 0 to that, its value."""

    weight: float
    ramp: Ramp
    value: Callable[[Render], Tensor]


class Regularisers:
    """The weighted sum of the regularisers of a lift.

    step_length: of a ray, world units. span: longest way through the box, world units; distances along rays are
    measured by it.
    """

    def __init__(self, losses: LossConfig, *, step_length: float, span: float) -> None:
        self.undecided, self.step_length, self.span = losses.undecided, step_length, span

        def term(weight: float, ramp: list[float], value: Callable[[Render], Tensor]) -> Term:
            return Term(weight, tuple(ramp or losses.ramp), value)

        self.terms = {
            "opacity": term(losses.opacity, losses.opacity_ramp, lambda render: opacity_loss(render.opacity)),
            "sparsity": term(losses.sparsity, losses.sparsity_ramp, self.sparsity),
            "entropy": term(losses.entropy, losses.entropy_ramp, self.entropy),
            "distortion": term(losses.distortion, losses.distortion_ramp, self.distortion),
            "orientation": term(losses.orientation, losses.orientation_ramp, orientation),
        }

    def weight(self, name: str, share: float) -> float:
        """Weight of a regulariser when `share` of the steps are done."""
        term = self.terms[name]
        return term.weight * grown(term.ramp, share)

    def __call__(self, render: Render, share: float) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum when `share` of the steps are done, a scalar; and what of it each is, to log."""
        totals: dict[Ramp, Tensor] = {}  # terms that grow together are summed first, and scaled once
        figures: dict[str, Tensor] = {}
        for name, term in self.terms.items():
            if self.weight(name, share) > 0:
                weighted = term.weight * term.value(render)
                figures[f"loss_{name}"] = grown(term.ramp, share) * weighted.detach()
                totals[term.ramp] = totals[term.ramp] + weighted if term.ramp in totals else weighted
        whole = render.opacity.new_zeros(())
        for ramp, total in totals.items():
            whole = whole + grown(ramp, share) * total
        return whole, figures

    def sparsity(self, render: Render) -> Tensor:
        """Of all samples; 0 if there is none."""
        evenly = share_of_mean(len(render.density), render.density.device)  # another process has more samples, or fewer
        if len(render.density) == 0:
            return render.opacity.new_zeros(())
        return evenly * sparsity_loss(render.density, self.step_length)

    def entropy(self, render: Render) -> Tensor:
        """Of all rays."""
        return entropy_loss(render.opacity, self.undecided)

    def distortion(self, render: Render) -> Tensor:
        """Of all rays, with the box's diagonal as the unit of distance."""
        samples = render.samples
        pad = samples.padding.pad
        bounds = pad(samples.start / self.span), pad(samples.end / self.span)
        return distortion_loss(pad(render.weights), *bounds, render.opacity.numel())


def grown(ramp: Ramp, share: float) -> float:
    """How far a weight has grown, 0 to 1, when `share` of the steps are done: linearly between the ramp's shares."""
    start, full = ramp
    return min(max((share - start) / max(full - start, 1e-6), 0.0), 1.0)


def orientation(render: Render) -> Tensor:
    """Of the samples that got normals: the render must have been asked for them."""
    normals = render.sampled_normals
    if normals is None:
        raise ValueError("a render without normals has no orientation: ask for normals='sampled'")
    return orientation_loss(normals.weight, normals.normal, normals.direction, render.opacity.numel())

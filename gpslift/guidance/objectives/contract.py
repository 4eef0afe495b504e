"""What all objectives of score distillation share: one call, pictures, place, step -> loss and what to log."""

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor
from torch.nn.functional import mse_loss

from gpslift.cameras import Cameras
from gpslift.conditioning.place import Place
from gpslift.guidance.asking import Guidance


@dataclass(frozen=True)
class Seen:
    """Rendered pictures [B, 3, H, W] in [0, 1], and how much of what is behind shows through: [B, 1, H, W], 0 to 1.

    cameras: that they were rendered from, B of them, for the objectives that ask.
    """

    pictures: Tensor
    clear: Tensor
    cameras: Cameras | None = None


class Objective(Protocol):
    """What a lift minimises beside its regularisers. It may look at whole pictures before it judges parts of them."""

    guidance: Guidance
    """How the prior is asked; a lift may change that between steps."""
    stride: int
    """1: judges whole pictures. n > 1: judges one of the n x n interleaved grids of pixels at a time."""

    def needs_pictures(self, step: int) -> bool:
        """Whether `look` must be called before this step's loss."""
        ...

    def look(self, seen: Seen, place: Place, step: int, first: int) -> None:
        """Whole pictures, without gradients, of the global samples from `first` on."""
        ...

    def __call__(self, seen: Seen, place: Place, step: int, first: int) -> tuple[Tensor, dict[str, float]]:
        """Pictures of H / stride x W / stride pixels, seen from `place`: the loss, and figures to log.

        The loss is a mean over the batch: of several processes that share one, the mean of their losses is that of all.
        """
        ...

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs, in plain types. Several processes call it together, and get the same."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse. A state of another objective changes nothing."""
        ...


class WholePictures:
    """The part of the contract that is alike in objectives that judge whole pictures and keep nothing."""

    stride = 1

    def needs_pictures(self, step: int) -> bool:
        """Never: the loss itself sees whole pictures."""
        return False

    def look(self, seen: Seen, place: Place, step: int, first: int) -> None:
        """Nothing to look for."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing to keep."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to bring back."""


def loss_with_gradient(latents: Tensor, gradient: Tensor) -> Tensor:
    """A loss whose gradient by the latents is `gradient` over their number: half the mean square to a fixed target.

    A mean over latents, so that its size hangs neither on theirs nor on the batch's.
    """
    return 0.5 * mse_loss(latents, latents.detach() - gradient)


def interleaved(step: int, stride: int) -> tuple[slice, slice]:
    """Rows and columns of the grid of pixels that is judged at a step: all stride^2 of them take turns."""
    row, column = divmod(step % stride**2, stride)
    return slice(row, None, stride), slice(column, None, stride)

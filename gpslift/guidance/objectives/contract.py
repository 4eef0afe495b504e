"""What all objectives of score distillation share: one call, pictures, place, step -> loss and what to log."""

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from gpslift.cameras import Cameras
from gpslift.conditioning.place import Place
from gpslift.guidance.asking import Guidance


@dataclass(frozen=True)
class Seen:
    """Rendered pictures [B, 3, H, W] in [0, 1], and how much of what is behind shows through: [B, 1, H, W], 0 to 1.

    cameras: that they were rendered from, B of them, for the objectives that ask. hazed: what the pictures would be if
    all their matter had the colour of what is behind it, [B, 3, H, W], for those that keep haze away.
    """

    pictures: Tensor
    clear: Tensor
    cameras: Cameras | None = None
    hazed: Tensor | None = None


class Objective(Protocol):
    """What a lift minimises beside its regularisers. It may look at whole pictures before it judges parts of them."""

    guidance: Guidance
    """How the prior is asked."""
    stride: int
    """1: judges whole pictures. n > 1: judges one of the n x n interleaved grids of pixels at a time."""
    reuse: int
    """Steps that share their cameras, as they share what the prior made of them."""
    makes_pictures: bool
    """Whether it compares renders with pictures that the prior makes: skies may be tinted then, and renders are
    compared as they are."""

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


def interleaved(step: int, stride: int) -> tuple[slice, slice]:
    """Rows and columns of the grid of pixels that is judged at a step: all stride^2 of them take turns."""
    row, column = divmod(step % stride**2, stride)
    return slice(row, None, stride), slice(column, None, stride)

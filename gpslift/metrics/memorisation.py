"""Does a prior repeat its training photos? Distances to the nearest of them, beside those of held-out photos."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

SIDE = 16
CLOSE_QUANTILE = 0.01


@dataclass(frozen=True)
class Memorisation:
    """Median distance to the nearest training photo, of generated images and of held-out photos.

    Distances are root mean square differences of pixels in [0, 1].
    close_share: share of the generated images that are closer to a training photo than 99 % of the held-out photos are;
    a prior that copies nothing has about 0.01, or less where its images are plainer than photos.
    """

    generated: float
    held_out: float
    close_share: float

    def __str__(self) -> str:
        return (
            f"nearest training photo: {self.generated:.3f} from generated images, {self.held_out:.3f} from held-out; "
            f"{100 * self.close_share:.1f} % of the generated ones are closer than 99 % of the held-out ones"
        )


def nearest_photos(images: Tensor, training: Tensor, chunk: int = 1024) -> tuple[Tensor, Tensor]:
    """The RMS difference [N] of each image to the nearest training photo, and which [N] it is, as 16 x 16 pixels.

    images, training: [*, 3, S, S], colours in [0, 1] (uint8 is divided by 255). Small pictures forgive what a shift of
    a pixel or noise changes.
    """
    points = _small(images)
    nearest, which = torch.full((len(points),), torch.inf), torch.zeros(len(points), dtype=torch.long)
    for start in range(0, len(training), chunk):
        apart, row = torch.cdist(points, _small(training[start : start + chunk])).min(1)
        which = torch.where(apart < nearest, row + start, which)
        nearest = torch.minimum(nearest, apart)
    return nearest / points.shape[1] ** 0.5, which


def nearest_distances(images: Tensor, training: Tensor, chunk: int = 1024) -> Tensor:
    """The RMS difference [N] of each image to the nearest training photo: see `nearest_photos`."""
    return nearest_photos(images, training, chunk)[0]


def memorisation(generated: Tensor, held_out: Tensor, training: Tensor) -> Memorisation:
    """Compares generated images and held-out photos by their nearest training photos; all [*, 3, S, S]."""
    ours, theirs = nearest_distances(generated, training), nearest_distances(held_out, training)
    close = torch.quantile(theirs, CLOSE_QUANTILE)
    return Memorisation(float(ours.median()), float(theirs.median()), float((ours < close).float().mean()))


def _small(images: Tensor) -> Tensor:
    values = images.float() / 255 if images.dtype == torch.uint8 else images.float()
    return interpolate(values, (SIDE, SIDE), mode="area").flatten(1)

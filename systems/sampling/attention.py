"""Where a prior looks while it makes pictures (`--sample sample.attention=true`)."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Generator, Tensor

from gpslift.conditioning.place import Place
from gpslift.pictures import overlay, save_grid
from gpslift.priors.attention import AttentionMaps, maps_of
from gpslift.priors.listening import listening
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.schema.image_prior import ImagePriorConfig
from systems.sampling.common import portions, sample_images

COLUMNS_MOST = 12
LEAST_SPREAD, LEAST_SHARE = 0.25, 1e-3


def sample_with_attention(
    prior: PlaceDiffusionPipeline, place: Place, noise: Sequence[Generator], config: ImagePriorConfig
) -> tuple[Tensor, list[AttentionMaps]]:
    """The images of `sample_images`, the very same, and the attention maps of each."""
    images, maps = [], []
    for rows in portions(prior, place):
        part = {name: values[rows] for name, values in place.items()}
        count = len(next(iter(part.values())))
        with listening(prior.unet, count) as heard:
            images.append(sample_images(prior, part, noise[rows], config))
        maps += maps_of(prior, heard, [config.sample.prompt or prior.caption] * count)
    return torch.cat(images), maps


def write_attention(images: Tensor, maps: Sequence[AttentionMaps], labels: Sequence[str], path: Path) -> None:
    """For each image one line: the image, then where more (hot) or less (cold) attention goes to each token.

    Many tokens take a line each kind.
    A tile is labelled with its token and the least and greatest share of a pixel's attention that goes there.
    """
    lines = [line for each in zip(images, maps, labels, strict=True) for line in _lines(*each)]
    columns = max(len(line) for line in lines)
    blank = torch.zeros_like(images[0]), ""
    tiles = [tile for line in lines for tile in [*line, *[blank] * (columns - len(line))]]
    save_grid(torch.stack([image for image, _ in tiles]), path, columns, labels=[label for _, label in tiles])


def _lines(image: Tensor, maps: AttentionMaps, label: str) -> list[list[tuple[Tensor, str]]]:
    """The tiles of one image and their labels, at most COLUMNS_MOST a line."""
    heats: dict[str, list[tuple[Tensor, str]]] = {"text": [], "place": []}
    for group, (name, share) in zip(maps.groups, maps.named(), strict=True):
        heats[group.kind].append((overlay(image, contrast(share)), f"{name}  {_told(share)}"))
    width, blank = COLUMNS_MOST - 1, (torch.zeros_like(image), "")
    kinds = [heats["text"] + heats["place"]]
    if len(kinds[0]) > width:
        kinds = [heats["text"], heats["place"]]
    rows = [kind[start : start + width] for kind in kinds for start in range(0, len(kind), width)]
    return [[blank if number else (image, label), *row] for number, row in enumerate(rows)]


def contrast(share: Tensor) -> Tensor:
    """Shares of attention [S, S] as heat in [-1, 1]: their mean is 0, the farthest from it -1 or 1.

    Unless it is nearer than a quarter of the mean: what is the same everywhere shall look so, and not as the noise in
    it.
    """
    mean = share.mean()
    least = (mean * LEAST_SPREAD).clamp_min(LEAST_SHARE)
    return (share - mean) / torch.maximum((share - mean).abs().max(), least)


def _told(share: Tensor) -> str:
    """The range of a map in words: '2.4-2.9 %', or '25.0 %' if it is the same everywhere."""
    low, high = (f"{100 * float(value):.1f}" for value in (share.min(), share.max()))
    return f"{low} %" if low == high else f"{low}-{high} %"

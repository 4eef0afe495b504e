"""Pictures of single places, and what `sample.attention` and `sample.nearest` add to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from torch import Generator, Tensor

from gpslift.conditioning.place import Place
from gpslift.photos.dataset import PhotoSet
from gpslift.priors.attention import AttentionMaps
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.schema.image_prior import ImagePriorConfig
from gpslift.storage import short_path
from systems.sampling.attention import sample_with_attention, write_attention
from systems.sampling.common import sample_images
from systems.sampling.nearest import training_photos, write_nearest


@dataclass(frozen=True)
class Pictures:
    """Images [N, 3, S, S] in [0, 1] of N places, their attention maps and the training photos, where asked for."""

    images: Tensor
    place: Place
    attention: list[AttentionMaps]
    photos: PhotoSet | None

    def write_extras(self, labels: Sequence[str], folder: Path, console: Console) -> None:
        """attention.png and nearest.png, as far as they were asked for; prints where they are. labels: N."""
        if self.attention:
            write_attention(self.images, self.attention, labels, folder / "attention.png")
            console.print(f"attention: {short_path(folder / 'attention.png')}", highlight=False, soft_wrap=True)
        if self.photos is not None:
            write_nearest(self.images, self.place, labels, self.photos, folder / "nearest.png")
            console.print(f"nearest photos: {short_path(folder / 'nearest.png')}", highlight=False, soft_wrap=True)


def make_pictures(
    prior: PlaceDiffusionPipeline,
    place: Place,
    noise: Sequence[Generator],
    config: ImagePriorConfig,
    path: Path,
    console: Console,
) -> Pictures:
    """Pictures of N places from N noises, as `config.sample` says. path: the prior's.

    Photos are looked for first, so that where there are none it is said before the work.
    """
    photos = training_photos(config, path, prior.image_size, console) if config.sample.nearest else None
    if config.sample.attention:
        images, attention = sample_with_attention(prior, place, noise, config)
        return Pictures(images, place, attention, photos)
    return Pictures(sample_images(prior, place, noise, config), place, [], photos)

"""What a prior's previews show during training: always the same places, texts and noise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from gpslift.conditioning.city_place import CityPlaceEncoder
from gpslift.conditioning.place import Place
from gpslift.photos.dataset import PhotoSet
from gpslift.pictures import save_grid
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.randomness import generator_for
from gpslift.schema.image_prior import ImagePriorConfig, PreviewConfig
from systems.sampling.common import sample_images

AZIMUTHS = [0.0, 45.0, 90.0, 135.0, 180.0, 225.0, 270.0, 315.0]
PLACES = 8
STEPS = 20


@dataclass(frozen=True)
class Preview:
    """Images of these places and prompts ("" = none), below `photos` [N, 3, S, S] in [0, 1] if there are any."""

    place: Place
    prompts: list[str]
    photos: Tensor | None
    columns: int

    def images(self, prior: PlaceDiffusionPipeline, config: ImagePriorConfig) -> Tensor:
        """Samples the images [B, 3, S, S] in [0, 1]."""
        asked = replace(config, sample=replace(config.sample, steps=STEPS))
        return sample_images(prior, self.place, generator_for(config.seed, "preview"), asked, self.prompts)

    def save(self, images: Tensor, path: Path) -> None:
        """Writes them as one picture, below the photos."""
        save_grid(images if self.photos is None else torch.cat([self.photos, images]), path, columns=self.columns)


def azimuth_preview(prompts: Sequence[str]) -> Preview:
    """A landmark from eight sides, a row for each prompt."""
    return _grid({"azimuth_deg": torch.tensor(AZIMUTHS)}, [[prompt] * len(AZIMUTHS) for prompt in prompts])


def city_preview(asked: PreviewConfig, photos: PhotoSet, encoder: CityPlaceEncoder) -> Preview:
    """The places asked for, or eight of the photos and below them their places; a row of images for each prompt.

    Without prompts: the photos' own texts, then none, so that the place alone decides.
    """
    if asked.gps:
        degrees = {"latitude": asked.gps[::2], "longitude": asked.gps[1::2]}
        place = encoder.complete(degrees, len(asked.gps) // 2, torch.device("cpu"))
        return _grid(place, [[prompt] * (len(asked.gps) // 2) for prompt in asked.prompts or [""]])
    rows = torch.linspace(0, len(photos) - 1, min(PLACES, len(photos))).round().long().tolist()
    batch = photos[[(row, row) for row in rows]]
    texts = [[prompt] * len(rows) for prompt in asked.prompts] or [batch["caption"], [""] * len(rows)]
    return _grid({name: batch[name] for name in photos.place}, texts, batch["image"])


def _grid(place: Place, texts: Sequence[Sequence[str]], photos: Tensor | None = None) -> Preview:
    """The places once for each row of texts, which has one for each place."""
    repeated = {name: values.repeat(len(texts)) for name, values in place.items()}
    return Preview(repeated, [text for row in texts for text in row], photos, len(texts[0]))

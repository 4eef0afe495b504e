"""What a prior's previews show during training: always the same places, texts and noise."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gpslift.conditioning.place import Place
from gpslift.photos.dataset import PhotoSet
from gpslift.pictures import save_grid
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.randomness import generator_for
from gpslift.schema.image_prior import ImagePriorConfig

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
        images: Tensor = prior.sample(
            dict(self.place),
            len(self.prompts),
            prompt=self.prompts,
            steps=STEPS,
            guidance_scale_text=config.sample.guidance_scale_text,
            guidance_scale_place=config.sample.guidance_scale_place,
            guidance_rescale=config.sample.guidance_rescale,
            generator=generator_for(config.seed, "preview"),
        )
        return images.float().cpu()

    def save(self, images: Tensor, path: Path) -> None:
        """Writes them as one picture, below the photos."""
        save_grid(images if self.photos is None else torch.cat([self.photos, images]), path, columns=self.columns)


def azimuth_preview(caption: str) -> Preview:
    """A landmark from eight sides, twice."""
    return Preview({"azimuth_deg": torch.tensor(AZIMUTHS * 2)}, [caption] * 2 * len(AZIMUTHS), None, len(AZIMUTHS))


def city_preview(photos: PhotoSet) -> Preview:
    """Eight of the photos, below them images of their texts and places, below those images of their places alone."""
    rows = torch.linspace(0, len(photos) - 1, min(PLACES, len(photos))).round().long().tolist()
    batch = photos[[(row, row) for row in rows]]
    place = {name: batch[name].repeat(2) for name in photos.place}
    return Preview(place, batch["caption"] + [""] * len(rows), batch["image"], len(rows))

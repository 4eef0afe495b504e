"""The nearest training photos beside each picture (`--sample sample.nearest=true`)."""

from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from gpslift.conditioning.place import Place
from gpslift.errors import UserError
from gpslift.geo.subject import load_subject
from gpslift.metrics.memorisation import nearest_photos
from gpslift.photos.datamodule import PhotoDataModule
from gpslift.photos.dataset import PhotoSet
from gpslift.photos.nearest import nearest_by_place
from gpslift.pictures import save_grid
from gpslift.schema.image_prior import ImagePriorConfig
from gpslift.storage import short_path
from gpslift.wording import counted
from systems.sampling.common import trained_config

COLUMNS = 3


def training_photos(config: ImagePriorConfig, path: Path, image_size: int, console: Console) -> PhotoSet:
    """The generator's part of the photos of the prior at `path`; prints which photos they are.

    Raises UserError where that part is empty.
    """
    its = trained_config(config, path)
    subject = load_subject(its.place.kind, its.landmark, its.city)
    photos = PhotoDataModule(its.data, subject, image_size, 1, config.seed)
    part = photos.photos("generator")
    if not len(part):
        raise UserError("sample.nearest: the generator's part has no photos; lower data.judge_share, data.test_share")
    among = counted(len(part), "training photo")
    console.print(f"nearest of {among}: {short_path(photos.manifest.folder)}", highlight=False, soft_wrap=True)
    return part


def write_nearest(images: Tensor, place: Place, labels: Sequence[str], photos: PhotoSet, path: Path) -> None:
    """One row an image: the image, the photo nearest by place (where that is known), the photo nearest by pixels."""
    by_place, placed = nearest_by_place(photos, place)
    by_pixels, alike = nearest_photos(images, torch.from_numpy(photos.pixels(slice(None))))
    unit = "°" if "azimuth_deg" in photos.place else " m"
    tiles, captions = list[Tensor](), list[str]()
    for row, (image, label) in enumerate(zip(images, labels, strict=True)):
        near, same = (torch.from_numpy(photos.pixels([int(which[row])]))[0] / 255 for which in (placed, alike))
        known = by_place[row] == by_place[row]
        tiles += [image, near if known else torch.zeros_like(image), same]
        captions += [
            label,
            f"nearest place: {by_place[row]:.3g}{unit}" if known else "",
            f"nearest pixels: RMS {float(by_pixels[row]):.3f}",
        ]
    save_grid(torch.stack(tiles), path, COLUMNS, labels=captions)

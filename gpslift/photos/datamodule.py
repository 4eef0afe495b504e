"""Photos as Lightning wants them: endless batches of the part that the generator trains on."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Sampler

from gpslift.geo.subject import Subject
from gpslift.photos.dataset import PhotoSet, StepSampler, contents_key, load_photo_set
from gpslift.photos.manifest import Manifest, build_manifest
from gpslift.ranks import is_first_process
from gpslift.schema.image_prior import DataConfig


class PhotoDataModule(pl.LightningDataModule):
    """Batches of a landmark's or a city's photos (see PhotoSet for what a batch holds).

    batch_size: images an optimiser step, over all devices and micro-batches. The train loader starts at the trainer's
    global step. The trainer must be made with use_distributed_sampler=False, as ranks are sliced here.
    """

    def __init__(
        self, data: DataConfig, subject: Subject, image_size: int, batch_size: int, seed: int, accumulate: int = 1
    ) -> None:
        super().__init__()
        self.data, self.subject, self.image_size = data, subject, image_size
        self.batch_size, self.seed, self.accumulate = batch_size, seed, accumulate
        self._manifest: Manifest | None = None
        self._sets: dict[str, PhotoSet] = {}

    @property
    def manifest(self) -> Manifest:
        """The manifest, built at the first call; its `report.text()` is worth printing."""
        if self._manifest is None:
            self._manifest = build_manifest(self.subject, self.data)
        return self._manifest

    def photos(self, part: str) -> PhotoSet:
        """The photos of 'generator', 'judges' or 'test'."""
        if part not in self._sets:
            cache = Path(self.data.cache)
            limit = self.data.image_megapixels_max
            self._sets[part] = load_photo_set(self.manifest, part, self.image_size, cache, limit)
        return self._sets[part]

    def replace(self, part: str, photos: PhotoSet) -> None:
        """From now on these are the part's photos."""
        self._sets[part] = photos

    def prepare_data(self) -> None:
        """Makes all caches, on one process only."""
        self.photos("generator")

    def train_dataloader(self) -> DataLoader[dict[str, Any]]:
        """Endless micro-batches of the generator's part, from the trainer's global step on."""
        photos, trainer = self.photos("generator"), self.trainer
        step, rank, world = (trainer.global_step, trainer.global_rank, trainer.world_size) if trainer else (0, 0, 1)
        return self._loader(
            photos, StepSampler(len(photos), self.batch_size, self.seed, step, self.accumulate, rank, world)
        )

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps of the photos: how many there are, and a key that changes with them."""
        return {"photos": len(self.manifest), "contents": contents_key(self.manifest)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Warns where a resumed training goes on with other photos than it had."""
        now = self.state_dict()
        if state_dict["contents"] != now["contents"] and is_first_process():
            then = state_dict["photos"]
            print(f"warning: unlike the run so far: its photos, {then} then and {now['photos']} now, are not the same")

    def _loader(self, photos: PhotoSet, sampler: Sampler[Any]) -> DataLoader[dict[str, Any]]:
        """A loader with a random generator of its own, so that starting one does not advance torch's global one."""
        return DataLoader(
            photos,
            batch_size=None,
            sampler=sampler,
            num_workers=self.data.workers,
            generator=torch.Generator().manual_seed(self.seed),
        )

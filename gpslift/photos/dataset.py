"""The pixels and viewpoints of one part of a manifest, and the order in which training sees them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, Sampler

from gpslift.errors import UserError
from gpslift.geo.landmarks import Landmark
from gpslift.geo.subject import CITY_INPUTS, LANDMARK_INPUTS, Subject
from gpslift.photos.array_cache import MapFile, cached_array
from gpslift.photos.files import key_of
from gpslift.photos.images import load_square
from gpslift.photos.manifest import Manifest
from gpslift.photos.scan import run_over_photos

_VERSION = 2  # raise with every change of how pixels are made
_FILE = ("path", "bytes", "modified_ns")

Draw = tuple[int, int]
"""Global sample index (how many photos the run had drawn before) and row in the PhotoSet."""


@dataclass(frozen=True)
class PhotoSet(Dataset[dict[str, Any]]):
    """Photos of one part, decoded. Indexing with a list of draws gives a batch.

    images: uint8 [M, 3, S, S], all photos of the manifest, a memory map. rows [N]: which of them are this part's.
    place: what is known of where each was taken, float32 [N] a name (LANDMARK_INPUTS or CITY_INPUTS);
    NaN where unknown. captions: N texts.
    """

    images: NDArray[np.uint8]
    rows: NDArray[np.int64]
    place: dict[str, NDArray[np.float32]]
    captions: list[str]
    subject: Subject

    def __len__(self) -> int:
        return len(self.rows)

    def __getstate__(self) -> dict[str, Any]:
        """What a loader's workers are sent: of memory maps the files alone."""
        return {n: MapFile(str(v.filename)) if isinstance(v, np.memmap) else v for n, v in vars(self).items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update({n: v.opened() if isinstance(v, MapFile) else v for n, v in state.items()})

    def pixels(self, indices: Sequence[int] | NDArray[np.int64] | slice) -> NDArray[np.uint8]:
        """uint8 [len(indices), 3, S, S] of photos of this part."""
        return np.asarray(self.images[self.rows[indices]])

    def __getitem__(self, draws: Sequence[Draw]) -> dict[str, Any]:
        """A batch: image float [B, 3, S, S] in [0, 1], and `labels`."""
        batch = self.labels(draws)
        return {"image": torch.from_numpy(self.pixels(batch["photo"].numpy())).float() / 255.0, **batch}

    def labels(self, draws: Sequence[Draw]) -> dict[str, Any]:
        """The names of `place`, float [B]; index and photo int64 [B] (see Draw); caption, a list of B strings."""
        index, photo = np.array(draws, np.int64).reshape(-1, 2).T
        return {
            **{name: torch.from_numpy(values[photo]) for name, values in self.place.items()},
            "index": torch.from_numpy(index.copy()),
            "photo": torch.from_numpy(photo.copy()),
            "caption": [self.captions[row] for row in photo],
        }


def load_photo_set(
    manifest: Manifest, part: str, image_size: int, cache: Path, megapixels_max: float = 200.0
) -> PhotoSet:
    """One part ('generator', 'judges', 'test') of a manifest; pixels are decoded the first time and cached.

    UserError names a photo that has become unreadable since the manifest was made.
    """
    rows = manifest.rows(part)
    images = cached_pixels(manifest, image_size, cache, megapixels_max)
    subject = manifest.subject
    if isinstance(subject, Landmark):
        columns: tuple[str, ...] = LANDMARK_INPUTS
        captions = [subject.caption] * len(rows)
    else:
        columns, captions = CITY_INPUTS, manifest.column("caption")[rows].tolist()
    place = {name: manifest.column(name)[rows].astype(np.float32) for name in columns}
    if "azimuth_deg" in place:
        place["azimuth_deg"] %= 360.0  # 359.99999999 is 360 in float32
    return PhotoSet(images, rows, place, captions, subject)


def cached_pixels(manifest: Manifest, image_size: int, cache: Path, megapixels_max: float) -> NDArray[np.uint8]:
    """Pixels [M, 3, S, S] of all photos of the manifest, from <cache>/pixels; made now if not there, or damaged."""
    shape = (len(manifest), 3, image_size, image_size)
    path = cache.expanduser() / "pixels" / f"{photos_key(manifest)}-{image_size}.npy"
    return cached_array(path, shape, np.uint8, lambda: _decoded(manifest, image_size, megapixels_max))


def photos_key(manifest: Manifest) -> str:
    """A name that changes with what is in the photos' files, their order, and how pixels are made of them."""
    return key_of(_VERSION, _columns(manifest, "sha256"))


def contents_key(manifest: Manifest) -> str:
    """A name that changes with the photos' names, sizes and parts, wherever their folder lies."""
    return key_of(*_columns(manifest, "path", "bytes", "part"))


def _columns(manifest: Manifest, *names: str) -> list[list[Any]]:
    return [manifest.table[name].to_pylist() for name in names]


def _decoded(manifest: Manifest, image_size: int, megapixels_max: float) -> Iterator[NDArray[np.uint8]]:
    files = _columns(manifest, *_FILE)
    load = partial(load_square, size=image_size, megapixels_max=megapixels_max)
    photos = (manifest.folder / name for name in files[0])
    return run_over_photos(load, photos, list(zip(*files, strict=True)), "decoding photos")


@lru_cache(maxsize=4)
def _permutation(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, epoch]).permutation(count)


def spread_draws(count: int, most: int, repeated_to: int) -> list[Draw]:
    """At most `most` of `count` photos, evenly spread, each under its own row as sample index.

    If twice as many are no more than `repeated_to`, they are drawn again under other indices, up to that number.
    """
    rows = np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist()
    if 2 * len(rows) <= repeated_to:
        return list(enumerate(rows * (repeated_to // len(rows))))
    return [(row, row) for row in rows]


def drawn_photo(index: int, count: int, seed: int) -> int:
    """Row of the photo that is drawn `index`-th: a pure function of its arguments.

    Every epoch is a permutation of all `count` photos, and epochs follow each other without a gap: a batch that reaches
    the end of one goes on with the next, so that each photo is drawn once an epoch and none is left over.
    """
    epoch, place = divmod(index, count)
    return int(_permutation(count, seed, epoch)[place])


class StepSampler(Sampler[list[Draw]]):
    """Endless micro-batches from optimiser step `start_step` on: a resumed run sees what an uninterrupted one would.

    Step s draws samples s * batch_size up to (s + 1) * batch_size. They are cut into `accumulate` micro-batches, and
    each of those into `world_size` slices, one a rank: all ranks together draw what one with the same batch would.
    It has no length: Lightning takes a finite loader that starts in the middle for one that ends early.
    """

    def __init__(
        self,
        count: int,
        batch_size: int,
        seed: int,
        start_step: int = 0,
        accumulate: int = 1,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        if count < 1:
            raise UserError("there are no photos in the part to train on; lower data.judge_share and data.test_share")
        if batch_size % (accumulate * world_size):
            raise UserError(
                f"optim.batch_size={batch_size} must be a multiple of optim.accumulate={accumulate} "
                f"times the number of devices ({world_size})"
            )
        self.count, self.batch_size, self.seed, self.start_step = count, batch_size, seed, start_step
        self.slices, self.rank, self.world_size = accumulate * world_size, rank, world_size

    def __iter__(self) -> Iterator[list[Draw]]:
        step, size = self.start_step, self.batch_size // self.slices
        while True:
            for part in range(self.rank, self.slices, self.world_size):
                first = step * self.batch_size + part * size
                yield [(index, drawn_photo(index, self.count, self.seed)) for index in range(first, first + size)]
            step += 1

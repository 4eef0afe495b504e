"""What the frozen parts of a base model say of the photos: latents and text tokens, computed once and kept on disk.

Both are computed in 32 bits whatever the training's number format, so that training is the same with and without them.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gpslift.conditioning.text import token_numbers
from gpslift.photos.array_cache import cached_array
from gpslift.photos.dataset import Draw, PhotoSet
from gpslift.photos.files import key_of
from gpslift.priors.condition import Texts
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.progress import tracked

CHUNK = 8
VERSION = 1  # raise with every change of what is kept


@contextmanager
def in_single_precision(device: torch.device) -> Iterator[None]:
    """Within it there are no gradients, and autocast is off."""
    with torch.no_grad(), torch.autocast(device.type, enabled=False):
        yield


def latent_moments(prior: PlaceDiffusionPipeline, images: Tensor, spread: bool) -> Tensor:
    """Mean and, with `spread`, standard deviation of the VAE's latents of images [B, 3, H, W]: [B, 1 or 2, C, h, w]."""
    with in_single_precision(images.device):
        if not spread:
            return prior.to_latents(images).unsqueeze(1)
        distribution = prior.vae.encode(2 * images - 1).latent_dist
        return torch.stack([distribution.mode(), distribution.std], 1) * prior.vae.config.scaling_factor


def frozen_texts(prior: PlaceDiffusionPipeline) -> Texts:
    """The frozen text encoder, asked anew for each text."""

    def tokens(texts: Sequence[str]) -> Tensor:
        with in_single_precision(prior.unet.device):
            return prior.encode_text(texts)

    return tokens


@dataclass(frozen=True)
class LatentPhotoSet(PhotoSet):
    """Photos of which the latents are known: a batch holds `latent` [B, 1 or 2, C, h, w] instead of `image`."""

    latents: NDArray[np.float32]

    def __getitem__(self, draws: Sequence[Draw]) -> dict[str, Any]:
        """See PhotoSet."""
        batch = self.labels(draws)
        return batch | {"latent": torch.from_numpy(self.latents[batch["photo"].numpy()])}


def with_latents(
    photos: PhotoSet, prior: PlaceDiffusionPipeline, spread: bool, photos_key: str, cache: Path
) -> LatentPhotoSet:
    """The photos with their latents, from <cache>/latents; made now if not there. photos_key: see `dataset`."""
    key = digest(photos_key, photos.rows.tolist(), photos.images.shape[-1], network_key(prior.vae), spread)
    first = latent_moments(prior, _images(photos, slice(0, 1), prior), spread)
    path = cache.expanduser() / "latents" / f"{key}.npy"

    def make() -> Iterator[NDArray]:
        for rows in chunks(len(photos), "latents of the photos"):
            yield latent_moments(prior, _images(photos, rows, prior), spread).cpu().numpy()

    latents = cached_array(path, (len(photos), *first.shape[1:]), np.float32, make)
    return LatentPhotoSet(**{f.name: getattr(photos, f.name) for f in fields(photos)}, latents=latents)


def cached_texts(prior: PlaceDiffusionPipeline, captions: Sequence[str], cache: Path) -> Texts:
    """Tokens of the captions and of the empty text, from <cache>/texts; made now if not there.

    The key holds the token numbers, so that another tokenizer makes other files.
    """
    known = sorted({"", *captions})
    numbers = token_numbers(prior.tokenizer, known)
    path = cache.expanduser() / "texts" / f"{digest(numbers, network_key(prior.text_encoder))}.npy"
    encode, device = frozen_texts(prior), prior.unet.device

    def make() -> Iterator[NDArray]:
        for rows in chunks(len(known), "tokens of the captions"):
            yield encode(known[rows]).cpu().numpy()

    shape = (len(known), *encode([""]).shape[1:])
    tokens, row_of = cached_array(path, shape, np.float32, make), {text: row for row, text in enumerate(known)}

    def read(texts: Sequence[str]) -> Tensor:
        return torch.from_numpy(tokens[[row_of[text] for text in texts]]).to(device)

    return read


def network_key(network: Any) -> str:
    """A name that changes with any of a network's weights, and with its configuration."""
    config = network.config if isinstance(network.config, dict) else network.config.to_dict()
    plain = {name: value for name, value in config.items() if not name.startswith("_") and "version" not in name}
    found = hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode())
    assert isinstance(network, nn.Module)
    for name, value in sorted(network.state_dict().items()):
        found.update(name.encode())
        found.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return found.hexdigest()


def digest(*parts: Any) -> str:
    """A file name that follows from the parts, and from the version of what is kept."""
    return key_of(VERSION, *parts)


def chunks(count: int, title: str) -> Iterator[slice]:
    """Slices of CHUNK that make up `count`, with progress where it takes long."""
    starts = range(0, count, CHUNK)
    for start in tracked(starts, title, len(starts)):
        yield slice(start, start + CHUNK)


def _images(photos: PhotoSet, rows: slice, prior: PlaceDiffusionPipeline) -> Tensor:
    return torch.from_numpy(photos.pixels(rows)).to(prior.unet.device).float() / 255.0

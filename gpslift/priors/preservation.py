"""Prior preservation (paper, section 5; DreamBooth): images of the base model that finetuning shall not unlearn.

They are made once, before anything is trained, and kept on disk as latents. A step then adds the loss on some of them,
with the place dropped, so that what the model knew without places stays.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gpslift.conditioning.text import token_numbers
from gpslift.photos.array_cache import cached_array
from gpslift.photos.dataset import drawn_photo
from gpslift.priors.frozen import chunks, digest, network_key
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.randomness import generator_for

STEPS = 50
GUIDANCE_SCALE = 7.5
SEED_AFTER = 1
"""The images' order follows from the run's seed plus this, so that it is not the photos' order."""


@dataclass(frozen=True)
class Preservation:
    """The base model's own images: latents [N, C, h, w] and the N captions they were made from."""

    latents: NDArray[np.float32]
    captions: list[str]
    seed: int

    def batch(self, indices: Sequence[int]) -> dict[str, Any]:
        """What a training step takes, one image for each global sample index [B] (see PhotoSet), without a place."""
        rows = [drawn_photo(index, len(self.latents), self.seed + SEED_AFTER) for index in indices]
        return {
            "latent": torch.from_numpy(self.latents[rows]).unsqueeze(1),
            "index": torch.tensor(indices),
            "caption": [self.captions[row] for row in rows],
        }


def make_preservation(
    prior: PlaceDiffusionPipeline, captions: Sequence[str], count: int, seed: int, cache: Path
) -> Preservation:
    """`count` images of an untrained prior on a base model, from <cache>/preservation; made now if not there.

    captions: of the photos; as many as there are images are taken, evenly.
    """
    rows = np.linspace(0, len(captions) - 1, count).round().astype(int)
    texts = [captions[row] for row in rows]
    networks = [network_key(prior.networks[name]) for name in ("unet", "text_encoder")]
    numbers = token_numbers(prior.tokenizer, texts)
    key = digest(networks, numbers, seed, prior.image_size, STEPS, GUIDANCE_SCALE)

    def make() -> Iterator[NDArray]:
        for some in chunks(count, "images of the base model"):
            yield _images(prior, texts[some], range(some.start, count), seed)

    side, channels = prior.unet.config.sample_size, prior.unet.config.in_channels
    path = cache.expanduser() / "preservation" / f"{key}.npy"
    return Preservation(cached_array(path, (count, channels, side, side), np.float32, make), texts, seed)


def _images(prior: PlaceDiffusionPipeline, texts: list[str], numbers: range, seed: int) -> NDArray:
    """Latents of one image a text, each from its own number's noise."""
    generators = [generator_for(seed, "preservation", number) for number in numbers[: len(texts)]]
    latents = prior.sample(
        {},
        len(texts),
        prompt=texts,
        num_inference_steps=STEPS,
        guidance_scale_text=GUIDANCE_SCALE,
        guidance_scale_place=GUIDANCE_SCALE,
        generator=generators,
        as_latents=True,
    )
    return latents.float().cpu().numpy()

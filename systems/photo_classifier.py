"""Training of judges, which tell from a photo what it shows, on the judges' part of the photos. They are kept."""

import hashlib
import logging
from pathlib import Path
from typing import Literal

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, pad
from torch.utils.data import DataLoader, TensorDataset

from gpslift.metrics.photo_classifier import PhotoClassifier
from systems.progress import StepProgress
from systems.quiet import quiet_lightning

LOG = logging.getLogger(__name__)
VERSION = 2  # raise with every change of the network or its training: cached classifiers are then trained anew
BATCH, LR, WEIGHT_DECAY, SHIFT = 64, 2e-3, 0.05, 4
Kind = Literal["one of", "any of"]
"""Whether a photo is one of several things (softmax), or may show any of them (a sigmoid each)."""


class PhotoClassifierSystem(pl.LightningModule):
    """Cross-entropy against shares of belief; AdamW with one cycle of the learning rate."""

    def __init__(self, classifier: PhotoClassifier, kind: Kind, steps: int) -> None:
        super().__init__()
        self.classifier, self.kind, self.steps = classifier, kind, steps

    def training_step(self, batch: list[Tensor]) -> Tensor:
        """Loss of a batch: images uint8 [B, 3, S, S], beliefs [B, K] in [0, 1]."""
        images, beliefs = batch
        logits = self.classifier(augment(images.float() / 255)).float()
        if self.kind == "one of":
            return cross_entropy(logits, beliefs)
        return binary_cross_entropy_with_logits(logits, beliefs)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """AdamW and OneCycleLR, stepped every step."""
        optimizer = torch.optim.AdamW(self.parameters(), lr=LR, weight_decay=WEIGHT_DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, total_steps=self.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def augment(images: Tensor) -> Tensor:
    """Images [B, 3, S, S] in [0, 1], each shifted by up to 4 pixels, brightened and tinted. Never flipped: a mirrored
    photo has another azimuth.
    """
    count, size = len(images), images.shape[-1]
    padded = pad(images, (SHIFT,) * 4, mode="replicate")
    rows, columns = (torch.randint(0, 2 * SHIFT + 1, (count, 1)) + torch.arange(size) for _ in range(2))
    batch = torch.arange(count)[:, None, None]
    shifted = padded.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    gain = 0.8 + 0.4 * torch.rand(count, 1, 1, 1)
    tint = 0.1 * (torch.rand(count, 3, 1, 1) - 0.5)
    return (shifted * gain + tint).clamp(0, 1)


def train_photo_classifier(
    images: NDArray[np.uint8],
    beliefs: Tensor,
    kind: Kind,
    subject: str,
    seed: int = 0,
    epochs: int = 30,
    cache_path: Path | None = None,
    precision: str = "32-true",
) -> PhotoClassifier:
    """A classifier trained on photos: images [N, 3, S, S], what each shows as shares of belief [N, K] in [0, 1].

    subject: of what it is the judge, for its progress. `cache_path`: a safetensors file that is used if it was
    trained on the same photos with the same settings, and written otherwise. `precision`: Lightning's name of it.
    """
    key = _key(images, beliefs, kind, seed, epochs, precision)
    cached = _load(cache_path, key, beliefs.shape[1])
    if cached is not None:
        return cached
    quiet_lightning()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = _fit(PhotoClassifier(beliefs.shape[1]), images, beliefs, kind, subject, epochs, precision)
    if cache_path is not None:
        cache_path.parent.mkdir(parents=True, exist_ok=True)
        weights = {name: value.contiguous() for name, value in classifier.state_dict().items()}
        save_file(weights, cache_path, metadata={"key": key})
    return classifier


def predict(classifier: PhotoClassifier, images: NDArray[np.uint8] | Tensor) -> Tensor:
    """Logits [N, K] of images [N, 3, S, S]: uint8, or float in [0, 1]."""
    classifier.eval()
    logits = []
    with torch.no_grad():
        for part in torch.as_tensor(images).split(256):
            logits.append(classifier(part.float() / 255 if part.dtype == torch.uint8 else part.float()))
    return torch.cat(logits)


def _fit(
    classifier: PhotoClassifier,
    images: NDArray[np.uint8],
    beliefs: Tensor,
    kind: Kind,
    subject: str,
    epochs: int,
    precision: str,
) -> PhotoClassifier:
    photos = TensorDataset(torch.as_tensor(np.asarray(images)), beliefs)
    loader: DataLoader[tuple[Tensor, ...]] = DataLoader(
        photos, batch_size=min(BATCH, len(photos)), shuffle=True, drop_last=True
    )
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=-1,
        max_steps=epochs * len(loader),
        callbacks=[StepProgress(f"judge of {subject}")],
        precision=precision,  # type: ignore[arg-type]
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    trainer.fit(PhotoClassifierSystem(classifier, kind, epochs * len(loader)), loader)
    return classifier.eval()


def _key(images: NDArray[np.uint8], beliefs: Tensor, kind: Kind, seed: int, epochs: int, precision: str) -> str:
    settings = f"{VERSION} {images.shape} {kind} {seed} {epochs} {precision}"
    digest = hashlib.sha256(settings.encode())
    digest.update(np.ascontiguousarray(images).tobytes())
    digest.update(beliefs.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _load(path: Path | None, key: str, outputs: int) -> PhotoClassifier | None:
    """The classifier kept at `path` if `key` says that it is the one; a file that cannot be read counts as none."""
    if path is None or not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            if (file.metadata() or {}).get("key") != key:
                return None
        classifier = PhotoClassifier(outputs)
        classifier.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        LOG.warning("the cached judge at %s cannot be read (%s); it is trained anew", path, error)
        return None
    return classifier.eval()

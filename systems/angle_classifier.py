"""Training of the judge of azimuths on the judges' part of the photos, and its use."""

import hashlib
import logging
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import cross_entropy, pad
from torch.utils.data import DataLoader, TensorDataset

from gpslift.errors import UserError
from gpslift.metrics.angle_classifier import BINS, AngleAccuracy, AngleClassifier, angle_accuracy, soft_labels
from systems.progress import quiet_lightning

LOG = logging.getLogger(__name__)
VERSION = 1  # raise with every change of the network or its training: cached classifiers are then trained anew
BATCH, LR, WEIGHT_DECAY, SPREAD_DEG, SHIFT = 64, 2e-3, 0.05, 5.0, 4
LEAST_PHOTOS = 2 * BINS


class AngleClassifierSystem(pl.LightningModule):
    """Cross-entropy against soft circular labels; AdamW with one cycle of the learning rate."""

    def __init__(self, classifier: AngleClassifier, steps: int) -> None:
        super().__init__()
        self.classifier, self.steps = classifier, steps

    def training_step(self, batch: list[Tensor]) -> Tensor:
        """Loss of a batch: images uint8 [B, 3, S, S], azimuths [B] in degrees."""
        images, azimuth_deg = batch
        logits = self.classifier(augment(images.float() / 255))
        return cross_entropy(logits.float(), soft_labels(azimuth_deg, SPREAD_DEG))

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


def train_angle_classifier(
    images: NDArray[np.uint8],
    azimuth_deg: NDArray[np.float32],
    seed: int = 0,
    epochs: int = 30,
    cache_path: Path | None = None,
    precision: str = "32-true",
) -> AngleClassifier:
    """A classifier trained on the judges' photos: images [N, 3, S, S], azimuths [N] in degrees.

    `cache_path`: a safetensors file that is used if it was trained on the same photos with the same settings, and
    written otherwise. `precision`: Lightning's name of it. UserError if there are fewer than 72 photos.
    """
    if len(images) < LEAST_PHOTOS:
        raise UserError(
            f"only {len(images)} photos for the judges: angle accuracy needs {LEAST_PHOTOS} at least; "
            "raise data.judge_share, or give more photos"
        )
    key = _key(images, azimuth_deg, seed, epochs, precision)
    cached = _load(cache_path, key)
    if cached is not None:
        return cached
    quiet_lightning()
    LOG.info("training the judge of azimuths on %d photos, %d epochs", len(images), epochs)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        classifier = _fit(AngleClassifier(), images, azimuth_deg, epochs, precision)
    if cache_path is not None:
        cache_path.parent.mkdir(parents=True, exist_ok=True)
        weights = {name: value.contiguous() for name, value in classifier.state_dict().items()}
        save_file(weights, cache_path, metadata={"key": key})
    return classifier


def predict_bins(classifier: AngleClassifier, images: NDArray[np.uint8] | Tensor) -> Tensor:
    """The likeliest bin [N] of images [N, 3, S, S]: uint8, or float in [0, 1]."""
    classifier.eval()
    predicted = []
    with torch.no_grad():
        for part in torch.as_tensor(images).split(256):
            values = part.float() / 255 if part.dtype == torch.uint8 else part.float()
            predicted.append(classifier(values).argmax(1))
    return torch.cat(predicted)


def evaluate(
    classifier: AngleClassifier, images: NDArray[np.uint8] | Tensor, azimuth_deg: NDArray[np.float32] | Tensor
) -> AngleAccuracy:
    """How often the classifier sees images [N, 3, S, S] from where they are said to be taken, azimuths [N], degrees."""
    return angle_accuracy(predict_bins(classifier, images), torch.as_tensor(azimuth_deg))


def _fit(
    classifier: AngleClassifier,
    images: NDArray[np.uint8],
    azimuth_deg: NDArray[np.float32],
    epochs: int,
    precision: str,
) -> AngleClassifier:
    photos = TensorDataset(torch.as_tensor(np.asarray(images)), torch.as_tensor(np.asarray(azimuth_deg, np.float32)))
    loader: DataLoader[tuple[Tensor, ...]] = DataLoader(
        photos, batch_size=min(BATCH, len(photos)), shuffle=True, drop_last=True
    )
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        precision=precision,  # type: ignore[arg-type]
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(AngleClassifierSystem(classifier, epochs * len(loader)), loader)
    return classifier.eval()


def _key(images: NDArray[np.uint8], azimuth_deg: NDArray[np.float32], seed: int, epochs: int, precision: str) -> str:
    settings = f"{VERSION} {images.shape} {seed} {epochs} {precision}"
    digest = hashlib.sha256(settings.encode())
    digest.update(np.ascontiguousarray(images).tobytes())
    digest.update(np.ascontiguousarray(azimuth_deg, np.float32).tobytes())
    return digest.hexdigest()


def _load(path: Path | None, key: str) -> AngleClassifier | None:
    """The classifier kept at `path` if `key` says that it is the one; a file that cannot be read counts as none."""
    if path is None or not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            if (file.metadata() or {}).get("key") != key:
                return None
        classifier = AngleClassifier()
        classifier.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        LOG.warning("the cached judge of azimuths at %s cannot be read (%s); it is trained anew", path, error)
        return None
    return classifier.eval()

"""The data module under a real trainer: a stopped and resumed run sees the batches of one never stopped."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from gpslift.geo.landmarks import Landmark
from gpslift.photos.datamodule import PhotoDataModule
from gpslift.schema.image_prior import DataConfig


class Recorder(pl.LightningModule):
    """Writes down what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen: list[tuple[int, list[int], list[int]]] = []

    def training_step(self, batch: dict[str, Any], batch_index: int) -> torch.Tensor:
        self.seen.append((self.global_step, batch["index"].tolist(), batch["photo"].tolist()))
        return (self.weight * batch["image"].mean()).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def fit(module: PhotoDataModule, folder: Path, steps: int, resume: Path | None = None) -> tuple[Recorder, pl.Trainer]:
    trainer = pl.Trainer(
        max_steps=steps,
        accumulate_grad_batches=2,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        use_distributed_sampler=False,
        default_root_dir=folder,
    )
    recorder = Recorder()
    trainer.fit(recorder, datamodule=module, ckpt_path=resume)
    return recorder, trainer


@pytest.mark.filterwarnings("ignore")
def test_resume_sees_the_same_batches(
    landmark: Landmark, data: DataConfig, write_ring: Callable[..., list[Path]], tmp_path: Path
) -> None:
    write_ring(24)

    def module() -> PhotoDataModule:
        return PhotoDataModule(data, landmark, image_size=8, batch_size=6, seed=5, accumulate=2)

    whole, _ = fit(module(), tmp_path, 9)
    assert [step for step, _, _ in whole.seen] == [step for step in range(9) for _ in range(2)]
    assert [index for _, indices, _ in whole.seen for index in indices] == list(range(54))
    _, trainer = fit(module(), tmp_path, 4)
    trainer.save_checkpoint(tmp_path / "stopped.ckpt")
    resumed, _ = fit(module(), tmp_path, 9, tmp_path / "stopped.ckpt")
    assert resumed.seen == whole.seen[8:]


@pytest.mark.filterwarnings("ignore")
def test_a_resume_with_other_photos_says_so(
    landmark: Landmark,
    data: DataConfig,
    write_ring: Callable[..., list[Path]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    paths, saved = write_ring(24), tmp_path / "stopped.ckpt"
    _, trainer = fit(PhotoDataModule(data, landmark, 8, 6, 5), tmp_path, 2)
    trainer.save_checkpoint(saved)
    fit(PhotoDataModule(data, landmark, 8, 6, 5), tmp_path, 3, saved)
    assert "warning" not in capsys.readouterr().out
    paths[0].unlink()
    fit(PhotoDataModule(data, landmark, 8, 6, 5), tmp_path, 3, saved)
    assert "unlike the run so far: its photos, 24 then and 23 now, are not the same" in capsys.readouterr().out


def test_a_loader_leaves_the_global_random_numbers_alone(
    landmark: Landmark, data: DataConfig, write_ring: Callable[..., list[Path]]
) -> None:
    write_ring(12)
    module = PhotoDataModule(data, landmark, 8, batch_size=4, seed=0)
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    next(iter(module.train_dataloader()))
    assert torch.equal(torch.rand(1), expected)


def test_embedded_photos_are_asked_for(
    landmark: Landmark,
    data: DataConfig,
    folder: Path,
    write_ring: Callable[..., list[Path]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_ring(12)
    asked: list[tuple[Landmark, DataConfig]] = []

    def ensure(of: Landmark, config: DataConfig) -> Path:
        asked.append((of, config))
        return folder

    monkeypatch.setattr("gpslift.procedural.dataset.ensure_photos", ensure)
    data.photos = "embedded"
    assert len(PhotoDataModule(data, landmark, 8, 4, 0).manifest) == 12
    assert asked == [(landmark, data)]

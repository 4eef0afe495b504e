"""Our training of a prior beside a plain loop: python -m benchmarks.training [--steps N] [--rounds N] [--threads T].

The plain loop does, step by step, what diffusers' text-to-image script does: decode the photos, encode text and image,
noise, predict, mean squared error, clip, AdamW, learning rate, moving average. It is written anew (that script wants
torchvision) and trains the same compact prior on the same photos. Each turn is a process of its own, so that peak
memory is its own too; the two take turns. Writes docs/benchmarks.md.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from diffusers.optimization import get_scheduler
from diffusers.training_utils import EMAModel
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, Dataset

from benchmarks.report import machine, table, write_table
from gpslift.geo.landmarks import load_landmark
from gpslift.photos.datamodule import PhotoDataModule
from gpslift.photos.images import load_square
from gpslift.priors.training import prior_from_photos
from gpslift.runs import start_run
from gpslift.schema.image_prior import DataConfig, ImagePriorConfig, OptimConfig
from gpslift.schema.run import LogConfig
from systems.devices import choose_precision, prepare
from systems.memory import peak_memory_gb
from systems.prior_system import ImagePriorSystem
from systems.running import fit, make_trainer

PHOTOS = 512
WARM_UP = 5


def settings(folder: Path, steps: int, threads: int) -> ImagePriorConfig:
    """The compact prior of the Statue of Liberty, batch 16, AdamW, plain loss, nothing saved on the way."""
    return ImagePriorConfig(
        name="training",
        output=str(folder),
        threads=threads,
        data=DataConfig(cache=str(folder / "cache"), embedded_photos=PHOTOS, judge_share=0, test_share=0),
        optim=OptimConfig(steps=steps, batch_size=16, warmup_steps=10),
        log=LogConfig(every_steps=1000, preview_every_steps=10**6, checkpoint_every_steps=10**6),
    )


class Clock(pl.Callback):
    """Seconds from the end of one step to the end of the next."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_batch_end(self, *_: Any) -> None:
        self.ends.append(time.perf_counter())


def train_ours(config: ImagePriorConfig) -> list[float]:
    """The ends of the steps of our own system."""
    photos = PhotoDataModule(config.data, load_landmark(config.landmark), 64, config.optim.batch_size, config.seed)
    prior = prior_from_photos(config, photos.photos("generator"), torch.device("cpu"))
    run, clock = start_run(config, notify=lambda line: None), Clock()
    trainer = make_trainer(
        config, run, max_steps=config.optim.steps, learning_rate=config.optim.lr, description="ours", gradient_clip=1.0
    )
    trainer.callbacks.append(clock)  # type: ignore[attr-defined]
    fit(trainer, ImagePriorSystem(prior, config, run.previews), photos, run)
    return clock.ends


class Pictures(Dataset[dict[str, Any]]):
    """Photos decoded when they are asked for, as the script's dataset does it."""

    def __init__(self, photos: PhotoDataModule) -> None:
        manifest, self.loaded = photos.manifest, photos.photos("generator")
        self.paths = [manifest.folder / path for path in manifest.table["path"].to_pylist()]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> dict[str, Any]:
        place = {name: float(values[number]) for name, values in self.loaded.place.items()}
        image = torch.from_numpy(load_square(self.paths[number], 64, 200.0)).float() / 255
        return {"image": image, "caption": self.loaded.captions[number], **place}


def train_plainly(config: ImagePriorConfig) -> list[float]:
    """The ends of the steps of the plain loop."""
    photos = PhotoDataModule(config.data, load_landmark(config.landmark), 64, config.optim.batch_size, config.seed)
    prior = prior_from_photos(config, photos.photos("generator"), torch.device("cpu"))
    trained = [p for name in ("unet", "text_encoder", "place_encoder") for p in prior.networks[name].parameters()]
    optimizer = torch.optim.AdamW(trained, config.optim.lr, weight_decay=config.optim.weight_decay)
    schedule = get_scheduler("cosine", optimizer, num_warmup_steps=10, num_training_steps=config.optim.steps)
    average = EMAModel(trained, decay=config.optim.ema_decay)
    narrow = choose_precision(config) == "bf16-mixed"
    ends: list[float] = []
    while len(ends) < config.optim.steps:
        for batch in DataLoader(Pictures(photos), config.optim.batch_size, shuffle=True, drop_last=True):
            with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
                clean = prior.to_latents(batch["image"])
                noise = torch.randn_like(clean)
                timestep = torch.randint(0, len(prior.alphas_cumprod), (len(clean),))
                noisy = prior.add_noise(clean, noise, timestep)
                place = {name: batch[name].float() for name in prior.place_encoder.inputs}
                predicted = prior.predict_raw(noisy, timestep, prior.encode_condition(batch["caption"], place))
                loss = mse_loss(predicted.float(), prior.scheduler.get_velocity(clean, noise, timestep))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            average.step(trained)
            ends.append(time.perf_counter())
            if len(ends) == config.optim.steps:
                break
    return ends


def one_turn(way: str, folder: Path, steps: int, threads: int) -> dict[str, float]:
    """Median seconds a step after the first ones, and the process's peak memory in GiB."""
    config = settings(folder, steps, threads)
    prepare(config)
    ends = train_ours(config) if way == "ours" else train_plainly(config)
    seconds = [b - a for a, b in zip(ends[WARM_UP:], ends[WARM_UP + 1 :], strict=False)]
    peak_gib = peak_memory_gb(torch.device("cpu")) * 1e9 / 2**30
    return {"seconds": statistics.median(seconds), "gib": peak_gib}


def turn_in_a_process(way: str, folder: Path, steps: int, threads: int) -> dict[str, float]:
    """`one_turn` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.training", "--turn", way, "--folder", str(folder)]
    command += ["--steps", str(steps), "--threads", str(threads)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    figures: dict[str, float] = json.loads(told.splitlines()[-1])
    return figures


def main() -> None:
    """Lets the two take turns, prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--turn", choices=("ours", "plain"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.turn:
        print(json.dumps(one_turn(given.turn, Path(given.folder), given.steps, given.threads)))
        return
    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as folder:
        turn_in_a_process("plain", Path(folder), WARM_UP + 2, given.threads)  # makes the photos
        turns = [
            {way: turn_in_a_process(way, Path(folder), given.steps, given.threads) for way in ("plain", "ours")}
            for _ in range(given.rounds)
        ]
    middle = {
        way: {name: statistics.median(turn[way][name] for turn in turns) for name in ("seconds", "gib")}
        for way in ("plain", "ours")
    }
    ratio = middle["ours"]["seconds"] / middle["plain"]["seconds"]
    titles = {"plain": "plain loop", "ours": "systems/image_prior.py"}
    rows = [[titles[way], f"{found['seconds']:.3f}", f"{found['gib']:.2f}"] for way, found in middle.items()]
    text = (
        "## Training a prior, beside a plain loop\n\n"
        "The compact prior, 64 x 64 pixels, batches of 16, AdamW, moving average. The plain loop does what diffusers' "
        f"text-to-image script does, written anew. Medians of {given.rounds} turns each of {given.steps} steps, every "
        f"turn in a process of its own; a step of ours takes {ratio:.2f} times the plain one's. {machine()}. "
        f"Written by `python -m benchmarks.training --threads {given.threads}`.\n\n"
        + table(["training", "seconds a step", "peak GiB"], rows)
    )
    print(text)
    write_table("training", text)


if __name__ == "__main__":
    main()

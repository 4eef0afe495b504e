"""Priors from 100, 500 and 2,000 photos: python -m benchmarks.few_photos [--steps N] [--side S] [--cache C].

Parts of the Statue's 12,000 embedded photos. Each number of photos trains twice: plainly, and with the augmentation
that gpslift/priors/schedule.py has for the fewest; of the plain training the weights with the lowest held-out loss
are looked at too. All are measured on test photos that none of them saw. What was stopped goes on where it was, and
what was measured is not measured again. Writes docs/benchmarks.md.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.report import machine, table, write_table
from gpslift.checkpoint_files import checkpoints_of
from gpslift.config import load_config
from gpslift.geo.azimuth_bins import BINS, bin_centers
from gpslift.geo.landmarks import load_landmark
from gpslift.metrics.angle_classifier import AngleAccuracy
from gpslift.metrics.memorisation import Memorisation, memorisation
from gpslift.metrics.photo_classifier import PhotoClassifier
from gpslift.photos.datamodule import PhotoDataModule
from gpslift.photos.dataset import PhotoSet
from gpslift.priors.place_weights import place_weights
from gpslift.priors.schedule import EVALUATIONS, SCHEDULES
from gpslift.priors.training import prior_from_photos
from gpslift.randomness import generator_for
from gpslift.runs import runs_of, start_run
from gpslift.schema.image_prior import ImagePriorConfig
from systems.angle_classifier import evaluate, train_angle_classifier
from systems.devices import choose_precision, prepare
from systems.prior_system import ImagePriorSystem
from systems.running import fit, make_trainer
from systems.sampling.common import sample_images

COUNTS = (100, 500, 2000)
IMAGES_A_BIN = 5
NEVER = 10**6
TEXT = """## Priors from few photos

Of each number of photos three quarters train, a tenth tell when to stop, and the rest are kept for judges, as always;
`plain` uses the weights at the end, `plain, best` and `augmentation` those with the lowest held-out loss. That is of
256 photos that no training saw. Nearest training photo and angles: as in the table of priors above, {images} images
in {sampling} denoising steps.
{side} x {side} pixels, U-Net of {channels} channels, {steps} steps of {batch} images at most, one seed. {machine}.
Written by `{command}`.

"""


@dataclass(frozen=True)
class Measured:
    """What became of one training: which step's weights, their loss on unseen photos, copying, angles."""

    step: int
    loss: float
    copies: Memorisation
    accuracy: AngleAccuracy

    def row(self, count: int, name: str) -> list[str]:
        """The cells of the table."""
        copies, angles = self.copies, self.accuracy
        return [
            f"{count:,}",
            name,
            f"{self.step:,}",
            f"{self.loss:.4f}",
            f"{copies.generated:.3f} / {copies.held_out:.3f}; {100 * copies.close_share:.1f} %",
            f"{100 * angles.exact:.1f} / {100 * angles.within_one:.1f}",
        ]


@dataclass(frozen=True)
class Bench:
    """What all trainings share: settings, all photos, the judge, and test photos that no training meets."""

    config: ImagePriorConfig
    photos: PhotoDataModule
    judge: PhotoClassifier
    unseen: PhotoSet


def part_of(photos: PhotoSet, count: int, low: float = 0.0, high: float = 1.0) -> PhotoSet:
    """`count` photos, evenly spread over the share from `low` to `high` of them, so that few are of one person."""
    last = len(photos) - 1
    rows = np.linspace(low * last, high * last, count).round().astype(int)
    place = {name: values[rows] for name, values in photos.place.items()}
    return replace(photos, rows=photos.rows[rows], place=place, captions=[photos.captions[row] for row in rows])


def train(bench: Bench, config: ImagePriorConfig, training: PhotoSet, held_out: PhotoSet) -> ImagePriorSystem:
    """One training on these photos."""
    prior = prior_from_photos(config, training, torch.device("cpu"))
    begun = any(checkpoints_of(run.checkpoints) for run in runs_of(config.output, config.name))
    run = start_run(replace(config, resume="last" if begun else ""), notify=lambda line: None)
    weights = place_weights(training, config.optim.place_weight, config.backbone.fold)
    system = ImagePriorSystem(prior, config, run.previews, held_out, weights)
    trainer = make_trainer(
        config,
        run,
        max_steps=config.optim.steps,
        learning_rate=config.optim.lr,
        description=run.folder.parent.name,
        gradient_clip=config.optim.gradient_clip,
    )
    bench.photos.replace("generator", training)
    fit(trainer, system, bench.photos, run)
    return system


def measure(bench: Bench, system: ImagePriorSystem, training: PhotoSet, step: int) -> Measured:
    """Figures of the weights that the system's moving average has."""
    loss = system.held_out_loss(bench.unseen)
    with system.averaged():
        images, azimuth_deg = sampled(bench, system, training)
    unseen, trained = (torch.from_numpy(photos.pixels(slice(None))) for photos in (bench.unseen, training))
    return Measured(step, loss, memorisation(images, unseen, trained), evaluate(bench.judge, images, azimuth_deg))


def sampled(bench: Bench, system: ImagePriorSystem, training: PhotoSet) -> tuple[Tensor, Tensor]:
    """Images [BINS * IMAGES_A_BIN, 3, S, S] and their azimuths, framed as training photos are."""
    azimuth_deg = bin_centers().repeat_interleave(IMAGES_A_BIN)
    generator = generator_for(bench.config.seed, "few photos")
    row = torch.randint(len(training), (len(azimuth_deg),), generator=generator)
    place = {name: torch.from_numpy(values)[row] for name, values in training.place.items()}
    place = {name: place[name] for name in system.prior.place_encoder.inputs} | {"azimuth_deg": azimuth_deg}
    return sample_images(system.prior, place, generator, bench.config), azimuth_deg


def trainings(bench: Bench, count: int) -> list[list[str]]:
    """The rows of the table for one number of photos."""
    config, shares = bench.config, bench.config.data
    training = part_of(bench.photos.photos("all"), round(count * (1 - shares.judge_share - shares.test_share)))
    held_out = part_of(bench.photos.photos("test"), round(count * shares.test_share), low=0.51)
    ways = {"plain": 0.0, "augmented": SCHEDULES[0].augment}
    rows = []
    for name, augment in ways.items():
        its = replace(
            config,
            name=f"{name}_{count}_{settings_of(config)}_{augment:g}",
            data=replace(shares, augment=augment),
            optim=replace(config.optim, patience=NEVER, held_out_every_steps=config.optim.steps // EVALUATIONS),
        )
        file = Path(config.output) / f"{its.name}.json"
        if not file.is_file():
            file.write_text(json.dumps(_rows(bench, its, training, held_out, count)), encoding="utf-8")
        rows += json.loads(file.read_text(encoding="utf-8"))
    return rows


def settings_of(config: ImagePriorConfig) -> str:
    """What else figures depend on, as part of a name: nothing measured otherwise is taken up again."""
    sizes = "-".join(map(str, config.backbone.channels))
    return f"{config.optim.steps}x{config.backbone.image_size}_{sizes}"


def _rows(
    bench: Bench, config: ImagePriorConfig, training: PhotoSet, held_out: PhotoSet, count: int
) -> list[list[str]]:
    """The rows of one training: of a plain one its last weights and its best, else its best."""
    system, rows = train(bench, config, training, held_out), []
    name = f"augmentation {config.data.augment:g}, best"
    if not config.data.augment:
        rows.append(measure(bench, system, training, config.optim.steps).row(count, "plain"))
        name = "plain, best"
    system.best.put_into(system.average.shadow_params)
    rows.append(measure(bench, system, training, system.best.step).row(count, name))
    print(*rows, sep="\n", flush=True)
    return rows


def prepared(given: argparse.Namespace) -> Bench:
    """Photos and judge, made or taken from the cache."""
    keys = [f"optim.steps={given.steps}", f"data.cache={given.cache}", f"backbone.image_size={given.side}", "threads=1"]
    keys += [
        f"output={given.output}",
        f"backbone.channels={given.channels}",
        "sample.steps=10",
        "name=few",
        "device=cpu",
    ]
    keys += ["optim.warmup_steps=50", "landmark=statue_of_liberty"]
    quiet = ["log.preview_every_steps=1000000", "log.checkpoint_every_steps=50", "log.trackers=[tensorboard]"]
    config = load_config("configs/angle2img_own_landmark.yaml", keys + quiet)
    assert isinstance(config, ImagePriorConfig)
    prepare(config)
    photos = PhotoDataModule(
        config.data, load_landmark(config.landmark), given.side, config.optim.batch_size, config.seed
    )
    photos.replace("all", photos.photos("generator"))
    judges = photos.photos("judges")
    name = f"angle_{config.landmark}" + (f"_{given.side}" if given.side != 64 else "")  # 64: the one of --validate
    judge = train_angle_classifier(
        judges.pixels(slice(None)),
        judges.place["azimuth_deg"],
        config.seed,
        cache_path=Path(config.data.cache).expanduser() / "judges" / f"{name}.safetensors",
        precision=choose_precision(config),
    )
    return Bench(config, photos, judge, part_of(photos.photos("test"), 256, high=0.49))


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains, measures, prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--channels", default="[64,96]")
    parser.add_argument("--cache", default="outputs/cache")
    parser.add_argument("--output", default="outputs/few_photos")
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS)
    given = parser.parse_args(arguments)
    bench = prepared(given)
    rows = [row for count in given.counts for row in trainings(bench, count)]
    header = ["photos", "training", "step", "held-out loss", "nearest training photo", "angle exact / within one, %"]
    facts = {"images": BINS * IMAGES_A_BIN, "sampling": bench.config.sample.steps}
    command = f"python -m benchmarks.few_photos --steps {given.steps} --side {given.side} --channels {given.channels}"
    text = TEXT.format(
        **facts,
        side=given.side,
        channels=given.channels,
        steps=f"{given.steps:,}",
        batch=bench.config.optim.batch_size,
        machine=machine(),
        command=command,
    ) + table(header, rows)
    print(text)
    write_table("few_photos", text)


if __name__ == "__main__":
    main()

"""Training of a 2D prior on geotagged photos, from reading them to saving the prior."""

import math
from pathlib import Path

import numpy as np
import torch

from gpslift.geo.cities import load_city
from gpslift.geo.landmarks import Landmark
from gpslift.geo.own_landmark import is_landmark_file
from gpslift.geo.subject import Subject, load_subject
from gpslift.photos.camera_table import camera_table
from gpslift.photos.datamodule import PhotoDataModule
from gpslift.photos.dataset import photos_key
from gpslift.priors.base_model import check_base_model
from gpslift.priors.compact import check_sizes
from gpslift.priors.condition import Texts
from gpslift.priors.finetuning import lora_config, merge_lora, prepare_networks
from gpslift.priors.frozen import cached_texts, with_latents
from gpslift.priors.loading import RUN_SUBFOLDER, find_prior, save_prior
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.priors.place_weights import place_weights
from gpslift.priors.preservation import make_preservation
from gpslift.priors.schedule import in_words, with_schedule
from gpslift.priors.training import model_card, prior_from_photos
from gpslift.ranks import is_first_process
from gpslift.runs import Run, next_command
from gpslift.schema.image_prior import ImagePriorConfig
from gpslift.storage import short_path
from systems.devices import choose_device, choose_devices, choose_precision, prepare
from systems.loggers import check_trackers
from systems.memory import prior_remedies
from systems.optimizers import adamw8bit
from systems.previews import azimuth_preview, city_preview
from systems.prior_system import ImagePriorSystem
from systems.running import fit, make_trainer, show_summary
from systems.sharding import whole_for_file


def train(config: ImagePriorConfig, run: Run) -> None:
    """Reads the photos, trains the prior, and saves it into the run's `prior` folder."""
    prepare(config)
    check_first(config)
    subject, accumulate = load_subject(config.place.kind, config.landmark, config.city), micro_batches(config)
    photos = PhotoDataModule(
        config.data, subject, config.backbone.image_size, config.optim.batch_size, config.seed, accumulate
    )
    first = is_first_process()
    if first:
        print(photos.manifest.report.text())
    count = len(photos.photos("generator"))
    config = with_schedule(config, count, len(photos.photos("test")))
    if first:
        print(in_words(config, count))
    optim, system = config.optim, _system(config, run, photos)
    trainer = make_trainer(
        config,
        run,
        max_steps=optim.steps,
        learning_rate=optim.lr,
        description=f"prior of {subject.title}",
        accumulate=accumulate,
        gradient_clip=optim.gradient_clip,
        shares=optim.batch_size,
    )
    fit(trainer, system, photos, run, prior_remedies(config))
    _save(system, config, run, photos)


def micro_batches(config: ImagePriorConfig) -> int:
    """How many micro-batches each process takes a step: `optim.accumulate`, of which all GPUs have a part each.

    Those that `devices` counts share each micro-batch instead. So no GPU ever has more images at once than
    `batch_size / accumulate`.
    """
    optim, processes = config.optim, choose_devices(config, config.optim.batch_size) * config.nodes
    if config.devices:
        return optim.accumulate
    fewest = math.ceil(optim.accumulate / processes)
    return next(count for count in range(fewest, optim.batch_size + 1) if optim.batch_size % (count * processes) == 0)


def check_first(config: ImagePriorConfig) -> None:
    """Raises UserError for what is not on this computer, before photos are read or made, which may take an hour."""
    optim, prior = config.optim, config.prior
    choose_precision(config)
    choose_devices(config, optim.batch_size)
    check_trackers(config)
    if prior.base == "compact":
        check_sizes(config.backbone)
    if optim.optimizer == "adamw8bit":
        adamw8bit()
    if prior.lora_rank:
        lora_config(prior.lora_rank)
    if prior.start:
        find_prior(prior.start, "prior.start")
    if prior.base != "compact":
        check_base_model(prior.base, config.backbone.image_size)
    if gps := config.preview.gps:
        load_city(config.city).check(np.array(gps[::2]), np.array(gps[1::2]))


def _system(config: ImagePriorConfig, run: Run, photos: PhotoDataModule) -> ImagePriorSystem:
    """An untrained prior of the photos, and all that its training needs."""
    generator, held_out = photos.photos("generator"), photos.photos("test")
    prior = prior_from_photos(config, generator, choose_device(config))
    weights = None
    if isinstance(photos.subject, Landmark):
        shown = azimuth_preview(config.preview.prompts or [prior.caption] * 2)
        if config.prior.base == "compact":
            weights = place_weights(generator, config.optim.place_weight, config.backbone.fold)
    else:
        shown = city_preview(config.preview, held_out if len(held_out) else generator, prior.place_encoder)
    texts, preservation = _kept_on_disk(prior, photos, config), None
    if config.data.preservation_images and config.optim.preservation_weight:
        count, cache = config.data.preservation_images, Path(config.data.cache)
        preservation = make_preservation(prior, generator.captions, count, config.seed, cache)
    return ImagePriorSystem(prior, config, run.previews, held_out, weights, shown, texts, preservation)


def _save(system: ImagePriorSystem, config: ImagePriorConfig, run: Run, photos: PhotoDataModule) -> None:
    """Saves the best, or the last, averaged weights as the run's prior, and says where. All processes call it."""
    system.use_average()
    shared = (
        whole_for_file({name: network.state_dict() for name, network in system.networks.items()})
        if system.shared
        else {}
    )
    if not is_first_process():
        return
    prior, subject, best = system.prior, photos.subject, system.best
    if shared:
        prior = prior_from_photos(config, photos.photos("generator"), torch.device("cpu"))
        prepare_networks(prior, config)
        for name, weights in shared.items():
            prior.networks[name].load_state_dict(weights)
    merge_lora(prior.unet)
    folder = run.folder / RUN_SUBFOLDER
    cameras = camera_table(photos.manifest) if isinstance(subject, Landmark) else None
    encoder = str(prior.place_encoder.config.get("encoder", type(prior.place_encoder).__name__))
    chosen = f"those of step {best.step}, held-out loss {best.loss:.4f}" if best.step else ""
    card = model_card(config, subject, len(photos.photos("generator")), encoder, chosen)
    save_prior(prior, folder, cameras, card)
    kept = {"weights": f"the best by held-out loss: {chosen}"} if chosen else {}
    show_summary(run, {"prior": folder, **kept, "next": _next_command(config, subject, run)})


def _kept_on_disk(prior: PlaceDiffusionPipeline, photos: PhotoDataModule, config: ImagePriorConfig) -> Texts | None:
    """Has the photos come as latents, and returns where text tokens are read, as far as the config says so."""
    generator, cache = photos.photos("generator"), Path(config.data.cache)
    if config.data.cache_latents:
        key = photos_key(photos.manifest)
        photos.replace("generator", with_latents(generator, prior, config.optim.sample_latents, key, cache))
    if not config.data.cache_text:
        return None
    return cached_texts(prior, [*generator.captions, *photos.photos("test").captions], cache)


def _next_command(config: ImagePriorConfig, subject: Subject, run: Run) -> str:
    """The shell command that uses this run's prior: lifts the landmark, or makes pictures of the city."""
    prior = f"prior.path={short_path(run.folder)}"
    elsewhere = [f"output={config.output}"] if config.output != ImagePriorConfig().output else []
    if not isinstance(subject, Landmark):
        latitude, longitude = subject.center
        asked = ["sample.prompt=a bench under a tree", f"sample.gps=[{latitude:.4f},{longitude:.4f}]"]
        return next_command("--config", short_path(run.config), "--sample", prior, *asked)
    own = [f"landmark={config.landmark}", f"name={subject.name}"] if is_landmark_file(config.landmark) else []
    lift = "configs/own_landmark.yaml" if own else f"configs/{subject.name}.yaml"
    return next_command("--config", lift, "--train", *own, *elsewhere, prior)

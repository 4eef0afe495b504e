"""Values of an image prior's config that must fit each other."""

from gpslift.config_checks.rules import Rules, left_alone, left_open
from gpslift.geo.entries import CITIES_FILE, read_entries
from gpslift.schema.image_prior import ImagePriorConfig, SampleConfig

COMPACT_KEYS = (
    "prior.start",
    "backbone.fold",
    "backbone.channels",
    "backbone.layers",
    "backbone.token_dim",
    "backbone.text_layers",
    "backbone.pooled_text",
    "backbone.dropout",
    "backbone.prediction",
    "optim.place_weight",
)
"""What is of the compact prior alone: a base model has it by itself, or not at all."""
MUON_KEYS = ("optim.matrix_lr", "optim.encoder_lr")
LANDMARK_KEYS = (
    "landmark",
    "data.embedded_shape",
    "data.radius_min_m",
    "data.radius_max_m",
    "data.azimuth_uncertainty_max_deg",
    "place.harmonics",
    "sample.azimuth",
    "sample.frame_width_m",
    "sample.elevation_deg",
)
CITY_KEYS = ("city", "place.scales", "place.directions", "place.finest_m", "sample.area_places", "sample.walk_images")


def image_prior_rules(config: ImagePriorConfig) -> Rules:
    """(whether the rule holds, what to say if not)."""
    yield (
        bool(config.prior.base.strip()),
        "prior.base= is empty; it is compact, or a Stable Diffusion folder or hub id such as owner/name",
    )
    for name, value in {"photos": config.data.photos, "cache": config.data.cache}.items():
        yield (bool(value.strip()), f"data.{name}= is empty; give a folder, or leave it out")
    yield from _place_rules(config)
    yield from _finetuning_rules(config)
    yield from _optimizer_rules(config)
    yield from _few_photos_rules(config)
    yield from _sample_rules(config.place.kind, config.sample)
    yield from _preview_rules(config.place.kind, config.preview.gps)
    yield from left_alone(config, LANDMARK_KEYS, "place.kind=azimuth", config.place.kind == "azimuth")
    yield from left_alone(config, CITY_KEYS, "place.kind=gps", config.place.kind == "gps")
    data, drop, optim = config.data, config.dropout, config.optim
    yield from left_open("data.radius_min_m", data.radius_min_m, "for the landmark's own")
    yield from left_open("data.radius_max_m", data.radius_max_m, "for the landmark's own")
    yield from left_open("data.augment", data.augment, "for what the number of photos asks for")
    yield (
        data.radius_max_m < 0 or data.radius_min_m < data.radius_max_m,  # -1: the landmark's own limit
        f"data.radius_min_m={data.radius_min_m:g} must be below data.radius_max_m={data.radius_max_m:g}",
    )
    yield (
        data.judge_share + data.test_share < 1,
        f"data.judge_share={data.judge_share:g} and data.test_share={data.test_share:g} leave no photos to train on",
    )
    yield (
        drop.text + drop.place + drop.both <= 1,
        f"dropout.text={drop.text:g}, dropout.place={drop.place:g} and dropout.both={drop.both:g} exclude each other "
        "and must sum to at most 1",
    )
    yield (
        optim.batch_size % optim.accumulate == 0,
        f"optim.batch_size={optim.batch_size} must be a multiple of optim.accumulate={optim.accumulate}",
    )
    slices = optim.accumulate * max(config.devices, 1) * config.nodes
    yield (
        optim.batch_size % slices == 0,
        f"optim.batch_size={optim.batch_size} must be a multiple of {slices}: optim.accumulate={optim.accumulate} "
        f"times devices={config.devices} times nodes={config.nodes}",
    )


def _few_photos_rules(config: ImagePriorConfig) -> Rules:
    """What can be had on photos of a landmark, or with photos held out."""
    data = config.data
    yield (
        data.augment <= 0 or (config.place.kind == "azimuth" and not data.cache_latents),
        f"data.augment={data.augment:g} changes a landmark's photos (place.kind=azimuth), and needs them as pixels "
        "(data.cache_latents=no); set it to 0",
    )
    yield (
        config.optim.patience <= 0 or data.test_share > 0,
        f"optim.patience={config.optim.patience} goes by photos held out from training; raise data.test_share",
    )


def _finetuning_rules(config: ImagePriorConfig) -> Rules:
    """What only a pretrained base model can have, and what only a compact prior."""
    needing = {
        "prior.lora_rank": config.prior.lora_rank,
        "data.cache_latents": config.data.cache_latents,
        "data.cache_text": config.data.cache_text,
        "data.preservation_images": config.data.preservation_images,
        "optim.sample_latents": config.optim.sample_latents,
    }
    for name, value in needing.items():
        yield (
            config.prior.base != "compact" or not value,
            f"{name}={value} needs a pretrained model: set prior.base to a Stable Diffusion folder, or leave it out",
        )
    yield from left_alone(config, COMPACT_KEYS, "prior.base=compact", config.prior.base == "compact")


def _optimizer_rules(config: ImagePriorConfig) -> Rules:
    muon = config.optim.optimizer == "muon"
    yield (
        config.prior.base == "compact" or not muon,
        "optim.optimizer=muon is for training from scratch, and undoes what prior.base knows; set "
        "optim.optimizer=adamw, with optim.lr=1e-5 or so",
    )
    yield (
        not muon or config.optim.place_lr == 0,
        f"optim.place_lr={config.optim.place_lr:g} needs optim.optimizer=adamw or adamw8bit; muon has optim.matrix_lr",
    )
    yield from left_alone(config, MUON_KEYS, "optim.optimizer=muon", muon)
    yield (
        config.strategy != "fsdp" or (config.optim.optimizer == "adamw" and config.precision != "fp16"),
        f"strategy=fsdp shares out what optim.optimizer=adamw needs, in bf16 or 32 bits, but optim.optimizer="
        f"{config.optim.optimizer} and precision={config.precision}; change them, or set strategy=ddp",
    )


def _place_rules(config: ImagePriorConfig) -> Rules:
    kind, encoder = config.place.kind, config.place.encoder
    fitting = ("auto", "paper", "harmonic" if kind == "azimuth" else "multiscale")
    yield (
        encoder in fitting,
        f"place.encoder={encoder} does not encode place.kind={kind}; choose {', '.join(fitting)}",
    )
    cities = read_entries(CITIES_FILE)
    yield (
        kind == "azimuth" or config.city in cities,
        f"city={config.city} is not one of gpslift/geo/cities.yaml: {', '.join(cities)}",
    )
    yield (
        kind == "azimuth" or not config.data.azimuths,
        f"data.azimuths={config.data.azimuths} needs place.kind=azimuth; leave it out",
    )
    yield (
        kind == "azimuth" or config.optim.place_weight == 0,
        f"optim.place_weight={config.optim.place_weight:g} needs place.kind=azimuth; set it to 0",
    )


def _sample_rules(kind: str, sample: SampleConfig) -> Rules:
    places = {"gps": sample.gps, "area": sample.area, "walk": sample.walk}
    given = [f"sample.{name}" for name, degrees in places.items() if degrees]
    for name, degrees in places.items():
        yield (
            len(degrees) % 2 == 0,
            f"sample.{name}={degrees} must hold pairs: latitude, longitude, latitude, longitude, ...",
        )
    yield (len(given) < 2, f"{' and '.join(given)} exclude each other; give one of them a call")
    yield (
        not given or kind == "gps",
        f"{''.join(given[:1])} needs a prior of a city (place.kind=gps, as in configs/gps2img_paris.yaml)",
    )
    corners = len(sample.area) // 2
    yield (
        corners not in (1, 2) or sample.radius_m > 0,
        f"sample.area={sample.area} has {corners} of the 3 corners or more that an area needs; for a circle "
        "also set sample.radius_m, such as sample.radius_m=300",
    )
    yield (
        sample.radius_m == 0 or corners > 0,
        f"sample.radius_m={sample.radius_m:g} needs sample.area=[latitude,longitude], the middle of the circle",
    )
    yield (
        not sample.area or not (sample.attention or sample.nearest),
        "sample.attention and sample.nearest are of single places; sample.area shows many at once: leave them out",
    )
    yield (
        len(sample.walk) != 2,
        f"sample.walk={sample.walk} is one place; a walk needs two corners or more (for one place: sample.gps)",
    )


def _preview_rules(kind: str, gps: list[float]) -> Rules:
    yield (
        not gps or kind == "gps",
        f"preview.gps={gps} needs a prior of a city (place.kind=gps, as in configs/gps2img_paris.yaml)",
    )
    yield (
        len(gps) % 2 == 0,
        f"preview.gps={gps} must hold pairs: latitude, longitude, latitude, longitude, ...",
    )

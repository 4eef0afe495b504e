"""`--validate` of a city's prior: does an image look as if taken where it was asked for, and show what the text says?

Everything is asked at held-out photos' places, in blocks of the city from which the prior saw no photo.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor
from torch.nn.functional import one_hot

from gpslift.conditioning.place import Place, null_place
from gpslift.errors import UserError
from gpslift.geo.cities import City, load_city
from gpslift.metrics.memorisation import Memorisation, memorisation
from gpslift.metrics.photo_classifier import PhotoClassifier
from gpslift.metrics.regions import halved_regions
from gpslift.metrics.words import telling_words, words_told
from gpslift.photos.datamodule import PhotoDataModule
from gpslift.photos.dataset import PhotoSet
from gpslift.pictures import save_grid
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.randomness import generator_for
from gpslift.schema.image_prior import ImagePriorConfig
from gpslift.storage import replace_text, saving
from gpslift.wording import counted
from systems.devices import cpu_precision, prepare
from systems.photo_classifier import Kind, predict, train_photo_classifier
from systems.sampling.common import sample_images
from systems.validation.common import all_pixels, prior_to_judge, validation_folder

IMAGES = 240
SAMPLED_AT_ONCE = 60
GRID_COLUMNS = 8
LEAST_PHOTOS = 100
EPOCHS = 30
RegionOf = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.int64]]


@dataclass(frozen=True)
class WordBelief:
    """The judge's mean belief, 0 to 1, that pictures show a word: where it was asked for, and where it was not."""

    told: float
    untold: float


@dataclass(frozen=True)
class AskedFor:
    """What pictures of one kind show. place: share whose region the judge tells. by_chance: the share that it would
    tell if what it tells had nothing to do with where they were asked for. words: a word's beliefs, averaged;
    None where no word is told in some of the texts and not in others."""

    place: float
    by_chance: float
    words: WordBelief | None


@dataclass(frozen=True)
class CityFigures:
    """Figures of held-out photos (the ceiling) and of images asked for in several ways.

    `text and place`: a held-out photo's text and place. `other text`: its place with another photo's text.
    `place alone`, `text alone`: the other one dropped. commonest: share of the commonest region among the places.
    """

    regions: list[str]
    words: list[str]
    commonest: float
    shown: dict[str, AskedFor]
    memorisation: Memorisation


@dataclass(frozen=True)
class CityJudges:
    """What tells regions and words from pictures; `region_of` gives the true region of a place in metres.

    word_judge: none where no word is told often enough to learn it.
    """

    names: list[str]
    region_of: RegionOf
    words: list[str]
    region_judge: PhotoClassifier
    word_judge: PhotoClassifier | None

    def asked_for(self, images: Tensor, place: Place, captions: list[str]) -> AskedFor:
        """Figures of images [N, 3, S, S] that were asked for at these places with these texts."""
        asked = torch.from_numpy(self.region_of(place["east_m"].numpy(), place["north_m"].numpy()))
        told = predict(self.region_judge, images).argmax(1)
        right = float((told == asked).float().mean())
        return AskedFor(right, agreement_by_chance(asked, told), self._believed(images, captions))

    def _believed(self, images: Tensor, captions: list[str]) -> WordBelief | None:
        """The mean over the words; a word that all or none of the captions hold does not count."""
        if self.word_judge is None:
            return None
        belief, told = predict(self.word_judge, images).sigmoid(), words_told(captions, self.words).bool()
        each = torch.tensor(
            [[belief[told[:, k], k].mean(), belief[~told[:, k], k].mean()] for k in range(len(self.words))]
        )
        counted = each[each.isfinite().all(1)]
        return WordBelief(*counted.mean(0).tolist()) if len(counted) else None


def validate_city_prior(config: ImagePriorConfig) -> CityFigures:
    """Whether the prior (see `prior_path`) shows places and words, as judges see it that were trained on other photos.

    Prints the figures, and writes validation.json and validation.png into the run folder, or into
    <output>/<name>/validation for a prior without one. Raises UserError for a prior of a landmark or of another city.
    """
    prepare(config)
    prior, config, path = prior_to_judge(config)
    city = load_city(config.city)
    photos = PhotoDataModule(config.data, city, prior.image_size, SAMPLED_AT_ONCE, config.seed)
    parts = {part: photos.photos(part) for part in ("generator", "judges", "test")}
    for part in ("judges", "test"):
        if len(parts[part]) < LEAST_PHOTOS:
            raise UserError(
                f"the part '{part}' has only {counted(len(parts[part]), 'photo')}; judging a city needs "
                f"{LEAST_PHOTOS}: raise "
                f"data.{'judge' if part == 'judges' else 'test'}_share, or give more photos"
            )
    console = Console()
    console.print(f"judging {path} by photos that it never saw", soft_wrap=True)
    judges = train_judges(config, city, parts["judges"])
    figures, images = judge_city_prior(prior, judges, config, parts)
    folder = validation_folder(config, path)
    with saving(folder):
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"prior": str(path), **asdict(figures)}, indent=2)
        replace_text(folder / "validation.json", text + "\n")
        save_grid(images, folder / "validation.png", columns=GRID_COLUMNS)
    for line in summary(figures):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(f"written: {folder / 'validation.json'}, {folder / 'validation.png'}", soft_wrap=True)
    return figures


def train_judges(config: ImagePriorConfig, city: City, photos: PhotoSet) -> CityJudges:
    """Judges of regions and of the captions' words, trained on the judges' part, or taken from the cache."""
    names, region_of = regions_of(config, city, photos)
    words = telling_words(photos.captions)
    true = torch.from_numpy(region_of(photos.place["east_m"], photos.place["north_m"]))
    pixels, cache = all_pixels(photos), Path(config.data.cache).expanduser() / "judges"

    def judge(beliefs: Tensor, kind: Kind, subject: str) -> PhotoClassifier:
        precision = cpu_precision(config)  # they are small: they train on the CPU
        file = cache / f"{subject}_{city.name}.safetensors"
        return train_photo_classifier(pixels, beliefs, kind, subject, config.seed, EPOCHS, file, precision)

    region_judge = judge(one_hot(true, len(names)).float(), "one of", "regions")
    word_judge = judge(words_told(photos.captions, words), "any of", "words") if words else None
    return CityJudges(names, region_of, words, region_judge, word_judge)


def regions_of(config: ImagePriorConfig, city: City, photos: PhotoSet) -> tuple[list[str], RegionOf]:
    """Names of the regions to tell apart, and which one a place lies in: true neighbourhoods of embedded photos, else
    eight regions with as many photos each."""
    if config.data.photos == "embedded":
        from gpslift.procedural.truth import district_names, district_of

        return district_names(city), lambda east, north: district_of(city, *city.to_geodetic(east, north))
    cut = halved_regions(photos.place["east_m"].astype(float), photos.place["north_m"].astype(float))
    return cut.names, lambda east, north: cut.of(east.astype(float), north.astype(float))


def judge_city_prior(
    prior: PlaceDiffusionPipeline, judges: CityJudges, config: ImagePriorConfig, parts: dict[str, PhotoSet]
) -> tuple[CityFigures, Tensor]:
    """The figures, and a grid: rows of photos, of images of their texts and places, of images of the places alone."""
    test = parts["test"]
    rows = torch.linspace(0, len(test) - 1, min(IMAGES, len(test))).round().long().tolist()
    batch = test[[(row, row) for row in rows]]
    place = {name: batch[name] for name in test.place}
    captions: list[str] = batch["caption"]
    others = captions[1:] + captions[:1]
    asked = {
        "text and place": (captions, place),
        "other text": (others, place),
        "place alone": ([""] * len(rows), place),
        "text alone": (captions, null_place(place)),
    }
    made = {name: _images(prior, config, *each) for name, each in asked.items()}
    told = {"text and place": captions, "other text": others, "place alone": captions, "text alone": captions}
    whole = {name: torch.from_numpy(values) for name, values in test.place.items()}
    pixels = {part: torch.from_numpy(all_pixels(parts[part])) for part in ("test", "generator")}
    shown = {"held-out photos": judges.asked_for(pixels["test"], whole, test.captions)}
    shown |= {name: judges.asked_for(images, place, told[name]) for name, images in made.items()}
    regions = judges.region_of(place["east_m"].numpy(), place["north_m"].numpy())
    commonest = float(np.bincount(regions).max() / len(regions))
    copies = memorisation(made["text and place"], pixels["test"], pixels["generator"])
    some = slice(0, None, max(1, len(rows) // GRID_COLUMNS))
    kinds = [batch["image"], made["text and place"], made["place alone"]]
    grid = torch.cat([images[some][:GRID_COLUMNS] for images in kinds])
    return CityFigures(judges.names, judges.words, commonest, shown, copies), grid


def _images(prior: PlaceDiffusionPipeline, config: ImagePriorConfig, captions: list[str], place: Place) -> Tensor:
    """Images of these texts and places, always from the same noise."""
    return sample_images(prior, place, generator_for(config.seed, "validation"), config, captions)


def agreement_by_chance(asked: Tensor, told: Tensor) -> float:
    """Share of N pairs of classes that would be alike if told [N] had nothing to do with asked [N], each as often as
    it is: the sum over classes of both shares' product (Cohen, A coefficient of agreement for nominal scales, 1960)."""
    classes = int(torch.maximum(asked, told).max()) + 1
    shares = [torch.bincount(each, minlength=classes).double() / len(each) for each in (asked, told)]
    return float((shares[0] * shares[1]).sum())


def summary(figures: CityFigures) -> list[str]:
    """Lines for the terminal."""
    lines = [
        f"{'':18} its region (by chance)   words asked for / not asked for   "
        f"(the commonest region: {figures.commonest:.0%})"
    ]
    for name, asked in figures.shown.items():
        words = f"{asked.words.told:15.1%} / {asked.words.untold:.1%}" if asked.words else f"{'not measured':>15}"
        lines.append(f"{name:18} {asked.place:10.1%} ({asked.by_chance:9.1%})   {words}")
    return [*lines, str(figures.memorisation)]

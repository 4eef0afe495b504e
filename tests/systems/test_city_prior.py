"""A city's prior from end to end: trained on photos with captions, saved, sampled by place and text, judged."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import systems.validation.city_prior as validation
import systems.validation.common as common
from gpslift.conditioning.city_place import CityPlaceEncoder
from gpslift.errors import UserError
from gpslift.metrics.memorisation import Memorisation
from gpslift.photos.dataset import PhotoSet
from gpslift.priors.loading import load_prior
from gpslift.runs import start_run
from gpslift.schema.image_prior import ImagePriorConfig, PreviewConfig
from systems import image_prior
from systems.previews import city_preview
from systems.sampling.job import sample
from systems.validation import validate_prior
from systems.validation.city_prior import CityFigures, CityJudges, agreement_by_chance, summary, validate_city_prior
from tests.systems.card import run_card
from tests.systems.tiny_city import BAR, PARIS, city_config, city_picture, write_city_photos


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("city") / "photos"
    write_city_photos(folder, 1200)
    return folder


@pytest.fixture(scope="module")
def trained(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[ImagePriorConfig, Path]:
    """A few steps of training: the config, and the run's folder."""
    config = city_config(photos, tmp_path_factory.mktemp("out"))
    run = start_run(config, notify=lambda line: None)
    image_prior.train(config, run)
    return config, run.folder


def test_training_saves_a_prior_of_the_city(trained: tuple[ImagePriorConfig, Path]) -> None:
    _, folder = trained
    prior = load_prior(str(folder))
    assert prior.place_kind == "gps" and prior.caption == "" and prior.place_encoder.tokens == 4
    assert not (folder / "prior" / "cameras.json").exists()
    card = (folder / "prior" / "README.md").read_text()
    assert "GPS prior of Paris" in card and "multiscale" in card and "library_name: diffusers" in card
    assert [picture.size for picture in run_card(folder / "prior")] == [(16, 16)] * 2
    preview = Image.open(folder / "previews" / "step_00000003.png")
    assert preview.size == (8 * 128, 3 * 128)  # photos, text and place, place alone


def test_previews_of_texts_and_places_that_were_asked_for(photos: Path, tmp_path: Path) -> None:
    config = city_config(photos, tmp_path, steps=3)
    config.preview = PreviewConfig(prompts=["a bar", "", "rain"], gps=[48.87, 2.3, 48.85, 2.35])
    run = start_run(config, notify=lambda line: None)
    image_prior.train(config, run)
    assert Image.open(run.previews / "step_00000003.png").size == (2 * 128, 3 * 128)


@pytest.mark.parametrize(("prompts", "texts"), [([], [BAR, ""]), (["a bar", "rain"], ["a bar", "rain"])])
def test_previews_by_default_are_of_held_out_photos(prompts: list[str], texts: list[str], tmp_path: Path) -> None:
    pixels = np.zeros((3, 3, 16, 16), np.uint8)
    place = {name: np.array([1.0, 2.0, 3.0], np.float32) for name in ("east_m", "north_m")}
    held_out = PhotoSet(pixels, np.arange(3), place, [BAR] * 3, PARIS)
    shown = city_preview(PreviewConfig(prompts=prompts), held_out, CityPlaceEncoder(32, asdict(PARIS)))
    assert shown.prompts == [text for text in texts for _ in range(3)] and shown.columns == 3
    assert shown.place["east_m"].tolist() == [1.0, 2.0, 3.0] * 2 and shown.photos is not None


def test_a_preview_outside_the_city_is_told_before_photos_are_read(tmp_path: Path) -> None:
    config = city_config(tmp_path / "no photos", tmp_path)
    config.preview.gps = [2.3376, 48.8606]
    with pytest.raises(UserError, match=r"did you mean 48\.8606, 2\.3376"):
        image_prior.train(config, start_run(config, notify=lambda line: None))


def test_a_stopped_training_goes_on_as_if_never_stopped(
    photos: Path, tmp_path: Path, trained: tuple[ImagePriorConfig, Path]
) -> None:
    config = city_config(photos, tmp_path)
    run = start_run(config, notify=lambda line: None)
    stop = {"at": 2}

    class Stopped(image_prior.ImagePriorSystem):
        def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
            if self.global_step == stop["at"]:
                raise RuntimeError("stopped by the test")
            return super().training_step(batch, batch_idx)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_prior, "ImagePriorSystem", Stopped)
        with pytest.raises(RuntimeError, match="stopped by the test"):
            image_prior.train(config, run)
    config.resume = str(run.folder)
    image_prior.train(config, start_run(config, notify=lambda line: None))
    files = [
        sorted(path.read_bytes() for path in (folder / "prior").rglob("*.safetensors"))
        for folder in (run.folder, trained[1])
    ]
    assert files[0] == files[1]


@pytest.mark.parametrize(
    ("gps", "prompt", "named"),
    [
        ([48.8606, 2.3376], "a bar", ["48.86060,2.33760"]),
        ([48.8606, 2.3376, 48.87, 2.3], "", ["48.86060,2.33760", "48.87000,2.30000"]),
        ([], "a bar", ["anywhere"]),
    ],
)
def test_pictures_of_places_and_texts(
    trained: tuple[ImagePriorConfig, Path], tmp_path: Path, gps: list[float], prompt: str, named: list[str]
) -> None:
    config = city_config(Path(trained[0].data.photos), tmp_path)
    config.prior.path, config.sample.output, config.sample.steps = str(trained[1]), str(tmp_path / "pictures"), 2
    config.sample.gps, config.sample.prompt, config.sample.images = gps, prompt, 2
    sample(config)
    found = sorted(path.stem for path in (tmp_path / "pictures").glob("*.png"))
    each = [f"{name}_{number}" for number in (1, 2) for name in named]
    assert found == [*(f"{place:03}_{name}" for place, name in enumerate(each, 1)), "grid"]


@pytest.mark.parametrize(
    ("gps", "words"),
    [
        ([40.7, -74.0], "outside Paris"),
        ([2.3376, 48.8606], "did you mean 48.8606, 2.3376"),
        ([], "nothing to show: give places"),
    ],
)
def test_places_that_cannot_be_shown(
    trained: tuple[ImagePriorConfig, Path], tmp_path: Path, gps: list[float], words: str
) -> None:
    config = city_config(Path(trained[0].data.photos), tmp_path)
    config.prior.path, config.sample.gps = str(trained[1]), gps
    with pytest.raises(UserError, match=words):
        sample(config)


def test_a_prior_of_the_other_kind_is_told(trained: tuple[ImagePriorConfig, Path], tmp_path: Path) -> None:
    config = city_config(Path(trained[0].data.photos), tmp_path)
    config.prior.path, config.place.kind = str(trained[1]), "azimuth"
    with pytest.raises(UserError, match=r"places of kind gps, but place.kind=azimuth.*configs/gps2img_paris.yaml"):
        sample(config)


def test_a_prior_of_another_city_is_not_judged(trained: tuple[ImagePriorConfig, Path], tmp_path: Path) -> None:
    config = city_config(Path(trained[0].data.photos), tmp_path)
    config.prior.path, config.city = str(shutil.copytree(trained[1] / "prior", tmp_path / "paris")), "new_york"
    with pytest.raises(UserError, match=r"paris: the prior is of 'Paris', but city=new_york is 'New York.*; set city"):
        validate_city_prior(config)
    config.place.kind = "azimuth"
    with pytest.raises(UserError, match=r"places of kind gps, but place.kind=azimuth"):
        validate_prior(config)


class Painter:
    """A prior that paints what it is asked for; what it is not told, it draws by lot."""

    image_size, place_kind = 16, "gps"
    place_encoder = SimpleNamespace(city=PARIS)

    def set_progress_bar_config(self, **_: Any) -> None:
        pass

    def sample(self, place: dict[str, Tensor], count: int, prompt: Sequence[str], **_: Any) -> Tensor:
        rng = np.random.default_rng(5)
        images = []
        for number in range(count):
            east, north = float(place["east_m"][number]), float(place["north_m"][number])
            if np.isnan(east):
                east, north = rng.uniform(-8000, 8000), rng.uniform(-4000, 4000)
            barred = prompt[number] == BAR if prompt[number] else rng.random() < 0.5
            images.append(city_picture(east, north, bool(barred)) + rng.normal(0, 4, (16, 16, 3)))
        return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float().clamp(0, 255) / 255


def test_a_prior_that_paints_what_it_is_asked_for_is_judged_so(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common, "prior_path", lambda config: (tmp_path, "a test's"))
    monkeypatch.setattr(common, "load_prior", lambda *_: Painter())
    monkeypatch.setattr(validation, "IMAGES", 80)
    monkeypatch.setattr(validation, "EPOCHS", 12)
    config = city_config(photos, tmp_path)
    config.data.judge_share, config.data.test_share = 0.4, 0.2
    figures = validate_city_prior(config)
    assert set(figures.words) == {"bar", "rain", "nothing", "sun"}
    shown = figures.shown
    assert shown["held-out photos"].place > 0.6
    for name in ("text and place", "other text", "place alone"):
        assert shown[name].place > shown["held-out photos"].place - 0.15, name
    assert shown["text alone"].place < 0.3 and shown["place alone"].by_chance < 0.3
    assert abs(shown["text alone"].place - shown["text alone"].by_chance) < 0.12
    for name in ("text and place", "other text", "text alone"):
        assert shown[name].words.told > 0.8 and shown[name].words.untold < 0.2, name
    assert abs(shown["place alone"].words.told - shown["place alone"].words.untold) < 0.3
    written = json.loads((tmp_path / "tiny_city" / "validation" / "validation.json").read_text())
    assert written["shown"]["other text"]["place"] == shown["other text"].place


def test_words_that_no_text_or_every_text_holds_are_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "predict", lambda judge, images: torch.zeros(len(images), 3))
    place = {"east_m": torch.zeros(4), "north_m": torch.zeros(4)}
    for judge, captions in ((None, ["bar", "", "", ""]), ("a judge", [""] * 4), ("a judge", ["bar"] * 4)):
        judges = CityJudges(["all"], lambda east, north: np.zeros(len(east), np.int64), ["bar"], None, judge)  # type: ignore[arg-type]
        shown = judges.asked_for(torch.zeros(4, 3, 8, 8), place, captions)
        assert shown.words is None
        figures = CityFigures(["all"], ["bar"], 1.0, {"text alone": shown}, Memorisation(0.1, 0.1, 0.0))
        assert "not measured" in summary(figures)[1] and "NaN" not in json.dumps(asdict(figures))


def test_agreement_by_chance_against_numbers_worked_out_by_hand() -> None:
    asked, told = torch.tensor([0, 0, 0, 2]), torch.tensor([0, 1, 1, 2])
    assert agreement_by_chance(asked, told) == 0.75 * 0.25 + 0.25 * 0.25
    assert agreement_by_chance(asked, torch.ones(4, dtype=torch.long)) == 0.0


def test_too_few_photos_for_a_judge(trained: tuple[ImagePriorConfig, Path], tmp_path: Path) -> None:
    config = city_config(Path(trained[0].data.photos), tmp_path)
    config.prior.path, config.data.test_share = str(trained[1] / "prior"), 0.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(common, "with_its_photos", lambda config, path: config)
        with pytest.raises(UserError, match=r"the part 'test' has only 0 photos.*data.test_share"):
            validate_city_prior(config)

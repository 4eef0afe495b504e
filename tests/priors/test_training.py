"""Priors to train: what is taken from the photos, sizes that do not fit, the card."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gpslift.errors import UserError
from gpslift.geo.cities import load_city
from gpslift.geo.landmarks import load_landmark
from gpslift.photos.dataset import PhotoSet
from gpslift.priors.loading import load_prior, save_prior
from gpslift.priors.training import build_place_encoder, model_card, prior_from_photos
from gpslift.schema.image_prior import BackboneConfig, ImagePriorConfig, ImagePriorSourceConfig, PlaceConfig
from tests.photos.sets import landmark_set

CPU = torch.device("cpu")


def photo_set(count: int = 4, **columns: Any) -> PhotoSet:
    """Photos of one grey each, a third of the way from black to white, all untold but for what is given."""
    images = np.full((count, 3, 16, 16), 85, np.uint8)
    images[:, 0] = 255
    return landmark_set(images, np.zeros(count, np.float32), **columns)


def config(base: str = "compact", start: str = "", **backbone: Any) -> ImagePriorConfig:
    sizes = {"image_size": 16, "fold": 2, "channels": [32, 32], "token_dim": 32}
    source = ImagePriorSourceConfig(base=base, start=start)
    return ImagePriorConfig(backbone=BackboneConfig(**(sizes | backbone)), prior=source)


def test_an_input_that_no_photo_tells_is_left_out() -> None:
    known = np.array([100, 110, np.nan, 90], np.float32)
    inputs = {
        name: build_place_encoder(PlaceConfig(), 8, photo_set(**columns)).inputs
        for name, columns in {"none": {}, "width": {"frame_width_m": known}, "height": {"elevation_deg": known}}.items()
    }
    assert inputs["none"] == ("azimuth_deg",)
    assert inputs["width"] == ("azimuth_deg", "frame_width_m")
    assert inputs["height"] == ("azimuth_deg", "elevation_deg")


def test_the_config_may_leave_inputs_out() -> None:
    known = np.full(4, 100, np.float32)
    photos = photo_set(frame_width_m=known, elevation_deg=known)
    place = PlaceConfig(frame_width=False, elevation=False, encoder="paper", frequencies=4)
    encoder = build_place_encoder(place, 8, photos)
    assert encoder.inputs == ("azimuth_deg",) and encoder.azimuth.width == 8


def test_frame_widths_are_scaled_by_their_logarithms() -> None:
    widths = np.array([50, 200, np.nan, 100], np.float32)
    encoder = build_place_encoder(PlaceConfig(), 8, photo_set(frame_width_m=widths))
    assert encoder.config["log_width_mean"] == pytest.approx(np.log(100), rel=1e-5)
    assert encoder.config["log_width_std"] == pytest.approx(np.log(2) * np.sqrt(2 / 3), rel=1e-5)


def test_colours_are_scaled_by_the_photos() -> None:
    """Red 255 is 1, green and blue 85 are -1/3; no deviation counts as less than 0.05."""
    prior = prior_from_photos(config(), photo_set(), CPU)
    assert prior.vae.mean.flatten().tolist() == pytest.approx([1, -1 / 3, -1 / 3], abs=1e-6)
    assert prior.vae.std.flatten().tolist() == pytest.approx([0.05] * 3)
    assert prior.caption == "A photo of a tower" and prior.image_size == 16


def test_weights_follow_from_the_seed() -> None:
    first, again = (prior_from_photos(config(), photo_set(), CPU) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.unet.parameters(), again.unet.parameters(), strict=True))


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        (
            {"image_size": 18},
            r"backbone\.image_size=18 must be a multiple of 4: backbone\.fold=2 pixels, halved 1 times",
        ),
        ({"channels": []}, r"backbone\.channels is empty"),
        ({"channels": [32, 40]}, r"backbone\.channels holds 40; each must be a multiple of 32"),
        ({"token_dim": 40}, r"backbone\.token_dim=40 must be a multiple of 32"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(sizes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        prior_from_photos(config(**sizes), photo_set(), CPU)


def test_no_photos_to_train_on_are_refused() -> None:
    with pytest.raises(UserError, match=r"no photos in the part to train on; lower data\.judge_share"):
        prior_from_photos(config(), photo_set(0), CPU)


def test_a_base_model_that_is_none_is_refused(tmp_path: Any) -> None:
    with pytest.raises(UserError, match=r"prior\.base=.*is not a whole Stable Diffusion folder: unet/.* missing"):
        prior_from_photos(config(base=str(tmp_path)), photo_set(), CPU)


def test_the_card_tells_how_the_prior_was_trained() -> None:
    card = model_card(config(), load_landmark("statue_of_liberty"), 1234, "harmonic")
    assert "Statue of Liberty" in card and "1234" in card and "made by rule" in card and "16 x 16" in card


def test_training_starts_from_another_prior_with_its_own_scales_and_tokenizer(tmp_path: Path) -> None:
    widths = {"frame_width_m": np.array([100, 110, 120, 90], np.float32)}
    first = prior_from_photos(config(), photo_set(**widths), CPU)
    save_prior(first, tmp_path / "first", {"range_m": [1.0], "elevation_deg": [0.0], "frame_width_m": [1.0]}, "")
    wider = {name: 3 * values for name, values in widths.items()}
    second = prior_from_photos(config(start=str(tmp_path / "first")), photo_set(**wider), CPU)
    place = {"azimuth_deg": torch.tensor([30.0]), "frame_width_m": torch.tensor([110.0])}
    noisy, timestep = torch.randn(1, 12, 8, 8), torch.tensor([500])
    with torch.no_grad():
        noises = [
            prior.predict_noise(noisy, timestep, prior.encode_condition([first.caption], place))
            for prior in (first, second)
        ]
    torch.testing.assert_close(noises[0], noises[1])
    assert second.caption == "A photo of a tower"
    save_prior(second, tmp_path / "second", None, "")
    assert not [file for file in (tmp_path / "second").rglob("*.json") if str(tmp_path) in file.read_text()]


def test_a_start_from_another_landmark_has_the_scale_of_its_own_frame_widths(tmp_path: Path) -> None:
    widths = np.array([100, 110, 120, 90], np.float32)
    first = prior_from_photos(config(), photo_set(frame_width_m=widths), CPU)
    save_prior(first, tmp_path / "first", {"range_m": [1.0], "elevation_deg": [0.0], "frame_width_m": [1.0]}, "")
    stones = photo_set(frame_width_m=widths / 4, caption="A photo of stones")
    other = prior_from_photos(config(start=str(tmp_path / "first")), stones, CPU)
    with torch.no_grad():
        wide, narrow = (
            prior.place_encoder({"azimuth_deg": torch.tensor([30.0]), "frame_width_m": torch.tensor([width])})
            for prior, width in ((first, 110.0), (other, 27.5))
        )
    torch.testing.assert_close(wide, narrow, rtol=2e-3, atol=1e-3)  # from halves
    assert other.caption == "A photo of stones"


@pytest.mark.parametrize("pooled_text", [False, True])
def test_a_start_loses_the_inputs_that_no_photo_tells_as_if_they_were_unknown(
    tmp_path: Path, pooled_text: bool
) -> None:
    known = {name: np.array([100, 110, 120, 90], np.float32) for name in ("frame_width_m", "elevation_deg")}
    first = prior_from_photos(config(pooled_text=pooled_text), photo_set(**known), CPU)
    save_prior(first, tmp_path / "first", {"range_m": [1.0], "elevation_deg": [0.0], "frame_width_m": [1.0]}, "")
    first = load_prior(tmp_path / "first")
    for told in ({}, {"elevation_deg": known["elevation_deg"]}):
        start = config(start=str(tmp_path / "first"), pooled_text=pooled_text)
        fewer = prior_from_photos(start, photo_set(**told), CPU)
        assert fewer.place_encoder.inputs == ("azimuth_deg", *told)
        asked = {"azimuth_deg": 30.0, **dict.fromkeys(told, 12.0)}
        with torch.no_grad():
            embedded = []
            for prior in (first, fewer):
                condition = prior.encode_condition([first.caption], prior.place_encoder.complete(asked, 1, CPU))
                embedded.append(prior.unet.class_embedding(condition.pooled))
        torch.testing.assert_close(embedded[1], embedded[0])


def test_a_start_from_another_city_gets_a_place_encoder_of_its_own(tmp_path: Path) -> None:
    gps, rng = PlaceConfig(kind="gps", scales=3), np.random.default_rng(0)
    images = rng.integers(0, 256, (4, 3, 16, 16), np.uint8)
    place = {name: rng.uniform(-900, 900, 4).astype(np.float32) for name in ("east_m", "north_m")}
    paris, new_york = (
        PhotoSet(images, np.arange(4), place, ["a red car"] * 4, load_city(name)) for name in ("paris", "new_york")
    )
    first = prior_from_photos(replace(config(), place=gps), paris, CPU)
    save_prior(first, tmp_path / "first", None, "")
    start = replace(config(start=str(tmp_path / "first")), place=gps)
    again, other = (prior_from_photos(replace(start, seed=1), photos, CPU) for photos in (paris, new_york))
    assert again.place_encoder.city == load_city("paris") and other.place_encoder.city == load_city("new_york")
    for prior in (again, other):  # saved in half precision
        torch.testing.assert_close(
            prior.unet.state_dict(), first.unet.state_dict(), rtol=2e-3, atol=1e-4
        )  # from halves


def test_a_start_of_other_sizes_or_inputs_is_refused(tmp_path: Path) -> None:
    first = prior_from_photos(config(), photo_set(), CPU)
    save_prior(first, tmp_path / "first", {"range_m": [1.0], "elevation_deg": [0.0], "frame_width_m": [1.0]}, "")
    start = str(tmp_path / "first")
    with pytest.raises(UserError, match=r"prior\.start=.* its unet has other sizes"):
        prior_from_photos(config(start=start, channels=[32, 64]), photo_set(), CPU)
    with pytest.raises(UserError, match=r"makes images of 16 x 16 pixels; set backbone\.image_size=16"):
        prior_from_photos(config(start=start, image_size=32), photo_set(), CPU)
    with pytest.raises(UserError, match=r"trained with another target; set backbone\.prediction=v_prediction"):
        prior_from_photos(config(start=start, prediction="epsilon"), photo_set(), CPU)
    with pytest.raises(UserError, match=r"prior\.start=.* its (unet|place_encoder) has other sizes"):
        prior_from_photos(config(start=start), photo_set(frame_width_m=np.full(4, 100, np.float32)), CPU)


def test_a_start_that_differs_in_what_no_size_tells_is_refused(tmp_path: Path) -> None:
    first = prior_from_photos(config(), photo_set(), CPU)
    save_prior(first, tmp_path / "first", {"range_m": [1.0], "elevation_deg": [0.0], "frame_width_m": [1.0]}, "")
    start, layers = str(tmp_path / "first"), first.text_encoder.config.num_hidden_layers
    with pytest.raises(
        UserError, match=rf"its text_encoder has num_hidden_layers={layers}, this config {layers + 1}; set backbone"
    ):
        prior_from_photos(config(start=start, text_layers=layers + 1), photo_set(), CPU)


def test_colours_are_divided_by_their_standard_deviation() -> None:
    images = np.full((4, 3, 16, 16), 85, np.uint8)
    images[2:] = 170  # -1/3 and 1/3
    prior = prior_from_photos(config(), landmark_set(images, np.zeros(4, np.float32)), CPU)
    assert prior.vae.std.flatten().tolist() == pytest.approx([1 / 3] * 3, abs=1e-6)

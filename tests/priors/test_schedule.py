"""What follows from the number of photos: more of them, longer and plainer; what is set goes before; many: as ever."""

from dataclasses import replace

import pytest

from gpslift.config import load_config
from gpslift.errors import UserError
from gpslift.priors.schedule import MANY, SCHEDULES, in_words, schedule_for, with_schedule
from gpslift.schema.image_prior import ImagePriorConfig


def test_more_photos_train_longer_and_with_less_augmentation() -> None:
    chosen = [schedule_for(ImagePriorConfig(), photos, 10) for photos in (10, 249, 250, 999, 1000, 4999, 5000, 9000)]
    assert [each.steps for each in chosen] == sorted(each.steps for each in chosen)
    assert [each.augment for each in chosen] == sorted((each.augment for each in chosen), reverse=True)
    assert chosen[0] == chosen[1] == SCHEDULES[0] and chosen[2] == SCHEDULES[1] and chosen[6] == chosen[7] == MANY


def test_the_shipped_configs_on_twelve_thousand_photos_stay_as_they_are() -> None:
    config = load_config("configs/angle2img_statue_of_liberty.yaml")
    assert isinstance(config, ImagePriorConfig)
    done = with_schedule(config, 9000, 1200)
    assert (done.optim.steps, done.optim.patience, done.data.augment, done.backbone.dropout) == (12500, 0, 0, 0)


def test_what_a_config_sets_goes_before() -> None:
    overrides = ["optim.steps=77", "data.augment=0.2", "backbone.dropout=0", "optim.patience=3"]
    config = load_config("configs/angle2img_own_landmark.yaml", overrides)
    assert isinstance(config, ImagePriorConfig)
    done = with_schedule(config, 80, 10)
    assert (done.optim.steps, done.data.augment, done.backbone.dropout, done.optim.patience) == (77, 0.2, 0, 3)
    assert done.optim.held_out_every_steps == 3
    said = in_words(done, 80)
    assert said == "80 photos: 77 steps, augmentation 0.2, stops when the held-out loss has not fallen for 9 steps"


def test_without_held_out_photos_nothing_tells_when_to_stop() -> None:
    assert schedule_for(ImagePriorConfig(), 80, 0) == replace(SCHEDULES[0], patience=0)


def test_cities_and_base_models_are_left_alone() -> None:
    city, base = ImagePriorConfig(), ImagePriorConfig()
    city.place.kind, base.prior.base = "gps", "some/model"
    assert schedule_for(city, 80, 10) == schedule_for(base, 80, 10) == MANY


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["data.augment=0.5", "place.kind=gps", "optim.place_weight=0"], "place.kind=azimuth"),
        (["data.augment=0.5", "data.cache_latents=yes", "prior.base=a/b"], "data.cache_latents=no"),
        (["backbone.dropout=0.1", "prior.base=a/b"], "backbone.dropout=0.1 needs prior.base=compact"),
        (["optim.patience=3", "data.test_share=0"], "optim.patience=3 goes by photos held out"),
        (["data.augment=2"], "data.augment=2.0 on the command line must be a number, -1 to 1"),
    ],
)
def test_settings_that_do_not_fit(overrides: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        load_config("configs/angle2img_own_landmark.yaml", overrides)

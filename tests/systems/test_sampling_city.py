"""Pictures from a city's prior: places, areas, walks; attention maps and nearest photos beside them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gpslift.errors import UserError
from gpslift.priors.loading import save_prior
from gpslift.schema.image_prior import ImagePriorConfig
from systems.sampling.job import sample
from tests.photos.conftest import degrees
from tests.priors.tiny_city import LATITUDE, LONGITUDE, tiny_city_prior

HERE = [LATITUDE, LONGITUDE]
TRIANGLE = [48.86, 2.34, 48.86, 2.35, 48.87, 2.345]
STRIP = 18


@pytest.fixture(scope="module")
def prior(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prior") / "prior"
    save_prior(tiny_city_prior(), folder, None, "card")
    return folder


@pytest.fixture
def config(tmp_path: Path, prior: Path) -> ImagePriorConfig:
    config = ImagePriorConfig(name="city", output=str(tmp_path / "out"), device="cpu", precision="32", threads=1)
    config.place.kind, config.prior.path, config.sample.steps = "gps", str(prior), 2
    config.sample.area_places = 5
    config.data.cache = str(tmp_path / "cache")
    return config


def made(config: ImagePriorConfig) -> dict[str, np.ndarray]:
    """The pictures of one call, by file name."""
    folder = Path(config.output) / f"call_{len(list(Path(config.output).glob('call_*')))}"
    config.sample.output = str(folder)
    sample(config)
    return {path.name: np.asarray(Image.open(path)) for path in sorted(folder.glob("*.png"))}


def far(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b).max())


def test_a_circle_that_is_hardly_more_than_a_place_averages_to_its_picture(config: ImagePriorConfig) -> None:
    config.sample.gps, config.sample.prompt = HERE, "a bench"
    plain = made(config)["001_48.86000,2.34000_1.png"]
    config.sample.gps, config.sample.area, config.sample.radius_m = [], HERE, 1e-4
    average = made(config)
    assert set(average) == {"001_average_48.86000,2.34000_0.0001m_1.png", "average.png"}
    assert far(average["001_average_48.86000,2.34000_0.0001m_1.png"], plain) <= 1
    config.sample.radius_m = 3000.0
    assert far(made(config)["001_average_48.86000,2.34000_3000m_1.png"], plain) > 2


def test_averages_of_several_circles_start_from_one_noise(config: ImagePriorConfig) -> None:
    config.sample.area, config.sample.radius_m, config.sample.images = [*HERE, 48.87, 2.36], 1e-4, 2
    averages = made(config)
    assert averages["average.png"].shape == (2 * (128 + STRIP), 2 * 128, 3)
    config.sample.area = [48.87, 2.36]
    alone = made(config)
    for number in (1, 2):
        name = f"average_48.87000,2.36000_0.0001m_{number}.png"
        assert far(alone[f"{number:03}_{name}"], averages[f"{2 * number:03}_{name}"]) <= 1
    assert far(alone["001_average_48.87000,2.36000_0.0001m_1.png"], alone[f"002_{name}"]) > 2


def test_a_polygon_and_how_many_places_it_is_of(config: ImagePriorConfig, capsys: pytest.CaptureFixture[str]) -> None:
    config.sample.area = TRIANGLE
    few = made(config)
    assert set(few) == {"001_average_3_corners_1.png", "average.png"}
    assert "each is of 5 places" in capsys.readouterr().out
    config.sample.area_places = 40
    assert far(made(config)["001_average_3_corners_1.png"], few["001_average_3_corners_1.png"]) > 0


@pytest.mark.parametrize(
    ("area", "radius_m", "words"),
    [
        (
            [48.86, 2.34, 48.86, 2.35, 50.0, 2.345],
            0.0,
            r"outside Paris \(latitude 48\.815 to 48\.902, longitude 2\.224",
        ),
        ([50.0, 2.34], 300.0, r"outside Paris \(latitude 48\.815 to 48\.902, longitude 2\.224"),
        ([48.9, 2.34], 3000.0, r"reaches out of Paris \(latitude 48\.815"),
    ],
)
def test_areas_outside_the_city_are_refused(
    config: ImagePriorConfig, area: list[float], radius_m: float, words: str
) -> None:
    config.sample.area, config.sample.radius_m = area, radius_m
    with pytest.raises(UserError, match=words):
        sample(config)


def test_a_walk_is_one_strip_from_one_noise(config: ImagePriorConfig) -> None:
    config.sample.walk, config.sample.walk_images, config.sample.images = [*HERE, 48.86, 2.36, 48.87, 2.36], 4, 2
    walk = made(config)
    # a fiftieth of a degree eastward is 1468 m at this latitude, a hundredth northward 1112 m: 860 m a step
    along = [f"walk_{metres}m_{strip}.png" for strip in (1, 2) for metres in ("00000", "00860", "01720", "02580")]
    names = [f"{number:03}_{name}" for number, name in enumerate(along, 1)]
    assert set(walk) == {*names, "walk.png"} and walk["walk.png"].shape == (2 * (128 + STRIP), 4 * 128, 3)
    config.sample.walk, config.sample.gps, config.sample.images = [], HERE, 1
    assert far(made(config)["001_48.86000,2.34000_1.png"], walk[names[0]]) <= 1


def test_places_that_are_called_alike_have_a_picture_each(config: ImagePriorConfig) -> None:
    config.sample.walk, config.sample.walk_images = [*HERE, 48.86, 2.340015], 6  # a metre
    assert len(made(config)) == 6 + 1
    config.sample.walk, config.sample.gps = [], HERE * 2
    assert len(made(config)) == 2 + 1


def test_a_walk_outside_the_city_is_refused(config: ImagePriorConfig) -> None:
    config.sample.walk = [*HERE, 50.0, 2.34]
    with pytest.raises(UserError, match=r"latitude 50, longitude 2\.34 is outside Paris"):
        sample(config)


def test_attention_is_one_row_an_image_and_changes_no_picture(config: ImagePriorConfig) -> None:
    config.sample.gps, config.sample.prompt = [*HERE, 48.87, 2.36], "a bench"
    before = made(config)
    config.sample.attention = True
    after = made(config)
    sheet = after.pop("attention.png")
    assert set(after) == set(before) and all(np.array_equal(after[name], before[name]) for name in before)
    assert sheet.shape == (2 * (128 + STRIP), 7 * 128, 3)  # the image, two words, four scales


def test_many_words_and_places_take_a_line_each(config: ImagePriorConfig) -> None:
    config.sample.gps, config.sample.prompt, config.sample.attention = HERE, "a b c d e f g h i", True
    assert made(config)["attention.png"].shape == (2 * (128 + STRIP), 10 * 128, 3)


def test_nearest_photos_by_place_and_by_pixels(config: ImagePriorConfig, tmp_path: Path) -> None:
    """The photo taken there is of noise; the one that looks alike was taken elsewhere."""
    config.sample.gps = HERE
    picture = made(config)["001_48.86000,2.34000_1.png"]
    photos = tmp_path / "photos"
    photos.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    for number, (pixels, latitude, longitude) in enumerate([(noise, *HERE), (picture, 48.88, 2.30)]):
        tags = Image.Exif()
        place = {1: "N", 2: degrees(latitude), 3: "E", 4: degrees(longitude)}
        tags[0x10F] = "a camera"  # Pillow writes none of the tags of a PNG without one of these
        tags.get_ifd(0x8825).update(place)
        Image.fromarray(pixels).save(photos / f"{number}.png", exif=tags)
    config.data.photos, config.data.judge_share, config.data.test_share = str(photos), 0.0, 0.0
    config.sample.nearest = True
    sheet = made(config)["nearest.png"]
    assert sheet.shape == (128 + STRIP, 3 * 128, 3)
    ours, there, alike = (sheet[STRIP:, left : left + 128] for left in (0, 128, 256))
    assert far(ours, alike) <= 1 and far(ours, there) > 50
    config.sample.gps, config.sample.prompt = [], "a bench"  # without a place no photo is near to it
    assert not made(config)["nearest.png"][:, 128:256].any()


def test_nothing_to_show_is_refused(config: ImagePriorConfig) -> None:
    with pytest.raises(UserError, match=r"nothing to show: .*sample\.area or sample\.walk"):
        sample(config)

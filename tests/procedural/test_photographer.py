"""One photo: its camera, what it shows from which side, and its tags read back."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from gpslift.cameras import Cameras, orbit_cameras
from gpslift.geo.frames import LocalFrame
from gpslift.geo.geodesy import azimuth_and_distance
from gpslift.geo.landmarks import Landmark, load_landmark
from gpslift.photos.exif import read_photo_metadata
from gpslift.photos.exif_values import to_coordinate
from gpslift.procedural.photographer import exif_of, people_and_trees, shot_camera, take_photo
from gpslift.procedural.raycast import Scene
from gpslift.procedural.sites import Crowd
from gpslift.procedural.solids import block
from gpslift.procedural.tags import degrees_minutes_seconds, save_photo
from gpslift.procedural.tourists import Shot, short_side_fov
from gpslift.srgb import linear_to_srgb
from tests.procedural.test_raycast import NOTHING, fine_day

RED, GREEN, BLUE, YELLOW = (0.9, 0.05, 0.05), (0.05, 0.8, 0.05), (0.05, 0.1, 0.9), (0.9, 0.9, 0.05)
NOBODY = Crowd(160, 0.0, (8, 40), 0.0, (12, 45))
SIDES = {0.0: BLUE, 90.0: RED, 180.0: YELLOW, 270.0: GREEN}  # azimuth of the side: its colour


@pytest.fixture
def landmark() -> Landmark:
    return load_landmark("statue_of_liberty")


@pytest.fixture(scope="module")
def dice() -> Scene:
    """A box with a colour on each side: north blue, east red, south yellow, west green."""
    walls = []
    for azimuth, color in SIDES.items():
        x, y = 29 * np.sin(np.radians(azimuth)), 29 * np.cos(np.radians(azimuth))
        walls.append(block((x, y, 40), (2 if abs(x) > 1 else 58, 2 if abs(y) > 1 else 58, 80), color))
    return Scene(trimesh.util.concatenate(walls))


def shot_from(azimuth: float, **changes: object) -> Shot:
    """A level photo of the landmark's middle from 200 m, from that side, by an exact phone that tells everything."""
    position = (200 * np.sin(np.radians(azimuth)), 200 * np.cos(np.radians(azimuth)), 30.0)
    place = (float(position[0]), float(position[1]), 30.0)
    shot = Shot(
        position=place, aim=(0.0, 0.0, 40.0), roll_deg=0.0, focal_35mm=50, portrait=False, exposure=1.0,
        measured_position=place, accuracy_m=4.25, altitude_known=True, focal_known=True, author="Anna B",
        time=datetime(2021, 7, 4, 15, 30, 59), weather=fine_day(),
    )  # fmt: skip
    return replace(shot, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("portrait", [False, True])
def test_the_camera_has_the_lenss_field_of_view_and_hits_its_aim(portrait: bool) -> None:
    camera = shot_camera(shot_from(30.0, portrait=portrait), 64)
    assert (camera.height, camera.width) == ((86, 64) if portrait else (64, 86))
    half = np.tan(float(camera.fov_y[0]) / 2) * 64 / camera.height  # of the short side
    assert 2 * np.arctan(half) == pytest.approx(short_side_fov(50, 86 / 64), rel=1e-6)
    matrix = camera.camera_to_world[0].numpy()
    aim = matrix[:3, :3].T @ (np.array([0, 0, 40]) - matrix[:3, 3])
    assert aim[:2] == pytest.approx([0, 0], abs=1e-3) and aim[2] < -100


def test_roll_turns_the_picture(dice: Scene) -> None:
    level, rolled = (shot_camera(shot_from(90.0, roll_deg=roll), 64).camera_to_world[0] for roll in (0.0, 10.0))
    assert torch.rad2deg(torch.acos((level[:3, 1] * rolled[:3, 1]).sum())) == pytest.approx(10, abs=0.01)


def seen(picture: Image.Image) -> np.ndarray:
    """Mean colour of the middle of a picture."""
    height, width = picture.height, picture.width
    return np.asarray(picture)[height // 2 - 8 : height // 2 + 8, width // 2 - 5 : width // 2 + 5].mean((0, 1))


def nearest_side(color: np.ndarray) -> float:
    """Azimuth of the side whose hue is nearest."""
    hues = {azimuth: np.array(side) / np.linalg.norm(side) for azimuth, side in SIDES.items()}
    return max(hues, key=lambda azimuth: hues[azimuth] @ color / np.linalg.norm(color))


@pytest.mark.parametrize("azimuth", SIDES)
def test_a_photo_from_a_side_shows_it_and_its_tag_says_so(
    dice: Scene, landmark: Landmark, tmp_path: Path, azimuth: float
) -> None:
    """Photo, JPEG, EXIF, reader, azimuth; and a render from that azimuth shows the same side: nothing is mirrored."""
    shot = shot_from(azimuth)
    picture = take_photo(dice, shot, 64, np.random.default_rng(0), NOBODY)
    save_photo(picture, tmp_path / "photo.jpg", exif_of(shot, landmark, LocalFrame.of_landmark(landmark)))
    read = read_photo_metadata(tmp_path / "photo.jpg")
    tagged, distance = azimuth_and_distance(
        landmark.latitude, landmark.longitude, np.array([read.latitude]), np.array([read.longitude])
    )
    assert abs((tagged[0] - azimuth + 180) % 360 - 180) < 0.01
    assert distance[0] == pytest.approx(200, abs=0.05)
    with Image.open(tmp_path / "photo.jpg") as stored:
        assert nearest_side(seen(stored.convert("RGB"))) == azimuth
    angles = torch.tensor(tagged, dtype=torch.float32), torch.tensor([-3.0]), torch.tensor([200.0]), torch.tensor([0.5])
    render = rendered(dice, orbit_cameras(*angles, torch.tensor([0.0, 0.0, 40.0]), 32, 32))
    assert nearest_side(render[12:20, 12:20].mean((0, 1))) == azimuth


def rendered(scene: Scene, cameras: Cameras) -> np.ndarray:
    origins, directions = cameras.rays()
    rays = directions[0].reshape(-1, 3).numpy()
    color = scene.render(origins[0, 0, 0].numpy(), rays, fine_day(), NOTHING)
    return linear_to_srgb(color).reshape(cameras.height, cameras.width, 3)


def test_from_the_east_south_is_on_the_left(dice: Scene) -> None:
    """From the north-east corner one sees north (blue) to the right of east (red)."""
    picture = np.asarray(take_photo(dice, shot_from(45.0), 64, np.random.default_rng(0), NOBODY))
    middle = picture[26:38]
    assert nearest_side(middle[:, 34:40].mean((0, 1))) == 90.0
    assert nearest_side(middle[:, 46:52].mean((0, 1))) == 0.0


def test_the_top_of_the_picture_is_the_top_of_the_world(dice: Scene) -> None:
    picture = np.asarray(take_photo(dice, shot_from(90.0, portrait=True), 64, np.random.default_rng(0), NOBODY)).astype(
        float
    )
    assert np.abs(picture[0, 32] - picture[2, 10]).max() < 40  # sky above the box, as beside it
    red = (picture[..., 0] > 1.8 * picture[..., 2]).mean(1)
    assert red[:8].max() == 0 and red[30:60].min() > 0.3


def test_tags_come_back_as_they_were_written(landmark: Landmark, tmp_path: Path) -> None:
    shot = shot_from(77.0)
    picture = Image.new("RGB", (86, 64), "white")
    save_photo(picture, tmp_path / "a.jpg", exif_of(shot, landmark, LocalFrame.of_landmark(landmark)))
    read = read_photo_metadata(tmp_path / "a.jpg")
    assert (read.author, read.time) == ("Anna B", "2021-07-04T15:30:59")
    assert read.accuracy_m == pytest.approx(4.25)
    assert read.altitude_m == pytest.approx(landmark.ground_altitude_m + 30.0)
    assert read.focal_length_35mm == 50
    assert (read.width, read.height) == (86, 64)


def test_what_the_phone_keeps_to_itself_is_not_written(landmark: Landmark, tmp_path: Path) -> None:
    shot = shot_from(77.0, accuracy_m=None, altitude_known=False, focal_known=False)
    tags = exif_of(shot, landmark, LocalFrame.of_landmark(landmark))
    save_photo(Image.new("RGB", (86, 64)), tmp_path / "a.jpg", tags)
    read = read_photo_metadata(tmp_path / "a.jpg")
    assert read.accuracy_m is None and read.altitude_m is None and read.focal_length_35mm is None
    assert read.latitude is not None


def test_the_southern_and_western_hemispheres_and_land_below_the_sea(landmark: Landmark, tmp_path: Path) -> None:
    lima = replace(landmark, latitude=-12.05, longitude=-77.04, ground_altitude_m=-50.0)
    tags = exif_of(shot_from(0.0), lima, LocalFrame.of_landmark(lima))
    save_photo(Image.new("RGB", (8, 6)), tmp_path / "a.jpg", tags)
    read = read_photo_metadata(tmp_path / "a.jpg")
    assert read.latitude == pytest.approx(-12.05 + 200 / 110_600, abs=2e-6)
    assert read.longitude == pytest.approx(-77.04, abs=1e-7)
    assert read.altitude_m == pytest.approx(-20.0)


@pytest.mark.parametrize("angle", [0.0, 40.689247, -74.044502, 179.99999999, 12.5, 7.0166666666, 1 / 3])
def test_angles_survive_degrees_minutes_and_seconds(angle: float) -> None:
    parts = degrees_minutes_seconds(angle)
    assert parts[0] == int(abs(angle)) and 0 <= parts[1] < 60 and 0 <= parts[2] <= 60
    assert parts[0] + parts[1] / 60 + parts[2] / 3600 == pytest.approx(abs(angle), abs=2e-9)
    read = to_coordinate(parts, "S" if angle < 0 else "N", 180.0, "NS")
    assert read == pytest.approx(angle, abs=2e-9)


def test_people_stand_on_land_between_camera_and_landmark() -> None:
    rng, crowd = np.random.default_rng(0), Crowd(160, 0.9, (8, 40), 0.6, (12, 45))
    assert len(people_and_trees(rng, shot_from(90.0), crowd).centers) == 0  # 200 m away is on the water
    near = shot_from(90.0, position=(100.0, 0.0, 1.6))
    centers = np.concatenate([people_and_trees(rng, near, crowd).centers for _ in range(100)])
    assert len(centers) > 50
    assert centers[:, 0].min() > 50 and centers[:, 0].max() < 100  # in front of the camera, which looks west
    assert np.abs(centers[:, 1]).max() < 50 and centers[:, 2].min() > 0

"""The picture grid and the turntable show the right side of a field."""

from pathlib import Path
from typing import Any

import imageio.v2 as imageio
import numpy as np
import pytest
from PIL import Image

from gpslift.errors import UserError
from gpslift.export.pictures import (
    NOTHING,
    color_picture,
    depth_picture,
    normal_picture,
    write_picture_grid,
    write_turntable,
)
from gpslift.export.views import framing_cameras

BOX = ((-1.0, -1.0, 0.0), (1.0, 1.0, 2.0))


@pytest.fixture
def ball(solid_field: Any) -> Any:
    return solid_field([[0.0, 0.0, 1.0]], [0.7])


def test_grid_shows_the_east_from_the_east(ball: Any, tmp_path: Path) -> None:
    picture = np.asarray(Image.open(write_picture_grid(ball.render, *BOX, 48, tmp_path / "new" / "grid.png")))
    height, width = picture.shape[:2]
    top, left = height - 4 * 48, width - 8 * 48
    assert 0 < top < 30 and 0 < left < 80
    centers = [picture[top + 24, left + 48 * column + 24].astype(int) for column in range(8)]
    assert centers[2][0] > 200 > 60 > centers[2][2]  # from the east: red
    assert centers[6][2] > 200 > 60 > centers[6][0]  # from the west: blue
    assert (picture[top : top + 8, left:] == round(255 * NOTHING)).all()  # nothing behind it
    opacity = picture[top + 3 * 48 :, left:]
    assert opacity[24, 24].min() > 250 and opacity[2, 2].max() < 5


def test_turntable_has_its_frames_and_a_size_that_the_encoder_keeps(ball: Any, tmp_path: Path) -> None:
    path = write_turntable(ball.render, *BOX, 40, 8, tmp_path / "turn.mp4")
    frames = [frame.astype(int) for frame in imageio.get_reader(path)]
    assert [frame.shape for frame in frames] == [(48, 48, 3)] * 8
    assert frames[2][24, 24, 0] > 180 > 80 > frames[2][24, 24, 2]
    assert frames[6][24, 24, 2] > 180 > 80 > frames[6][24, 24, 0]


def test_what_is_behind_is_shown_on_request(ball: Any) -> None:
    view = ball.render(framing_cameras(*BOX, [90.0], 10.0, 48))
    with_background, alone = (color_picture(view, background)[0].astype(int) for background in (True, False))
    assert (with_background[2, 2] == 128).all() and (alone[2, 2] == round(255 * NOTHING)).all()
    assert np.array_equal(with_background[24, 24], alone[24, 24])
    opacity = view.opacity[0].numpy()[..., None]
    behind = 255 * (1 - opacity) * (NOTHING - 0.5)
    assert np.abs(alone - with_background - behind).max() <= 1


def test_depth_is_yellow_near_violet_far_and_grey_where_there_is_nothing() -> None:
    depth = np.linspace(1, 2, 100, dtype=np.float32).reshape(1, 10, 10)
    opacity = np.ones_like(depth)
    opacity[0, 5, 5] = 0.2
    picture = depth_picture(depth, opacity)[0]
    assert picture[0, 0].tolist() == [252, 232, 38]
    assert picture[9, 9].tolist() == [69, 0, 84]
    assert picture[5, 5].tolist() == [round(255 * NOTHING)] * 3


def test_depth_of_an_empty_picture_is_grey() -> None:
    picture = depth_picture(np.zeros((1, 4, 4), np.float32), np.zeros((1, 4, 4), np.float32))
    assert (picture == round(255 * NOTHING)).all()


def test_normals_are_shown_at_full_length() -> None:
    normal = np.zeros((1, 1, 2, 3), np.float32)
    normal[..., 2] = 0.3
    picture = normal_picture(normal, np.array([[[1.0, 0.0]]], np.float32))
    assert picture[0, 0, 0].tolist() == [128, 128, 255]
    assert picture[0, 0, 1].tolist() == [round(255 * NOTHING)] * 3


def test_an_encoder_that_cannot_write_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        """A film whose encoder has ended: imageio raises an OSError without a number."""

        def append_data(self, frame: object) -> None:
            raise OSError("[Errno 32] Broken pipe\nFFMPEG STDERR OUTPUT: No space left on device")

        def close(self) -> None:
            """Nothing to do."""

    monkeypatch.setattr("gpslift.export.pictures.imageio.get_writer", lambda *_, **__: Broken())
    monkeypatch.setattr("gpslift.export.pictures.color_picture", lambda *_: [None])
    box = (-1.0, -1.0, 0.0), (1.0, 1.0, 1.0)
    with pytest.raises(UserError, match=r"(?s)the film .*a\.mp4 cannot be written; is the disk full.*No space left"):
        write_turntable(lambda cameras: None, *box, 16, 4, tmp_path / "a.mp4")


def test_depths_of_what_is_not_seen_stretch_no_colours() -> None:
    depth = np.zeros((1, 20, 10), np.float32)
    depth[0, :10] = np.linspace(5, 6, 100).reshape(10, 10)
    picture = depth_picture(depth, (depth > 0).astype(np.float32))[0]
    assert picture[0, 0].tolist() == [252, 232, 38] and picture[9, 9].tolist() == [69, 0, 84]

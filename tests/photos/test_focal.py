"""Field of view from 35-mm-equivalent focal lengths, worked out by hand."""

import math

import pytest

from gpslift.photos.focal import field_of_view_square, focal_length_35mm

F35, FOCAL, PIXELS_X, PIXELS_Y, PLANE_X, PLANE_UNIT = 0xA405, 0x920A, 0xA002, 0xA003, 0xA20E, 0xA210


def test_a_full_frame_picture_at_its_own_focal_length() -> None:
    """3:2, as a 36 x 24 mm frame: the square crop is 24 mm wide, and 12 mm at 12 mm off is 45 degrees to each side."""
    assert field_of_view_square(12.0, 3600, 2400) == pytest.approx(math.radians(90))
    assert field_of_view_square(12.0, 2400, 3600) == pytest.approx(math.radians(90))


def test_a_square_picture_has_the_diagonal_of_the_full_frame() -> None:
    side = math.hypot(36, 24) / math.sqrt(2)
    assert field_of_view_square(35.0, 1000, 1000) == pytest.approx(2 * math.atan(side / 70))


def test_a_phone() -> None:
    """26 mm on 4:3: the short side is 3/5 of the 43.27 mm diagonal, 25.96 mm; 2 atan(25.96 / 52) = 53.06 degrees."""
    assert math.degrees(field_of_view_square(26.0, 4032, 3024)) == pytest.approx(53.06, abs=0.01)


@pytest.mark.parametrize("stated", [0, 65535, 35856, float("nan"), "?"])
def test_absurd_focal_lengths_are_unknown(stated: object) -> None:
    assert focal_length_35mm({F35: stated}, 400, 300) is None


def test_scaling_a_photo_keeps_its_focal_length_and_cropping_voids_it() -> None:
    exif = {F35: 50, PIXELS_X: 4000, PIXELS_Y: 3000}
    assert focal_length_35mm(exif, 400, 300) == 50
    assert focal_length_35mm(exif, 300, 400) == 50
    assert focal_length_35mm(exif, 400, 225) is None
    assert focal_length_35mm({F35: 50}, 400, 300) == 50
    assert focal_length_35mm({F35: 50}, 1000, 400) is None


def test_crop_factor_from_the_focal_plane() -> None:
    """6000 x 4000 pixels at 2540 a centimetre: a sensor of 23.6 x 15.7 mm, crop factor 1.524."""
    exif = {FOCAL: 20, PIXELS_X: 6000, PIXELS_Y: 4000, PLANE_X: 2540, PLANE_UNIT: 3}
    diagonal = math.hypot(6000, 4000) / 254
    assert focal_length_35mm(exif, 600, 400) == pytest.approx(20 * math.hypot(36, 24) / diagonal)
    assert focal_length_35mm(exif | {PLANE_UNIT: 2}, 600, 400) == pytest.approx(
        20 * math.hypot(36, 24) / (diagonal * 2.54)
    )
    assert focal_length_35mm(exif | {PLANE_UNIT: 9}, 600, 400) is None
    assert focal_length_35mm(exif | {PLANE_X: 0}, 600, 400) is None
    assert focal_length_35mm(exif | {PLANE_X: 50}, 600, 400) is None
    assert focal_length_35mm(exif | {PIXELS_X: 600, PIXELS_Y: 400}, 600, 400) is None

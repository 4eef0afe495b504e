"""Pixels: orientation, crop, antialiasing, colour modes, limits and damage."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps, features

from gpslift.errors import UserError
from gpslift.photos.images import difference_hash, load_square, open_image, to_rgb

PhotoWriter = Callable[..., Path]

QUADRANTS = np.array([[[250, 0, 0], [0, 250, 0]], [[0, 0, 250], [250, 250, 0]]], np.uint8)
"""Red and green above, blue and yellow below."""


def upright_as_stored(orientation: int) -> np.ndarray:
    """QUADRANTS as a camera with that EXIF orientation stores it, by the standard's table.

    Orientation 6, say: row 0 of the file is the right side of the scene, column 0 its top.
    """
    scene = QUADRANTS
    stored = {
        1: scene,
        2: scene[:, ::-1],
        3: scene[::-1, ::-1],
        4: scene[::-1],
        5: scene.swapaxes(0, 1),
        6: scene.swapaxes(0, 1)[::-1],
        7: scene[::-1, ::-1].swapaxes(0, 1),
        8: scene.swapaxes(0, 1)[:, ::-1],
    }
    return stored[orientation]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(tmp_path: Path, orientation: int) -> None:
    picture = Image.fromarray(upright_as_stored(orientation)).resize((64, 64), Image.Resampling.NEAREST)
    tags = Image.Exif()
    tags[0x112] = orientation
    picture.save(tmp_path / "a.png", exif=tags)
    found = load_square(tmp_path / "a.png", 32, 1.0)
    np.testing.assert_array_equal(found[:, 8::16, 8::16].transpose(1, 2, 0), QUADRANTS)


def test_the_centred_square_is_cut(tmp_path: Path) -> None:
    stripes = np.zeros((40, 120, 3), np.uint8)
    stripes[:, 40:80] = 200  # exactly the centred square
    Image.fromarray(stripes).save(tmp_path / "wide.png")
    Image.fromarray(stripes.transpose(1, 0, 2)).save(tmp_path / "tall.png")
    for name in ("wide.png", "tall.png"):
        found = load_square(tmp_path / name, 20, 1.0)
        assert np.all(found[:, 4:-4, 4:-4] == 200) and found.mean() > 190
        np.testing.assert_array_equal(found, found[:, ::-1, ::-1])


def test_shrinking_averages_and_does_not_alias(tmp_path: Path) -> None:
    """Lines one pixel wide become grey; picking pixels would give black or white."""
    lines = np.zeros((512, 512, 3), np.uint8)
    lines[:, ::2] = 200
    Image.fromarray(lines).save(tmp_path / "lines.png")
    np.testing.assert_allclose(load_square(tmp_path / "lines.png", 32, 1.0), 100, atol=3)


def test_a_large_jpeg_is_shrunk_like_a_png(tmp_path: Path) -> None:
    """The decoder's own halving must not shift or alter the picture."""
    ramp = np.linspace(0, 255, 1200).astype(np.uint8)
    red, green = np.broadcast_arrays(ramp[None, :], ramp[:900, None])
    picture = Image.fromarray(np.stack([red, green, np.zeros_like(red)], -1))
    picture.save(tmp_path / "a.png")
    picture.save(tmp_path / "a.jpg", quality=95, subsampling=0)
    fine, quick = (load_square(tmp_path / name, 48, 2.0).astype(int) for name in ("a.png", "a.jpg"))
    assert np.abs(fine - quick).max() <= 3


@pytest.mark.parametrize(
    ("array", "mode"),
    [
        (np.full((8, 8), 32896, np.uint16), None),
        (np.full((8, 8), 32896, np.int32), None),
        (np.full((8, 8), 128 / 255, np.float32), None),
        (np.full((8, 8), 128, np.uint8), "L"),
        (np.full((8, 8), 128, np.uint8), "P"),
        (np.full((8, 8, 3), 128, np.uint8), "CMYK"),
        (np.full((8, 8, 3), 128, np.uint8), "YCbCr"),
    ],
)
def test_every_mode_becomes_eight_bit_rgb(array: np.ndarray, mode: str | None) -> None:
    image = Image.fromarray(array)
    rgb = to_rgb(image.convert(mode) if mode else image)
    assert rgb.mode == "RGB"
    np.testing.assert_allclose(np.asarray(rgb), 128, atol=2)


def test_transparent_parts_become_white(tmp_path: Path) -> None:
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[..., 0], rgba[4:, :, 3] = 255, 255  # red, transparent above
    Image.fromarray(rgba).save(tmp_path / "a.png")
    found = load_square(tmp_path / "a.png", 8, 1.0)
    assert found[:, 0, 0].tolist() == [255, 255, 255]
    assert found[:, 7, 0].tolist() == [255, 0, 0]


def test_pixel_limit_is_checked_before_decoding(tmp_path: Path) -> None:
    Image.new("RGB", (2000, 1000)).save(tmp_path / "large.png")
    with pytest.raises(UserError, match=r"large\.png has 2\.0 million pixels; data\.image_megapixels_max is 1"):
        load_square(tmp_path / "large.png", 8, 1.0)
    assert load_square(tmp_path / "large.png", 8, 2.0).shape == (3, 8, 8)


def test_pillows_own_limit_does_not_get_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (200, 100)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert load_square(tmp_path / "a.png", 8, 1.0).shape == (3, 8, 8)
    assert Image.MAX_IMAGE_PIXELS == 100


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_a_cut_off_file_is_named(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    path = tmp_path / f"cut.{suffix}"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(UserError, match=rf"cannot read .*cut\.{suffix}"):
        load_square(path, 8, 1.0)


def test_files_that_are_no_images_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("hello")
    for name, said in (("empty.jpg", "empty"), ("text.jpg", "no image"), ("gone.jpg", "no such file")):
        with pytest.raises(UserError, match=rf"{name}: .*{said}"):
            open_image(tmp_path / name, 1.0)


def test_hash_survives_scaling_and_compression_and_tells_pictures_apart(odd_photos: Path, tmp_path: Path) -> None:
    def bits(path: Path) -> np.ndarray:
        with open_image(path, 50.0) as image:
            return np.unpackbits(np.frombuffer(difference_hash(image), np.uint8))

    first, second = sorted((odd_photos / "lund_street").glob("*.jpg"))[:2]
    with Image.open(first) as image:
        image.resize((320, 240), Image.Resampling.LANCZOS).save(tmp_path / "small.jpg", quality=70)
    assert np.sum(bits(first) != bits(tmp_path / "small.jpg")) <= 6
    assert np.sum(bits(first) != bits(second)) > 16


@pytest.mark.parametrize("turn", range(1, 9))
def test_tiffs_are_turned_once(tmp_path: Path, turn: int) -> None:
    """Pillow turns them by itself where it reads their pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    exif = Image.Exif()
    exif[0x112] = turn
    file = tmp_path / "a.tif"
    Image.fromarray(pixels).save(file, exif=exif)
    with Image.open(file) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB")).transpose(2, 0, 1)
    assert np.array_equal(load_square(file, 16, 50.0), expected)
    saved = tmp_path / "a.png"
    Image.fromarray(expected.transpose(1, 2, 0)).save(saved)
    with open_image(file, 50.0) as tiff, open_image(saved, 50.0) as upright:
        assert difference_hash(tiff) == difference_hash(upright)


def test_a_file_of_another_kind_is_no_photo_whatever_its_name(tmp_path: Path) -> None:
    """EPS would be handed to another program."""
    file = tmp_path / "a.jpg"
    file.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n")
    with pytest.raises(UserError, match="it is no image, or it is damaged"):
        open_image(file, 50.0)


def test_whatever_is_damaged_in_an_avif_is_told(tmp_path: Path) -> None:
    if not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    file, told = tmp_path / "a.avif", 0
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(file)
    whole = file.read_bytes()
    for seed in range(100):
        rng, damaged = np.random.default_rng(seed), bytearray(whole)
        for place in rng.integers(0, 400, 6):
            damaged[place] = rng.integers(0, 256)
        file.write_bytes(damaged)
        try:
            load_square(file, 16, 50.0)
        except UserError as error:
            told += str(error).startswith(f"cannot read {file}")
    assert told > 50


def test_the_hash_is_of_the_upright_picture_however_bright(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)
    scene, found = Image.fromarray(pixels).resize((72, 72), Image.Resampling.BICUBIC), list[np.ndarray]()
    dark = scene.point(lambda value: round(0.4 * value))
    turned = {1: scene, 6: scene.transpose(Image.Transpose.ROTATE_90), 3: dark.transpose(Image.Transpose.ROTATE_180)}
    for orientation, stored in turned.items():
        tags = Image.Exif()
        tags[0x112] = orientation
        stored.save(tmp_path / "a.png", exif=tags)
        with Image.open(tmp_path / "a.png") as image:
            found.append(np.unpackbits(np.frombuffer(difference_hash(image), np.uint8)))
    assert all(np.sum(found[0] != other) <= 6 for other in found[1:])

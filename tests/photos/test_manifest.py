"""From a folder to a manifest: what is kept, what is dropped and told, what is refused and with which words."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from gpslift.config import load_config
from gpslift.errors import UserError
from gpslift.geo.geodesy import destination
from gpslift.geo.landmarks import Landmark, load_landmark
from gpslift.photos.filters import empty_sectors, repeated_pictures
from gpslift.photos.images import open_image
from gpslift.photos.manifest import Manifest, build_manifest
from gpslift.schema.image_prior import DataConfig

PhotoWriter = Callable[..., Path]
RingWriter = Callable[..., list[Path]]


def refusal(landmark: Landmark, data: DataConfig) -> str:
    with pytest.raises(UserError) as caught:
        build_manifest(landmark, data)
    return str(caught.value)


def spot(landmark: Landmark, azimuth: float, distance: float) -> tuple[float, float]:
    lat, lon = destination(landmark.latitude, landmark.longitude, azimuth, distance)
    return float(lat), float(lon)


def rows(manifest: Manifest) -> list[str]:
    """All of a table, NaN equal to NaN."""
    return [str(row) for row in manifest.table.to_pylist()]


def test_a_ring_of_photos(landmark: Landmark, data: DataConfig, write_ring: RingWriter) -> None:
    write_ring(72)
    manifest = build_manifest(landmark, data)
    assert len(manifest) == 72 and manifest.report.kept == 72 and manifest.report.warnings == []
    np.testing.assert_allclose(manifest.column("azimuth_deg"), np.arange(72) * 5, atol=1e-3)
    np.testing.assert_allclose(manifest.column("distance_m"), 150, atol=1e-2)
    assert np.isnan(manifest.column("elevation_deg")).all()
    side = 0.6 * np.hypot(36, 24)  # 4:3
    np.testing.assert_allclose(manifest.column("frame_width_m"), np.hypot(150, 44.9) * side / 35, rtol=1e-4)
    assert sum(len(manifest.rows(part)) for part in ("generator", "judges", "test")) == 72
    assert all(len(manifest.rows(part)) for part in ("generator", "judges", "test"))


def test_altitude_gives_elevation(landmark: Landmark, data: DataConfig, write_photo: PhotoWriter) -> None:
    """49.5 m above the sea is the look-at point's own height; 2 is EXIF 3.0's reference to the sea."""
    place = spot(landmark, 30, 100)
    write_photo("level.jpg", *place, gps={5: b"\0", 6: IFDRational(495, 10)}, main={0x13B: "A"})
    height = landmark.ground_altitude_m + 46.5 + 100
    write_photo("new.jpg", *place, gps={5: b"\x02", 6: IFDRational(round(height * 10), 10)}, main={0x13B: "B"})
    np.testing.assert_allclose(build_manifest(landmark, data).column("elevation_deg"), [0, 45], atol=0.05)


def test_real_photos_round_a_place_of_their_own(odd_photos: Path, tmp_path: Path) -> None:
    """Fifteen phone photos along a street in Lund, seen from a landmark set up 200 m north of the first."""
    lund = replace(
        load_landmark("statue_of_liberty"), latitude=55.6999633, longitude=13.1953889, ground_altitude_m=35.0
    )
    data = DataConfig(photos=str(odd_photos / "lund_street"), cache=str(tmp_path))
    manifest = build_manifest(lund, data)
    assert manifest.report.found == 15
    assert manifest.column("azimuth_deg")[0] == pytest.approx(180, abs=0.01)
    assert manifest.column("distance_m")[0] == pytest.approx(200, abs=0.5)
    assert "no photo between azimuth" in manifest.report.text()


def test_reading_again_is_from_the_cache_until_a_file_changes(
    landmark: Landmark, data: DataConfig, write_ring: RingWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write_ring(12)
    first = build_manifest(landmark, data)
    monkeypatch.setattr("gpslift.photos.scan.open_image", lambda *_: pytest.fail("a photo was read again"))
    again = build_manifest(landmark, data)
    assert rows(again) == rows(first) and again.report == first.report
    monkeypatch.undo()
    os.utime(paths[0], (1, 1))
    paths[1].unlink()
    assert len(build_manifest(landmark, data)) == 11


def test_a_damaged_cache_is_made_again(landmark: Landmark, data: DataConfig, write_ring: RingWriter) -> None:
    write_ring(6)
    first = build_manifest(landmark, data)
    for path in Path(data.cache).rglob("*.parquet"):
        path.write_bytes(path.read_bytes()[:100])
    assert rows(build_manifest(landmark, data)) == rows(first)


def test_order_and_names_of_files_do_not_change_the_parts(
    landmark: Landmark, data: DataConfig, write_ring: RingWriter, tmp_path: Path
) -> None:
    def parts(manifest: Manifest) -> dict[str, str]:
        return dict(zip(manifest.table["author"].to_pylist(), manifest.table["part"].to_pylist(), strict=True))

    paths = write_ring(40)
    first = parts(build_manifest(landmark, data))
    for number, path in enumerate(paths):
        path.rename(path.with_name(f"{(number * 7) % 40:02d}.jpg"))
    assert parts(build_manifest(landmark, data)) == first


def test_empty_and_missing_folder(landmark: Landmark, data: DataConfig, folder: Path) -> None:
    assert "no photos in" in refusal(landmark, data)
    (folder / "notes.txt").touch()
    assert "no photos in" in refusal(landmark, data)
    assert "data.photos: there is no folder" in refusal(landmark, replace(data, photos=str(folder / "gone")))


def test_no_gps(landmark: Landmark, data: DataConfig, write_photo: PhotoWriter) -> None:
    write_photo("a.jpg")
    write_photo("b.jpg")
    said = refusal(landmark, data)
    assert "none of the 2 photos in" in said and "EXIF GPS tags are needed" in said


def test_where_no_photo_has_a_position_those_that_cannot_be_read_are_told_too(
    landmark: Landmark, data: DataConfig, folder: Path, write_photo: PhotoWriter
) -> None:
    write_photo("a.jpg")
    (folder / "b.jpg").write_bytes(b"\xff\xd8\xff")
    assert "none of the 1 photos (1 more cannot be read) in" in refusal(landmark, data)


def test_all_broken(landmark: Landmark, data: DataConfig, folder: Path) -> None:
    (folder / "a.jpg").write_bytes(b"\xff\xd8\xff")
    assert "none of the 1 photos" in refusal(landmark, data)


def test_broken_and_positionless_photos_are_listed_and_not_fatal(
    landmark: Landmark, data: DataConfig, folder: Path, write_ring: RingWriter, write_photo: PhotoWriter
) -> None:
    paths = write_ring(24)
    paths[3].write_bytes(paths[3].read_bytes()[:-400])
    (folder / "empty.jpg").touch()
    write_photo("nowhere.jpg")
    report = build_manifest(landmark, data).report
    assert report.kept == 23 and report.found == 26
    assert report.dropped == {"cannot be read": 2, "no GPS position": 1}
    assert "empty.jpg" in report.text() and "ring_0003.jpg" in report.text() and "nowhere.jpg" in report.text()


def test_all_outside_the_limits(landmark: Landmark, data: DataConfig, write_ring: RingWriter) -> None:
    write_ring(12, distance_m=1500)
    said = refusal(landmark, data)
    assert "nearest of 12 photos" in said and "is 1.5 km from the Statue" in said and "raise data.radius_max_m" in said
    said = refusal(landmark, replace(data, radius_min_m=1600, radius_max_m=2000))
    assert "nearest 1500 m" in said and "data.radius_min_m and data.radius_max_m" in said
    assert len(build_manifest(landmark, replace(data, radius_max_m=2000))) == 12


def test_limits_drop_single_photos(
    landmark: Landmark, data: DataConfig, write_ring: RingWriter, write_photo: PhotoWriter
) -> None:
    write_ring(12)
    write_photo("near.jpg", *spot(landmark, 10, 12), main={0x13B: "near"})
    write_photo("far.jpg", *spot(landmark, 10, 1200), main={0x13B: "far"})
    report = build_manifest(landmark, data).report
    assert report.dropped == {"closer than 20 m": 1, "farther than 1000 m": 1}
    assert build_manifest(landmark, replace(data, radius_min_m=5, azimuth_uncertainty_max_deg=90)).report.kept == 13


def test_vague_azimuths(landmark: Landmark, data: DataConfig, write_ring: RingWriter, write_photo: PhotoWriter) -> None:
    write_photo("vague.jpg", *spot(landmark, 10, 100), gps={31: IFDRational(60, 1)})
    assert "data.azimuth_uncertainty_max_deg" in refusal(landmark, data)
    write_ring(12)
    assert build_manifest(landmark, data).report.dropped == {"azimuth vaguer than 20 degrees": 1}


def test_swapped_latitude_and_longitude(landmark: Landmark, data: DataConfig, write_photo: PhotoWriter) -> None:
    for number in range(6):
        latitude, longitude = spot(landmark, 60 * number, 150)
        write_photo(f"{number}.jpg", longitude, latitude, main={0x13B: str(number)})
    said = refusal(landmark, data)
    assert "in 6 of 6 photos" in said and "latitude and longitude are swapped" in said


def test_single_swapped_photos_are_counted(
    landmark: Landmark, data: DataConfig, write_ring: RingWriter, write_photo: PhotoWriter
) -> None:
    write_ring(12)
    latitude, longitude = spot(landmark, 77, 150)
    write_photo("swapped.jpg", longitude, latitude)
    write_photo("east.jpg", latitude, -longitude)
    assert build_manifest(landmark, data).report.dropped == {
        "latitude and longitude are swapped": 1,
        "the longitude has the wrong hemisphere": 1,
    }


def test_photos_that_are_all_misplaced_in_several_ways_are_counted(
    landmark: Landmark, data: DataConfig, write_photo: PhotoWriter
) -> None:
    latitude, longitude = spot(landmark, 77, 150)
    write_photo("east.jpg", latitude, -longitude)
    write_photo("south.jpg", -latitude, longitude)
    said = refusal(landmark, data)
    assert "in 1 the longitude has the wrong hemisphere, in 1 the latitude has the wrong hemisphere" in said


def test_all_on_one_side_warns_with_the_empty_sector(
    landmark: Landmark, data: DataConfig, write_ring: RingWriter
) -> None:
    write_ring(20, 260, 480)  # from 260 through north to 109
    report = build_manifest(landmark, data).report
    assert report.kept == 20
    assert "no photo between azimuth 109° and 260°" in report.text()


def test_empty_sectors_by_hand() -> None:
    assert empty_sectors(np.array([10.0, 350.0, 100.0])) == [(10.0, 100.0), (100.0, 350.0)]
    assert empty_sectors(np.array([200.0])) == [(200.0, 560.0)]
    assert empty_sectors(np.arange(0, 360, 29.0)) == []


def test_near_duplicates_count_once(
    landmark: Landmark, data: DataConfig, folder: Path, write_ring: RingWriter, write_photo: PhotoWriter
) -> None:
    paths = write_ring(12)
    same = {"main": {0x13B: "Ann"}, "exif": {0x9003: "2020:05:05 12:00:10"}}
    place = spot(landmark, 33, 150)
    write_photo("burst_1.jpg", *place, **same)
    write_photo("burst_2.jpg", *place, **same | {"exif": {0x9003: "2020:05:05 12:00:50"}})
    write_photo("later.jpg", *place, **same | {"exif": {0x9003: "2020:05:05 12:01:10"}})
    with Image.open(paths[5]) as image:  # reposted: scaled, compressed again, without time, under another name
        tags = image.getexif()
        repost = Image.Exif()
        repost.get_ifd(0x8825).update(tags.get_ifd(0x8825))
        image.resize((96, 72)).save(folder / "a_repost.jpg", quality=80, exif=repost)
    manifest = build_manifest(landmark, data)
    assert manifest.report.dropped == {"same author, place and minute as another": 1, "same picture as another": 1}
    kept = manifest.table["path"].to_pylist()
    assert "burst_1.jpg" in kept and "a_repost.jpg" not in kept and paths[5].name in kept  # the copy says less


def test_repeated_pictures_across_blocks() -> None:
    """Random hashes differ in about 64 of 128 bits; six changed bits are a repetition, seven are not."""
    rng = np.random.default_rng(0)
    words = rng.integers(0, 2**63, (1200, 2), np.uint64)
    words[1100] = words[3]
    words[1101] = words[700] ^ np.array([0b111, 0b111], np.uint64)
    words[1102] = words[800] ^ np.array([0b111, 0b1111], np.uint64)
    assert np.flatnonzero(repeated_pictures([row.tobytes() for row in words])).tolist() == [1100, 1101]


def test_links_out_of_the_folder_are_not_followed(
    landmark: Landmark, data: DataConfig, folder: Path, tmp_path: Path, write_ring: RingWriter
) -> None:
    paths = write_ring(12)
    outside = tmp_path / "private"
    outside.mkdir()
    paths[0].rename(outside / "secret.jpg")
    (folder / "link.jpg").symlink_to(outside / "secret.jpg")
    (folder / "linked").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    report = build_manifest(landmark, data).report
    assert report.found == 11
    assert "2 left alone (link.jpg, linked): links that lead nowhere or out of the folder" in report.text()


def test_a_link_that_leads_nowhere_is_left_alone(
    landmark: Landmark, data: DataConfig, folder: Path, write_ring: RingWriter
) -> None:
    write_ring(11)
    (folder / "broken.jpg").symlink_to(folder / "gone.jpg")
    report = build_manifest(landmark, data).report
    assert report.found == 11 and "1 left alone (broken.jpg)" in report.text()


def test_a_photo_that_could_not_be_read_is_tried_again(
    landmark: Landmark, data: DataConfig, write_ring: RingWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is as it was: a lock, or a missing permission, was in the way."""

    def locked(path: Path, *limits: float) -> Image.Image:
        if path.name == "ring_0003.jpg":
            raise UserError(f"cannot read {path}: Permission denied")
        return open_image(path, *limits)

    write_ring(24)
    with monkeypatch.context() as patch:
        patch.setattr("gpslift.photos.scan.open_image", locked)
        report = build_manifest(landmark, data).report
        assert report.dropped == {"cannot be read": 1}
        assert "the first that cannot be read: cannot read" in report.text() and "Permission denied" in report.text()
    assert build_manifest(landmark, data).report.dropped == {}


@pytest.mark.parametrize("name", ["photos", "cache"])
def test_an_empty_folder_name_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=rf"data\.{name}= is empty; give a folder"):
        load_config("configs/angle2img_statue_of_liberty.yaml", [f"data.{name}= "])


def test_sub_folders_and_hidden_files(landmark: Landmark, data: DataConfig, write_photo: PhotoWriter) -> None:
    write_photo("2020/May/a.JPG", *spot(landmark, 10, 100))
    write_photo("._a.jpg", *spot(landmark, 20, 100))
    write_photo(".trash/b.jpg", *spot(landmark, 20, 100))
    assert build_manifest(landmark, data).table["path"].to_pylist() == ["2020/May/a.JPG"]


def test_a_full_disk_is_told(
    landmark: Landmark, data: DataConfig, write_ring: RingWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    write_ring(4)
    monkeypatch.setattr("gpslift.photos.files.pq.write_table", full)
    assert "No space left on device (data.cache" in refusal(landmark, data)
    assert not [path for path in Path(data.cache).rglob("*") if path.is_file()]

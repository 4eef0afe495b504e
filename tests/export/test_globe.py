"""Where the export stands on the globe: the tileset, the note and the placemark, against pyproj and other readers."""

import json
import math
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyproj
import pytest
import trimesh

from gpslift.export.formats import write_meshes
from gpslift.export.georeference import placemark, write_place
from gpslift.export.tileset import write_tileset
from gpslift.geo.landmarks import Landmark, landmark_names, load_landmark
from tests.export.node import run_tiles_tools

KML = {"kml": "http://www.opengis.net/kml/2.2"}
EAST, NORTH, TOP = 20.0, 8.0, 40.0


@pytest.fixture(scope="module")
def solid() -> trimesh.Trimesh:
    """A 40 m block with an arm that points east at the top of its north side: no mirror image of itself."""
    body = trimesh.creation.box(bounds=[[-5, -8, 0], [5, NORTH, TOP]])
    arm = trimesh.creation.box(bounds=[[5.5, 6, 34], [EAST, NORTH, 36]])
    return trimesh.util.concatenate([body, arm])


def write_tiles(solid: trimesh.Trimesh, landmark: Landmark, folder: Path) -> dict[str, Path]:
    gray = np.full((len(solid.vertices), 3), 0.5)
    paths = write_meshes(solid, gray, landmark.name, ["glb"], folder)
    return paths | {"tileset": write_tileset(solid, landmark, paths["glb"])}


def read_tile(path: Path) -> tuple[dict, np.ndarray, np.ndarray]:
    """The root tile of a tileset, its transform [4, 4], and its GLB's vertices as viewers turn them, z up [V, 3]."""
    root = json.loads(path.read_text(encoding="utf-8"))["root"]
    (mesh,) = trimesh.load_scene(path.with_name(root["content"]["uri"]), process=False).geometry.values()
    x, y, z = np.asarray(mesh.vertices, float).T
    return root, np.array(root["transform"]).reshape(4, 4, order="F"), np.column_stack([x, -z, y])


def on_globe(local: np.ndarray, transform: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Longitudes, latitudes and ellipsoidal heights of points [V, 3] under a tile's transform, by pyproj."""
    to_geodetic = pyproj.Transformer.from_crs("EPSG:4978", "EPSG:4979", always_xy=True)
    return to_geodetic.transform(*(local @ transform[:3, :3].T + transform[:3, 3]).T)


@pytest.mark.parametrize("name", landmark_names())
def test_corners_stand_where_the_landmark_file_says(name: str, solid: trimesh.Trimesh, tmp_path: Path) -> None:
    landmark = load_landmark(name)
    _, transform, local = read_tile(write_tiles(solid, landmark, tmp_path)["tileset"])
    lons, lats, heights = on_globe(local, transform)
    corner = np.flatnonzero(np.isclose(local, [EAST, NORTH, 36]).all(1))[0]
    bearing, _, distance = pyproj.Geod(ellps="WGS84").inv(
        landmark.longitude, landmark.latitude, lons[corner], lats[corner]
    )
    assert bearing == pytest.approx(math.degrees(math.atan2(EAST, NORTH)), abs=0.001)
    assert distance == pytest.approx(math.hypot(EAST, NORTH), abs=0.01)
    assert heights[corner] == pytest.approx(landmark.ground_ellipsoidal_m + 36, abs=0.01)
    foot = np.isclose(local[:, 2], 0)
    np.testing.assert_allclose(heights[foot], landmark.ground_ellipsoidal_m, atol=0.01)


def test_bounding_volume_is_the_tightest_box_round_all_vertices(solid: trimesh.Trimesh, tmp_path: Path) -> None:
    path = write_tiles(solid, load_landmark("stonehenge"), tmp_path)["tileset"]
    root, transform, local = read_tile(path)
    box = np.array(root["boundingVolume"]["box"]).reshape(4, 3)
    shares = (local - box[0]) @ np.linalg.inv(box[1:])
    np.testing.assert_allclose([shares.min(0), shares.max(0)], [[-1] * 3, [1] * 3], atol=1e-6)
    assert json.loads(path.read_text(encoding="utf-8"))["geometricError"] == pytest.approx(
        np.linalg.norm(np.ptp(local, axis=0)), rel=1e-6
    )
    assert np.linalg.det(transform[:3, :3]) == pytest.approx(1, abs=1e-12)


def test_note_leads_a_vertex_of_the_ply_to_the_same_place(solid: trimesh.Trimesh, tmp_path: Path) -> None:
    landmark = load_landmark("space_needle")
    note = json.loads(write_place(landmark, ["glb", "ply"], 40.0, tmp_path)["georeference"].read_text(encoding="utf-8"))
    assert (note["latitude"], note["longitude"]) == (landmark.latitude, landmark.longitude)
    assert note["ellipsoidal_height_m"] == landmark.ground_ellipsoidal_m
    assert note["sea_level_height_m"] == landmark.ground_altitude_m
    assert (note["heading_deg"], note["metres_per_unit"]) == (0, 1)
    assert note["axes"]["space_needle.glb"] == {"east": "+x", "north": "-z", "up": "+y"}
    assert note["axes"]["space_needle.ply"] == {"east": "+x", "north": "+y", "up": "+z"}
    _, transform, _ = read_tile(write_tiles(solid, landmark, tmp_path)["tileset"])
    np.testing.assert_array_equal(note["local_to_ecef"], transform)
    lon, lat, height = on_globe(np.zeros((1, 3)), np.array(note["local_to_ecef"]))
    assert (lon[0], lat[0]) == pytest.approx((landmark.longitude, landmark.latitude), abs=1e-9)
    assert height[0] == pytest.approx(landmark.ground_ellipsoidal_m, abs=1e-6)


def test_placemark_has_longitude_first_and_the_height_above_the_sea() -> None:
    landmark = load_landmark("leaning_tower_of_pisa")
    mark = ElementTree.fromstring(placemark(landmark, 60.0)).find(".//kml:Placemark", KML)
    assert mark is not None
    assert mark.findtext("kml:name", namespaces=KML) == "Leaning Tower of Pisa"
    assert mark.findtext("kml:Point/kml:altitudeMode", namespaces=KML) == "absolute"
    coordinates = str(mark.findtext("kml:Point/kml:coordinates", namespaces=KML))
    assert [float(part) for part in coordinates.split(",")] == [10.396597, 43.722952, 2.0]


def test_placemark_keeps_a_name_that_xml_cannot_hold_as_it_is() -> None:
    landmark = replace(load_landmark("stonehenge"), title="Sticks & <Stönes> ]]>")
    root = ElementTree.fromstring(placemark(landmark, 30.0).encode())
    assert root.findtext(".//kml:name", namespaces=KML) == landmark.title


def test_another_implementation_puts_the_glb_at_the_same_place(solid: trimesh.Trimesh, tmp_path: Path) -> None:
    landmark = load_landmark("arc_de_triomphe")
    paths = write_tiles(solid, landmark, tmp_path)
    place = [str(value) for value in (landmark.longitude, landmark.latitude, landmark.ground_ellipsoidal_m)]
    theirs = tmp_path / "theirs.json"
    run_tiles_tools(
        "createTilesetJson", "-i", str(paths["glb"]), "-o", str(theirs), "--cartographicPositionDegrees", *place
    )
    root, transform, _ = read_tile(paths["tileset"])
    other = json.loads(theirs.read_text(encoding="utf-8"))["root"]
    np.testing.assert_allclose(np.array(other["transform"]).reshape(4, 4, order="F"), transform, atol=1e-6)
    np.testing.assert_allclose(other["boundingVolume"]["box"], root["boundingVolume"]["box"], atol=1e-4)


def test_another_reader_opens_the_tileset_and_its_glb(solid: trimesh.Trimesh, tmp_path: Path) -> None:
    paths = write_tiles(solid, load_landmark("arc_de_triomphe"), tmp_path / "ours")
    run_tiles_tools("convert", "-i", str(paths["tileset"]), "-o", str(tmp_path / "packed.3tz"))
    run_tiles_tools("convert", "-i", str(tmp_path / "packed.3tz"), "-o", str(tmp_path / "theirs"))
    assert (tmp_path / "theirs" / paths["glb"].name).read_bytes() == paths["glb"].read_bytes()
    ours, theirs = (json.loads(path.read_text()) for path in (paths["tileset"], tmp_path / "theirs" / "tileset.json"))
    assert theirs == ours


def test_placemark_is_looked_at_from_the_south() -> None:
    mark = ElementTree.fromstring(placemark(load_landmark("leaning_tower_of_pisa"), 60.0))
    view = {
        name: float(str(mark.findtext(f".//kml:LookAt/kml:{name}", namespaces=KML)))
        for name in ("heading", "range", "latitude", "altitude")
    }
    assert view == {"heading": 0.0, "range": 180.0, "latitude": 43.722952, "altitude": 2.0}

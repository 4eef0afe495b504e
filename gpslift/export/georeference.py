"""Where on the globe an exported mesh stands: `georeference.json`, and a placemark for KML viewers."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from gpslift.geo.frames import LocalFrame
from gpslift.geo.landmarks import Landmark

AXES = {
    "glb": {"east": "+x", "north": "-z", "up": "+y"},
    "obj": {"east": "+x", "north": "+y", "up": "+z"},
    "ply": {"east": "+x", "north": "+y", "up": "+z"},
}
CRS = {"geodetic": "EPSG:4979", "geocentric": "EPSG:4978", "sea_level": "EPSG:5773"}
"""Names of the coordinate systems: WGS-84 with ellipsoidal heights, WGS-84 in metres from the Earth's centre (ECEF),
and heights above the geoid EGM96, which KML calls sea level."""

KML = "http://www.opengis.net/kml/2.2"
VIEW_SIZES = 3.0  # how far a viewer flies from the placemark, in sizes of the landmark


def georeference(landmark: Landmark, formats: Sequence[str]) -> dict[str, Any]:
    """What `georeference.json` holds: the place of the mesh's origin, its axes and scale, and its way to ECEF.

    `local_to_ecef` (rows) takes a point (east, north, up, 1) in metres to EPSG:4978, so a vertex of the OBJ or PLY file
    as it stands. `heading_deg` is the bearing of the local y axis, clockwise from north. A height of the ground that is
    not known is null, and the mesh then stands as `Landmark.globe_height_m` says.
    """
    return {
        "landmark": landmark.title,
        "latitude": landmark.latitude,
        "longitude": landmark.longitude,
        "ellipsoidal_height_m": _or_null(landmark.ground_ellipsoidal_m),
        "sea_level_height_m": _or_null(landmark.ground_altitude_m),
        "datum": "WGS-84",
        "mesh_height_m": landmark.globe_height_m,
        "crs": CRS,
        "origin": "the ground at the landmark's centre",
        "unit": "metre",
        "metres_per_unit": 1.0,
        "local_axes": {"x": "east", "y": "north", "z": "up"},
        "heading_deg": 0.0,
        "local_to_ecef": LocalFrame.of_landmark(landmark).to_ecef.tolist(),
        "axes": {f"{landmark.name}.{name}": AXES[name] for name in formats},
    }


def remarks_on_height(landmark: Landmark) -> list[str]:
    """What to tell where the ground's height above the ellipsoid is not known, on which globes stand models."""
    if not math.isnan(landmark.ground_ellipsoidal_m):
        return []
    return [
        f"note: how high the ground is above the ellipsoid is not known: on a globe the mesh stands at "
        f"{landmark.globe_height_m:g} m; set ground_ellipsoidal_m in the landmark's file and export again with "
        "landmark=<that file>"
    ]


def placemark(landmark: Landmark, size_m: float) -> str:
    """A KML 2.2 document with one point, on the ground at the landmark's centre, and a view of it from the south.

    size_m: the landmark's longest side. KML's coordinates are longitude, latitude, altitude, and its absolute
    altitudes are above the sea level of EGM96 (OGC 07-147r2): `ground_altitude_m` stands here, not the height above
    the ellipsoid. Where it is not known, the viewer is told to take its own ground.
    """
    root = ElementTree.Element("kml", xmlns=KML)
    mark = ElementTree.SubElement(ElementTree.SubElement(root, "Document"), "Placemark")
    _leaves(mark, {"name": landmark.title})
    view = ElementTree.SubElement(mark, "LookAt")
    known = not math.isnan(landmark.ground_altitude_m)
    altitude, mode = (landmark.ground_altitude_m, "absolute") if known else (0.0, "clampToGround")
    here = {"longitude": landmark.longitude, "latitude": landmark.latitude, "altitude": altitude}
    _leaves(view, here | {"heading": 0, "tilt": 70, "range": VIEW_SIZES * size_m, "altitudeMode": mode})
    point = ElementTree.SubElement(mark, "Point")
    _leaves(point, {"altitudeMode": mode, "coordinates": ",".join(repr(value) for value in here.values())})
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def write_place(landmark: Landmark, formats: Sequence[str], size_m: float, folder: Path) -> dict[str, Path]:
    """Writes `georeference.json` and `doc.kml` into `folder`; returns their paths as 'georeference' and 'placemark'."""
    paths = {"georeference": folder / "georeference.json", "placemark": folder / "doc.kml"}
    note = json.dumps(georeference(landmark, formats), indent=2)
    paths["georeference"].write_text(note + "\n", encoding="utf-8")
    paths["placemark"].write_text(placemark(landmark, size_m), encoding="utf-8")
    return paths


def _or_null(height_m: float) -> float | None:
    """JSON has no NaN."""
    return None if math.isnan(height_m) else height_m


def _leaves(parent: ElementTree.Element, texts: dict[str, Any]) -> None:
    """Adds an element of text for each entry; ElementTree escapes what XML cannot hold as it is."""
    for name, text in texts.items():
        ElementTree.SubElement(parent, name).text = str(text)

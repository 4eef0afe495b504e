"""XMP packets, the well-formed, the broken and the hostile."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from gpslift.photos.exif import read_photo_metadata
from gpslift.photos.xmp import read_xmp

PACKET = """<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 exif:GPSLatitude="40,41.35S">
 <exif:GPSLongitude>74,2.67W</exif:GPSLongitude>
 <dc:creator><rdf:Seq><rdf:li>Ann</rdf:li><rdf:li>Bob</rdf:li></rdf:Seq></dc:creator>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""

HOSTILE = """<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>
<x xmlns:exif="http://ns.adobe.com/exif/1.0/"><exif:GPSLatitude>&b;</exif:GPSLatitude></x>"""


def test_attributes_elements_and_lists() -> None:
    found = read_xmp(PACKET.encode())
    assert found == {"exif:GPSLatitude": "40,41.35S", "exif:GPSLongitude": "74,2.67W", "dc:creator": "Ann"}
    assert read_xmp(PACKET) == found
    assert read_xmp(PACKET.encode() + b"\0\0") == found


def test_nothing_of_a_packet_that_declares_entities_is_used() -> None:
    assert read_xmp(HOSTILE) == {}


def test_broken_or_absent_packets() -> None:
    assert read_xmp(None) == {}
    assert read_xmp(b"") == {}
    assert read_xmp(PACKET[:300]) == {}
    assert read_xmp(b" " * 5_000_000) == {}


PhotoWriter = Callable[..., Path]


XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 exif:GPSLatitude="40,30.0S" exif:GPSLongitude="74,15.0W" exif:GPSAltitude="25/2" exif:GPSAltitudeRef="1">
 <dc:description><rdf:Alt><rdf:li>A red boat</rdf:li></rdf:Alt></dc:description>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


def test_what_exif_lacks_is_read_from_xmp(folder: Path, write_photo: PhotoWriter) -> None:
    with Image.open(write_photo("a.jpg")) as image:
        image.save(folder / "b.jpg", xmp=XMP.encode())
    found = read_photo_metadata(folder / "b.jpg")
    assert (found.latitude, found.longitude, found.altitude_m, found.caption) == (-40.5, -74.25, -12.5, "A red boat")

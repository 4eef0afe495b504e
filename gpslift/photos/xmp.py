"""The few XMP properties that photos need, read by a parser that expands no entity.

XMP is an XML packet inside an image file. An XML document may define entities that expand to gigabytes or read files;
XMP has no use for them, so a packet that declares a document type is refused.
"""

from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

_NAMESPACES = {
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://ns.adobe.com/xap/1.0/rights/": "rights",
    "http://creativecommons.org/ns#": "cc",
}
_LIST_ITEM = "http://www.w3.org/1999/02/22-rdf-syntax-ns# li"
_SIZE_MAX = 4_000_000


@dataclass
class _Collector:
    """Gathers attributes and element texts as {"exif:GPSLatitude": "0,4.2S"}; of a list, the first item."""

    found: dict[str, str] = field(default_factory=dict)
    open_names: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.open_names.append(name)
        self.text.clear()
        for key, value in attributes.items():
            self._keep(key, value)

    def end(self, name: str) -> None:
        self.open_names.pop()
        owner = name
        if name == _LIST_ITEM and len(self.open_names) >= 2:
            owner = self.open_names[-2]  # property > rdf:Alt, Seq or Bag > rdf:li
        self._keep(owner, "".join(self.text))
        self.text.clear()

    def _keep(self, name: str, value: str) -> None:
        namespace, _, local = name.rpartition(" ")
        if namespace in _NAMESPACES and value.strip():
            self.found.setdefault(f"{_NAMESPACES[namespace]}:{local}", value.strip())


def _refuse(*_: Any) -> None:
    raise ValueError("an XMP packet must not declare a document type")


def read_xmp(packet: bytes | str | None) -> dict[str, str]:
    """Properties of the exif, tiff, dc, xmpRights and cc schemas, such as {"exif:GPSLatitude": "39,6.9N"}.

    Empty if there is no packet, or if it is broken, declares a document type, or is larger than 4 MB.
    """
    if not packet or len(packet) > _SIZE_MAX:
        return {}
    data = packet.encode() if isinstance(packet, str) else packet
    collector = _Collector()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = collector.start
    parser.EndElementHandler = collector.end
    parser.CharacterDataHandler = collector.text.append
    try:
        parser.Parse(data.rstrip(b"\0"), True)
    except (expat.ExpatError, ValueError):
        return {}
    return collector.found

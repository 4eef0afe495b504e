"""From raw EXIF and XMP values, which cameras write in many odd ways, to numbers, coordinates, times and text.

Every function takes what Pillow hands over (numbers, rationals, tuples, strings, bytes) and returns None, never a
guess, for what cannot be read.
"""

import math
import re
from contextlib import suppress
from datetime import datetime
from typing import Any


def to_number(value: Any) -> float | None:
    """A finite number from a number, a rational, a one-element tuple, or text such as '12.5' or '25/2'."""
    if isinstance(value, (tuple, list)):
        value = value[0] if len(value) == 1 else None
    if isinstance(value, (bytes, str)):
        return _number_of_text(to_text(value))
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _number_of_text(text: str) -> float | None:
    over, slash, under = text.partition("/")
    try:
        number = float(over) / float(under) if slash else float(text)
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def to_text(value: Any) -> str:
    """Readable text without NULs, control characters and surrounding blanks; '' for anything else.

    EXIF text is ASCII by the standard and UTF-8 by practice; Pillow reads it as Latin-1, which is undone here.
    """
    if isinstance(value, str):
        with suppress(UnicodeError):  # it was Latin-1 after all, or Unicode already
            value = value.encode("latin-1").decode("utf-8")
    elif isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    else:
        return ""
    return "".join(c if c.isprintable() else " " for c in value.replace("\0", " ")).strip()


def to_time(value: Any) -> str:
    """ISO 8601 local time, to the second, of EXIF's 'YYYY:MM:DD HH:MM:SS' or XMP's ISO form; '' if it is no time."""
    match = re.match(r"(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d)(?::(\d\d))?", to_text(value))
    if not match:
        return ""
    try:
        moment = datetime(*(int(part or 0) for part in match.groups()))  # type: ignore[arg-type]
    except ValueError:
        return ""
    return moment.isoformat()


def to_coordinate(value: Any, reference: Any, limit: float, letters: str) -> float | None:
    """Signed degrees of an EXIF latitude (limit 90, letters 'NS') or longitude (180, 'EW').

    value: degrees, minutes, seconds, or fewer of them, as numbers or as text. Without its hemisphere the coordinate
    could lie on either side of the globe: None. None, too, for NaN (0/0), a negative part, or a value over the limit.
    """
    hemisphere = to_text(reference)[:1].upper()
    parts = _degree_parts(value)
    if parts is None or not hemisphere or hemisphere not in letters:
        return None
    degrees = sum(part / 60**power for power, part in enumerate(parts))
    if degrees > limit:
        return None
    return -degrees if hemisphere == letters[1] else degrees


def _degree_parts(value: Any) -> list[float] | None:
    """One to three finite, non-negative numbers: degrees, minutes, seconds, the latter two at most 60."""
    if isinstance(value, (bytes, str)):
        value = _split_degrees(to_text(value))
    elif not isinstance(value, (tuple, list)):
        value = [value]
    parts = [to_number(part) for part in value]
    while len(parts) > 1 and parts[-1] is None:
        parts.pop()  # an undefined seconds field (0/0) after good degrees and minutes
    numbers = [part for part in parts if part is not None]
    if not 1 <= len(numbers) <= 3 or len(numbers) < len(parts):
        return None
    if any(part < 0 for part in numbers) or any(part > 60 for part in numbers[1:]):
        return None
    return numbers


def _split_degrees(text: str) -> list[str]:
    """'52 50 34.01', '52/1,50/1,3401/100', or '52,00000,50,00000,34,01180', whose every other comma is decimal."""
    pieces = [piece for piece in re.split(r"[,;\s°'\"]+", text) if piece]
    if len(pieces) == 6 and all(piece.isdigit() for piece in pieces):
        return [f"{pieces[i]}.{pieces[i + 1]}" for i in (0, 2, 4)]
    return pieces


def to_xmp_coordinate(text: str | None, limit: float, letters: str) -> float | None:
    """Signed degrees of XMP's 'DDD,MM.mmk' or 'DDD,MM,SSk', k being the hemisphere's letter."""
    if not text:
        return None
    return to_coordinate(text[:-1], text[-1], limit, letters)

"""Odd ways of writing numbers, coordinates, times and text."""

from typing import Any

import pytest

from gpslift.photos.exif_values import to_coordinate, to_number, to_text, to_time, to_xmp_coordinate


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        (3, 3.0),
        ((2.5,), 2.5),
        ("25/2", 12.5),
        (b" 7.25\0", 7.25),
        ("1/0", None),
        (float("nan"), None),
        (float("inf"), None),
        ((1, 2), None),
        ("many", None),
        (None, None),
    ],
)
def test_numbers(raw: Any, number: float | None) -> None:
    assert to_number(raw) == number


@pytest.mark.parametrize(
    ("raw", "reference", "degrees"),
    [
        ((40, 30, 36), "N", 40.51),
        ((40, 30, 36), b"S\0", -40.51),
        ((40, 30.6), "north", 40.51),
        ("40 30 36", "S", -40.51),
        ("40/1,30/1,3600/100", "N", 40.51),
        ("40° 30' 36\"", "N", 40.51),
        (40.51, "N", 40.51),
        ((40, 30, float("nan")), "N", 40.5),
        ((40, float("nan"), 36), "N", None),
        ((float("nan"), 30, 36), "N", None),
        ((-40, 30, 36), "N", None),
        ((40, 61, 0), "N", None),
        ((90, 0, 1), "N", None),
        ((1, 2, 3, 4), "N", None),
        ((), "N", None),
        ("", "N", None),
        ((40, 30, 36), "E", None),
        ((40, 30, 36), "", None),
        ((40, 30, 36), None, None),
    ],
)
def test_coordinates(raw: Any, reference: Any, degrees: float | None) -> None:
    found = to_coordinate(raw, reference, 90.0, "NS")
    assert found == (None if degrees is None else pytest.approx(degrees, abs=1e-12))


def test_xmp_coordinates() -> None:
    assert to_xmp_coordinate("34,22.91611E", 180.0, "EW") == pytest.approx(34 + 22.91611 / 60)
    assert to_xmp_coordinate("34,22,30W", 180.0, "EW") == pytest.approx(-34.375)
    assert to_xmp_coordinate("34,22.9", 180.0, "EW") is None
    assert to_xmp_coordinate(None, 180.0, "EW") is None


@pytest.mark.parametrize(
    ("raw", "time"),
    [
        ("2019:10:03 09:10:11", "2019-10-03T09:10:11"),
        ("2010-07-28T11:02:12.000CEST", "2010-07-28T11:02:12"),
        (b"2018:06:26 17:46:33.847\0", "2018-06-26T17:46:33"),
        ("2018:06:26 17:46", "2018-06-26T17:46:00"),
        ("0000:00:00 00:00:00", ""),
        ("2019:13:03 09:10:11", ""),
        ("yesterday", ""),
        (None, ""),
    ],
)
def test_times(raw: Any, time: str) -> None:
    assert to_time(raw) == time


def test_text() -> None:
    assert to_text(b"GoPro\0\0\0") == "GoPro"
    assert to_text("a\nb\x07") == "a b"
    assert to_text(b"\xff") == "\ufffd"
    assert (
        to_text("Zoë Åse".encode().decode("latin-1")) == to_text("Zoë Åse".encode()) == to_text("Zoë Åse") == "Zoë Åse"
    )
    assert to_text(5) == ""

"""A landmark whose centre is not where its photos are: how far off it is, and what may be wrong."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from gpslift.errors import UserError
from gpslift.geo.landmarks import Landmark
from gpslift.photos.manifest import build_manifest
from gpslift.schema.image_prior import DataConfig


def test_a_center_far_from_the_photos(landmark: Landmark, data: DataConfig, write_ring: Callable[..., object]) -> None:
    write_ring(12)
    off = replace(landmark, latitude=landmark.latitude + 0.18)  # of 111.05 km: 20.0 km to the north, less 150 m
    with pytest.raises(UserError) as refused:
        build_manifest(off, data)
    said = str(refused.value)
    assert "the nearest of 12 photos" in said and "is 19.8 km from the Statue of Liberty" in said
    assert "whose centre is latitude 40.8692, longitude -74.0445" in said
    assert "are latitude and longitude swapped?" in said and "landmark=" in said


def test_a_center_that_is_swapped(landmark: Landmark, data: DataConfig, write_ring: Callable[..., object]) -> None:
    write_ring(12)
    swapped = replace(landmark, latitude=landmark.longitude, longitude=landmark.latitude)
    with pytest.raises(UserError, match=r"or, if it is wrong, the landmark's centre \(latitude -74.04"):
        build_manifest(swapped, data)

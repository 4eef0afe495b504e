"""The photo nearest to a place: metres in a city, degrees round a landmark."""

import numpy as np
import torch

from gpslift.geo.cities import load_city
from gpslift.photos.dataset import PhotoSet
from gpslift.photos.nearest import nearest_by_place
from tests.photos.sets import landmark_set


def test_in_metres_of_a_city() -> None:
    place = {"east_m": np.array([0, 100, 0], np.float32), "north_m": np.array([0, 0, 100], np.float32)}
    photos = PhotoSet(np.zeros((3, 3, 4, 4), np.uint8), np.arange(3), place, [""] * 3, load_city("paris"))
    asked = {"east_m": torch.tensor([97.0, 0.0, torch.nan]), "north_m": torch.tensor([-4.0, 90.0, torch.nan])}
    distance, which = nearest_by_place(photos, asked)
    assert which[:2].tolist() == [1, 2] and distance[:2].tolist() == [5.0, 10.0]
    assert np.isnan(distance[2])  # a place that is not known is near to none


def test_round_a_landmark_past_north() -> None:
    photos = landmark_set(np.zeros((3, 3, 4, 4), np.uint8), np.array([10, 180, 357], np.float32))
    distance, which = nearest_by_place(photos, {"azimuth_deg": torch.tensor([2.0, 181.5, -20.0])})
    assert which.tolist() == [2, 1, 2] and distance.tolist() == [5.0, 1.5, 17.0]

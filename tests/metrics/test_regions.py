"""Regions with as many photos each, by hand and on many points."""

import numpy as np

from gpslift.metrics.regions import Regions, halved_regions


def test_by_hand() -> None:
    regions = Regions([(0, 10.0), (1, 0.0), (1, 5.0)])  # west and east of 10; the west halved at 0, the east at 5
    east, north = np.array([0.0, 0.0, 20.0, 20.0]), np.array([-1.0, 1.0, 4.0, 6.0])
    assert regions.of(east, north).tolist() == [0, 1, 2, 3]
    assert regions.names == ["region 1", "region 2", "region 3", "region 4"]


def test_each_region_holds_as_many_and_lies_together() -> None:
    rng = np.random.default_rng(0)
    east, north = rng.normal(0, 3000, 4000), rng.normal(0, 1000, 4000)
    regions = halved_regions(east, north)
    assert regions.cuts[0][0] == 0  # first across the longer side
    found = regions.of(east, north)
    assert np.bincount(found).tolist() == [500] * 8
    for region in range(8):
        inside = found == region
        assert np.ptp(east[inside]) < np.ptp(east) and (east[inside].std() < 3000 or north[inside].std() < 1000)


def test_one_point_is_no_error() -> None:
    regions = halved_regions(np.array([1.0]), np.array([2.0]))
    assert 0 <= int(regions.of(np.array([1.0]), np.array([2.0]))[0]) < 8

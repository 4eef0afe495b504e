"""Bins of azimuths, worked out by hand."""

import torch

from gpslift.geo.azimuth_bins import azimuth_bins, bin_centers


def test_bins_hold_ten_degrees_each() -> None:
    azimuths = torch.tensor([0.0, 9.99, 10.0, 185.0, 355.0, 359.99, 360.0, -0.01, -1.0, -1e-9, 725.0])
    assert azimuth_bins(azimuths).tolist() == [0, 0, 1, 18, 35, 35, 0, 35, 35, 0, 0]
    assert azimuth_bins(bin_centers()).tolist() == list(range(36))
    assert bin_centers()[[0, 35]].tolist() == [5.0, 355.0]

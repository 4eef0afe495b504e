"""Labels and accuracy on the circle, worked out by hand; the network's shape."""

import pytest
import torch

from gpslift.geo.azimuth_bins import BINS
from gpslift.metrics.angle_classifier import angle_accuracy, soft_labels
from gpslift.metrics.photo_classifier import PhotoClassifier


def test_labels_are_shares_about_the_azimuth_round_the_circle() -> None:
    labels = soft_labels(torch.tensor([5.0, 0.0]), 5.0)
    torch.testing.assert_close(labels.sum(1), torch.ones(2))
    assert labels[0].argmax() == 0
    torch.testing.assert_close(labels[0, 1], labels[0, 35])
    # a von Mises of 5 degrees is nearly normal: the next bin, 10 degrees off, has exp(-2) of the middle's
    assert float(labels[0, 1] / labels[0, 0]) == pytest.approx(0.1353, abs=0.003)
    torch.testing.assert_close(labels[1, 0], labels[1, 35])  # on the border of two bins both are as likely


def test_accuracy_counts_neighbours_round_the_circle() -> None:
    predicted = torch.tensor([0, 35, 1, 18, 10])
    accuracy = angle_accuracy(predicted, torch.tensor([3.0, 3.0, 3.0, 3.0, 125.0]))
    assert (accuracy.exact, accuracy.within_one, accuracy.count) == (pytest.approx(0.2), pytest.approx(0.6), 5)
    assert str(accuracy) == "20.0 % exact, 60.0 % within one bin (5 images)"


def test_network_takes_any_size_and_has_its_own_for_each_bin() -> None:
    network = PhotoClassifier(BINS).eval()
    assert network(torch.rand(2, 3, 64, 64)).shape == (2, 36)
    assert network(torch.rand(1, 3, 48, 48)).shape == (1, 36)
    assert 100_000 < sum(parameter.numel() for parameter in network.parameters()) < 500_000


def test_overall_brightness_and_contrast_do_not_matter() -> None:
    network = PhotoClassifier(BINS).eval()
    images = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(network(0.9 * images + 0.1), network(images), atol=0.05, rtol=0.05)

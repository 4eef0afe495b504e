"""Copies are found, and new images are not taken for copies."""

import torch

from gpslift.metrics.memorisation import memorisation, nearest_distances, nearest_photos


def noise(count: int, seed: int) -> torch.Tensor:
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


def test_distance_is_the_root_mean_square_to_the_nearest() -> None:
    training = torch.stack([torch.zeros(3, 32, 32), torch.full((3, 32, 32), 0.5)])
    images = torch.stack([torch.full((3, 32, 32), 0.1), torch.full((3, 32, 32), 0.9)])
    torch.testing.assert_close(nearest_distances(images, training, chunk=1), torch.tensor([0.1, 0.4]))
    eight_bits = (images * 255).round().to(torch.uint8)
    torch.testing.assert_close(nearest_distances(eight_bits, training), torch.tensor([0.1, 0.4]), atol=2e-3, rtol=0)


def test_the_nearest_photo_is_named_in_whichever_portion_it_is() -> None:
    training = noise(50, 0)
    for chunk in (7, 1024):
        distance, which = nearest_photos(training[[31, 4, 49]] + 0.001, training, chunk)
        assert which.tolist() == [31, 4, 49] and distance.max() < 0.0011


def test_copies_are_found() -> None:
    training, held_out = noise(50, 0), noise(40, 1)
    copied = memorisation((training + 0.01 * noise(50, 2))[:20], held_out, training)
    assert copied.close_share == 1.0 and copied.generated < 0.1 * copied.held_out


def test_new_images_are_no_copies() -> None:
    fresh = memorisation(noise(200, 3), noise(200, 1), noise(50, 0))
    assert fresh.close_share < 0.05 and "held-out" in str(fresh)

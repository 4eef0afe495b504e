"""Images as files: values, order, enlargement, labels."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gpslift.pictures import COLD, HOT, LABEL_HEIGHT, overlay, save_grid, save_image


def flat(*greys: float) -> torch.Tensor:
    return torch.stack([torch.full((3, 4, 6), grey) for grey in greys])


def test_an_image_keeps_its_pixels_and_clips_the_rest(tmp_path: Path) -> None:
    image = torch.tensor([[[0.0, 0.5]], [[1.0, -3.0]], [[7.0, 0.2]]])
    save_image(image, tmp_path / "new" / "a.png")
    assert np.asarray(Image.open(tmp_path / "new" / "a.png")).tolist() == [[[0, 255, 255], [128, 0, 51]]]


def test_a_grid_goes_row_by_row(tmp_path: Path) -> None:
    save_grid(flat(0.0, 0.2, 0.4, 0.6, 0.8), tmp_path / "g.png", columns=3, least_height=4)
    grid = np.asarray(Image.open(tmp_path / "g.png"))
    assert grid.shape == (8, 18, 3)
    assert grid[2, [3, 9, 15], 0].tolist() == [0, 51, 102]
    assert grid[6, [3, 9, 15], 0].tolist() == [153, 204, 0]


def test_small_images_are_enlarged_by_whole_numbers(tmp_path: Path) -> None:
    save_grid(flat(0.5), tmp_path / "g.png", columns=1, least_height=10)
    assert Image.open(tmp_path / "g.png").size == (18, 12)


def test_labels_stand_above_their_images(tmp_path: Path) -> None:
    images = torch.full((2, 3, 40, 60), 0.0)
    save_grid(images, tmp_path / "g.png", columns=1, least_height=40, labels=["", "45° 104 m"])
    grid = np.asarray(Image.open(tmp_path / "g.png"))
    assert grid.shape == (2 * (40 + LABEL_HEIGHT), 60, 3)
    assert grid[: 40 + LABEL_HEIGHT].max() == 0
    assert grid[40 + LABEL_HEIGHT : 40 + 2 * LABEL_HEIGHT].max() > 200
    assert grid[40 + 2 * LABEL_HEIGHT :].max() == 0


def test_accents_that_the_font_lacks_are_left_out_of_labels(tmp_path: Path) -> None:
    for name, label in (("with", "Île Ñandú 5°"), ("without", "Ile Nandu 5°")):
        save_grid(flat(0.5), tmp_path / f"{name}.png", columns=1, least_height=128, labels=[label])
    assert (tmp_path / "with.png").read_bytes() == (tmp_path / "without.png").read_bytes()


def test_an_overlay_is_hot_above_and_cold_below_and_grey_between() -> None:
    image = torch.tensor([0.3, 0.6, 0.9]).view(3, 1, 1).expand(3, 1, 4)
    shown = overlay(image, torch.tensor([[1.0, -1.0, 0.0, 9.0]]), strength=0.5)
    assert torch.allclose(shown[:, 0, 0], 0.5 * torch.tensor(HOT) + 0.3)
    assert torch.allclose(shown[:, 0, 1], 0.5 * torch.tensor(COLD) + 0.3)
    assert torch.allclose(shown[:, 0, 2], torch.full((3,), 0.6))
    assert torch.equal(shown[:, 0, 3], shown[:, 0, 0])

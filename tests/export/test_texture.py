"""A texture painted from a known colouring shows it again, whole, without seams, and always the same."""

import sys

import numpy as np
import pytest
import trimesh
from PIL import Image
from scipy.ndimage import map_coordinates

from gpslift.errors import UserError
from gpslift.export.texture import Texture, bake, import_xatlas, make_texture

SIZE = 256


def rainbow(points: np.ndarray) -> np.ndarray:
    """A smooth colour of each point, nowhere darker than 0.3."""
    return 0.65 + 0.35 * np.sin(3 * points + [0.0, 1.0, 2.0])


@pytest.fixture(scope="module")
def ball() -> trimesh.Trimesh:
    """A sphere and a thin bar beside it, which is too fine for texels of its own at its ends."""
    bar = trimesh.creation.box(bounds=[[1.2, -0.02, -1], [1.23, 0.02, 1]])
    return trimesh.util.concatenate([trimesh.creation.icosphere(subdivisions=3), bar])


@pytest.fixture(scope="module")
def texture(ball: trimesh.Trimesh) -> Texture:
    pytest.importorskip("xatlas")
    return make_texture(ball, rainbow, SIZE)


def look_up(image: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Bilinear lookups [N, 3] in [0, 1] of places [N, 2] with v upward, as viewers do."""
    size = len(image)
    place = [(1 - uv[:, 1]) * size - 0.5, uv[:, 0] * size - 0.5]
    return np.stack([map_coordinates(image[..., c] / 255, place, order=1, mode="nearest") for c in range(3)], -1)


def samples(texture: Texture, mesh: trimesh.Trimesh) -> tuple[np.ndarray, np.ndarray]:
    """Points all over the surface [N, 3] and their places in the picture [N, 2], borders of triangles included."""
    shares = np.array([[1, 0, 0], [0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3], [0.1, 0.2, 0.7]])
    corners, uv = mesh.vertices[texture.source][texture.faces], texture.uv[texture.faces]
    return (shares @ corners).reshape(-1, 3), (shares @ uv).reshape(-1, 2)


def test_texture_lies_on_the_whole_mesh(texture: Texture, ball: trimesh.Trimesh) -> None:
    np.testing.assert_array_equal(texture.source[texture.faces], ball.faces)
    assert texture.uv.min() >= 0 and texture.uv.max() <= 1
    assert texture.image.shape == (SIZE, SIZE, 3) and texture.image.dtype == np.uint8


def test_lookups_give_the_colors_of_the_surface(texture: Texture, ball: trimesh.Trimesh) -> None:
    points, uv = samples(texture, ball)
    error = np.abs(look_up(texture.image, uv) - rainbow(points))
    assert error.mean() < 0.005
    assert error.max() < 0.06


def test_mip_maps_mix_in_no_black(texture: Texture, ball: trimesh.Trimesh) -> None:
    assert texture.image.min() >= 255 * 0.3 - 1
    points, uv = samples(texture, ball)
    small = np.asarray(Image.fromarray(texture.image).resize((SIZE // 4, SIZE // 4), Image.Resampling.BOX))
    assert np.abs(look_up(small, uv) - rainbow(points)).mean() < 0.04


def test_same_mesh_gives_the_same_texture(texture: Texture, ball: trimesh.Trimesh) -> None:
    again = make_texture(ball, rainbow, SIZE)
    for one, other in zip(vars(texture).values(), vars(again).values(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_bake_puts_the_top_of_the_picture_at_v_1() -> None:
    corners = np.array([[[0.0, 0, 0], [1, 0, 0], [1, 1, 0]], [[0, 0, 0], [1, 1, 0], [0, 1, 0]]])
    image = bake(corners, corners[..., :2], lambda points: points, 4)
    np.testing.assert_array_equal(image[0, :, 1], [223] * 4)  # y = 0.875
    np.testing.assert_array_equal(image[:, 3, 0], [223] * 4)


def test_missing_xatlas_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xatlas", None)
    with pytest.raises(UserError, match=r"export\.texture=yes needs the package xatlas .*pip install xatlas"):
        import_xatlas()

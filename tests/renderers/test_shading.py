"""Light on matter: by hand, on known shapes, and its gradients."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from renderers.renderer import Renderer
from renderers.shading import Lights, draw_lights, shade
from tests.renderers.scenes import analytic_renderer, make_renderer, side_cameras

ALWAYS = {"probability": 1.0, "textureless": 0.0, "ambient": 0.1, "spread": 0.8}


def solid_ball(points: Tensor) -> Tensor:
    """Density 400 within radius 0.5, with a soft rim."""
    return 400 * torch.sigmoid((0.5 - points.norm(dim=-1)) / 0.01)


def orange(points: Tensor) -> Tensor:
    return torch.tensor([0.8, 0.4, 0.2]).expand(len(points), 3)


def lights_at(*positions: tuple[float, float, float], ambient: float = 0.1, white: bool = False) -> Lights:
    share = torch.full((len(positions),), ambient)
    return Lights(torch.tensor(positions), 1 - share, share, torch.full((len(positions),), white))


def ball_seen_from_the_south(lights: Lights | None) -> Tensor:
    """The picture [33, 33, 3] of an orange ball before black; west is on its left."""
    grid = {"levels": 2, "features": 2, "log2_table": 8, "base_resolution": 4, "finest_resolution": 512}
    renderer = analytic_renderer(solid_ball, orange, samples=256, grid=grid)  # cells finer than the rim
    return renderer(*side_cameras(180.0).rays(), background=False, lights=lights).color[0]


def test_shading_by_hand() -> None:
    albedo = torch.tensor([[0.8, 0.4, 0.2]]).repeat(4, 1)
    points, normal = torch.zeros(4, 3), torch.tensor([[0.0, 0.0, 1.0]])
    # view 0: light along (3, 0, 4) / 5, cosine 0.8: 0.1 + 0.9 * 0.8 = 0.82; view 1: from below: 0.1; both orange;
    # view 2: as view 0, but white; view 3: the albedo
    lights = Lights(
        torch.tensor([[3.0, 0, 4], [3.0, 0, -4], [3.0, 0, 4], [3.0, 0, 4]]),
        torch.tensor([0.9, 0.9, 0.9, 0.0]),
        torch.tensor([0.1, 0.1, 0.1, 1.0]),
        torch.tensor([False, False, True, False]),
    )
    color = shade(albedo, points, torch.ones(4), torch.arange(4), lambda points: normal.expand(len(points), 3), lights)
    expected = torch.stack([0.82 * albedo[0], 0.1 * albedo[0], torch.full((3,), 0.82), albedo[0]])
    torch.testing.assert_close(color, expected)


def test_normals_are_asked_for_only_where_something_is_seen() -> None:
    asked: list[Tensor] = []

    def normals(points: Tensor) -> Tensor:
        asked.append(points)
        return torch.tensor([[0.0, 0.0, 1.0]]).expand(len(points), 3)

    points, weights = torch.arange(9.0).view(3, 3), torch.tensor([0.5, 1e-5, 0.5])
    light = Lights(torch.zeros(2, 3), torch.tensor([0.9, 0.0]), torch.tensor([0.1, 1.0]), torch.zeros(2).bool())
    color = shade(torch.ones(3, 3), points, weights, torch.tensor([0, 0, 1]), normals, light)
    assert torch.equal(asked[0], points[:1])  # the second hardly weighs, the third is not lit
    torch.testing.assert_close(color[:, 0], torch.tensor([0.1, 0.1, 1.0]))


def test_a_face_turned_away_from_the_light_is_dark() -> None:
    picture = ball_seen_from_the_south(lights_at((4.0, 0.0, 0.0)))  # from the east, which is on the right
    row = picture[16]
    # 6 of 16.5 pixels from the middle: the ray passes the ball's middle at 4 sin(0.0925) = 0.37 and meets its rim, at
    # 0.515, where the normal is asin(0.37 / 0.515) = 45.9 degrees off the ray, 40.6 off south: (0.65, -0.76, 0). The
    # light is seen from there, (0.33, -0.39, 0), along (0.994, 0.106, 0): cosine 0.566
    torch.testing.assert_close(row[22], (0.1 + 0.9 * 0.566) * torch.tensor([0.8, 0.4, 0.2]), atol=0.02, rtol=0)
    torch.testing.assert_close(row[10], 0.1 * torch.tensor([0.8, 0.4, 0.2]), atol=0.01, rtol=0)


def test_without_light_and_by_ambient_light_alone_the_albedo_is_seen() -> None:
    plain = ball_seen_from_the_south(None)
    torch.testing.assert_close(plain[16, 10], torch.tensor([0.8, 0.4, 0.2]), atol=1e-3, rtol=0)
    assert torch.equal(ball_seen_from_the_south(lights_at((4.0, 0.0, 0.0), ambient=1.0)), plain)


def test_textureless_is_grey() -> None:
    colored, grey = (ball_seen_from_the_south(lights_at((0.0, -4.0, 0.0), white=white)) for white in (False, True))
    assert (colored.amax(-1) - colored.amin(-1)).max() > 0.4
    assert (grey.amax(-1) - grey.amin(-1)).max() < 1e-5 and grey[16, 16].min() > 0.95


def test_gradients_of_brightness_against_differences() -> None:
    renderer = make_renderer(engine="torch").double()
    renderer.update(50, 100)  # all levels: finite differences of the normals over the finest cell
    renderer.field.grid.table.data.uniform_(-0.3, 0.3, generator=torch.Generator().manual_seed(1))
    ray = torch.tensor([0, 0, 0, 1, 1], dtype=torch.int64)
    points = torch.rand(5, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64) - 0.5
    lights = lights_at((2.0, 1.0, 2.0), (-1.0, 2.0, 2.0), white=True)
    lights = Lights(*(value if value.dtype == torch.bool else value.double() for value in vars(lights).values()))
    bias = renderer.field.density_head.hidden.bias

    def brightness() -> Tensor:
        albedo = torch.ones(5, 3, dtype=torch.float64)
        weights = renderer.field.density(points)
        return (weights[:, None] * shade(albedo, points, weights, ray, renderer.field.normals, lights)).sum()

    (gradient,) = torch.autograd.grad(brightness(), bias)
    step, found = 1e-5, []
    for unit in range(len(bias)):
        values = []
        for sign in (1, -1):
            bias.data[unit] += sign * step
            values.append(float(brightness().detach()))
            bias.data[unit] -= sign * step
        found.append((values[0] - values[1]) / (2 * step))
    assert gradient.abs().max() > 1e-3
    torch.testing.assert_close(gradient, torch.tensor(found, dtype=torch.float64), rtol=1e-4, atol=1e-6)


def test_normals_alone_carry_a_gradient() -> None:
    """With fixed weights, brightness still depends on the density, by the normals."""
    renderer: Renderer = make_renderer()
    points = torch.rand(50, 3, generator=torch.Generator().manual_seed(3)) - 0.5
    view = torch.zeros(50, dtype=torch.int64)
    color = shade(torch.ones(50, 3), points, torch.ones(50), view, renderer.field.normals, lights_at((3.0, 0.0, 2.0)))
    color.mean().backward()
    gradient = renderer.field.grid.table.grad
    assert gradient is not None and gradient.isfinite().all() and gradient.abs().max() > 0


def draw(cameras: Tensor, first: int = 0, seed: int = 0, **changes: float) -> Lights | None:
    return draw_lights(cameras, torch.tensor([0.0, 0.0, 0.5]), seed=seed, first=first, **{**ALWAYS, **changes})


def test_lights_belong_to_their_sample() -> None:
    cameras = functional.normalize(torch.randn(6, 3), dim=-1).abs() * 3
    whole, part, other = draw(cameras, 4), draw(cameras[2:], 6), draw(cameras, 4, seed=1)
    assert whole and part and other
    assert all(torch.equal(value[2:], getattr(part, name)) for name, value in vars(whole).items())
    assert not torch.equal(whole.position, other.position)


def test_where_lights_stand() -> None:
    camera = torch.tensor([[3.0, 0.0, 0.5]])
    lights = draw(camera.repeat(2000, 1))
    assert lights is not None
    torch.testing.assert_close((lights.position - torch.tensor([0, 0, 0.5])).norm(dim=-1), torch.full((2000,), 3.0))
    assert lights.position[:, 2].min() >= 0.5  # no light from below
    assert lights.position[:, 0].mean() > 1.5 and abs(float(lights.position[:, 1].mean())) < 0.1
    assert draw(camera, spread=0.0).position.tolist() == [[3.0, 0.0, 0.5]]  # type: ignore[union-attr]


def test_how_many_views_are_lit_and_white() -> None:
    lights = draw(torch.ones(4000, 3), probability=0.75, textureless=0.4, ambient=0.2)
    assert lights is not None
    lit = lights.direct > 0
    assert float(lit.float().mean()) == pytest.approx(0.75, abs=0.03)
    assert float(lights.white[lit].float().mean()) == pytest.approx(0.4, abs=0.03) and not lights.white[~lit].any()
    assert lights.ambient[lit].unique().tolist() == pytest.approx([0.2]) and lights.ambient[~lit].unique() == 1
    assert draw(torch.ones(3, 3), probability=0.0) is None


def test_each_view_has_its_own_light() -> None:
    grid = {"levels": 2, "features": 2, "log2_table": 8, "base_resolution": 4, "finest_resolution": 512}
    renderer = analytic_renderer(solid_ball, orange, samples=256, grid=grid)
    lights = lights_at((-4.0, -1.0, 0.0), (4.0, -1.0, 0.0))  # west is on the left of what is seen from the south
    west, east = renderer(*side_cameras(180.0, 180.0).rays(), background=False, lights=lights).color[:, 16].mean(-1)
    assert west[10:15].mean() > 2 * west[18:23].mean() and east[18:23].mean() > 2 * east[10:15].mean()

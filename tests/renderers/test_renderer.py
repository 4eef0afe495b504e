"""Whole pictures: known shapes, sides of the world, skipping, seeds, regularisers' samples."""

import math

import pytest
import torch
from torch import Tensor

from renderers.losses import entropy_loss, orientation_loss, sparsity_loss
from renderers.renderer import Renderer
from tests.renderers.scenes import analytic_renderer, make_renderer, psnr, side_cameras


def thin_ball(points: Tensor) -> Tensor:
    """Density 1 within radius 0.5."""
    return (points.norm(dim=-1) < 0.5).float()


def solid_ball(points: Tensor) -> Tensor:
    """Density 400 within radius 0.5, with a soft rim."""
    return 400 * torch.sigmoid((0.5 - points.norm(dim=-1)) / 0.01)


def solid_bar(points: Tensor) -> Tensor:
    """A bar from west to east: |x| < 0.6, |y| and |z| < 0.15."""
    return 400.0 * ((points.abs() < torch.tensor([0.6, 0.15, 0.15])).all(-1))


def east_red_west_blue(points: Tensor) -> Tensor:
    east = (points[:, :1] > 0).float()
    return torch.cat([east, torch.zeros_like(east), 1 - east], -1)


def middle(values: Tensor) -> Tensor:
    """The pixel in the middle of each picture [B, H, W, ...]."""
    return values[:, values.shape[1] // 2, values.shape[2] // 2]


@pytest.mark.parametrize("engine", ["torch", "numba"])
def test_ball_of_known_opacity_and_depth(engine: str) -> None:
    renderer = analytic_renderer(thin_ball, engine=engine, samples=512)
    render = renderer(*side_cameras(0.0, 120.0).rays(), background=False)
    # through the middle: a chord of 1, so 1 - exp(-1); seen from 4 away, between 3.5 and 4.5: mean depth
    # 3.5 + (1 - 2 / e) / (1 - 1 / e)
    torch.testing.assert_close(middle(render.opacity), torch.full((2,), 1 - math.exp(-1)), rtol=1e-2, atol=0)
    depth = 3.5 + (1 - 2 / math.e) / (1 - 1 / math.e)
    torch.testing.assert_close(middle(render.depth), torch.full((2,), depth), rtol=2e-3, atol=0)
    torch.testing.assert_close(middle(render.color), 0.5 * middle(render.opacity)[:, None].expand(-1, 3))
    assert render.opacity[:, 0, 0].tolist() == [0.0, 0.0]


def test_ball_surface_and_normals() -> None:
    renderer = analytic_renderer(solid_ball, samples=512)
    origins, directions = side_cameras(30.0, 200.0, elevation=20.0).rays()
    render = renderer(origins, directions, normals="all")
    assert middle(render.depth).tolist() == pytest.approx([3.5, 3.5], abs=0.03)
    solid = render.opacity > 0.999
    hit = (origins + directions * render.depth[..., None])[solid]
    assert (
        150 < solid.sum() / 2 < 33 * 33 * math.pi * 0.26**2
    )  # a disc of radius 0.5 in a frame 2.04 wide, less its rim
    cosine = (torch.nn.functional.normalize(hit, dim=-1) * render.normal[solid]).sum(-1)
    assert cosine.median() > 0.98 and cosine.min() > 0.8
    assert ((render.normal * directions).sum(-1)[solid] < 0).all()  # towards the camera


def test_east_side_looks_from_east() -> None:
    renderer = analytic_renderer(solid_bar, east_red_west_blue, samples=256)
    from_east, from_south, from_west = renderer(*side_cameras(90.0, 180.0, 270.0).rays(), background=False).color
    red, blue = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 0.0, 1.0])
    centre = 16
    torch.testing.assert_close(from_east[centre, centre], red)
    torch.testing.assert_close(from_west[centre, centre], blue)
    # from the south, east is on the right
    torch.testing.assert_close(from_south[centre, centre + 6], red)
    torch.testing.assert_close(from_south[centre, centre - 6], blue)


def test_top_of_the_world_is_at_the_top() -> None:
    renderer = analytic_renderer(lambda points: solid_ball(points - torch.tensor([0.0, 0.0, 0.4])))
    opacity = renderer(*side_cameras(45.0).rays()).opacity[0]
    assert opacity[:16].sum() > 5 * opacity[17:].sum()


def fit(renderer: Renderer, steps: int) -> None:
    """Trains a renderer on pictures of a two-coloured bar before a plain background."""
    cameras = side_cameras(0.0, 70.0, 140.0, 210.0, 280.0, size=24, elevation=15.0)
    rays = cameras.rays()
    with torch.no_grad():
        truth = analytic_renderer(solid_bar, east_red_west_blue, samples=256)(*rays, background=False)
    target = truth.color + 0.5 * (1 - truth.opacity)[..., None]
    optimizer = torch.optim.Adam(renderer.parameters(), lr=2e-2, eps=1e-15)
    for step in range(steps):
        renderer.update(step, steps)
        loss = (renderer(*rays, jitter=(step,)).color - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def test_skipping_leaves_the_picture_as_it_was() -> None:
    renderer = make_renderer(engine="numba", occupancy_resolution=32)
    fit(renderer, 120)
    rays = side_cameras(40.0, 190.0, elevation=10.0).rays()
    skipping = renderer.render_image(*rays)
    taken = float(renderer.occupancy.cells.float().mean())
    renderer.occupancy.cells.fill_(True)
    everything = renderer.render_image(*rays)
    assert everything.opacity.max() > 0.9 and taken < 0.3
    assert psnr(skipping.color, everything.color) > 40


def test_training_repeats_and_resumes_bit_for_bit() -> None:
    def train(renderer: Renderer, optimizer: torch.optim.Optimizer, steps: range) -> None:
        rays = side_cameras(0.0, 90.0, size=12).rays()
        for step in steps:
            renderer.update(step, 12)
            render = renderer(*rays, jitter=(step,), normals="sampled", normal_samples=32)
            normals = render.sampled_normals
            loss = (render.color - 0.7).square().mean()
            loss = loss + orientation_loss(normals.weight, normals.normal, normals.direction, render.opacity.numel())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def start() -> tuple[Renderer, torch.optim.Optimizer]:
        renderer = make_renderer(engine="numba")
        return renderer, torch.optim.Adam(renderer.parameters(), lr=1e-2)

    straight = start()
    train(*straight, range(12))
    first = start()
    train(*first, range(7))
    resumed = start()
    resumed[0].load_state_dict(first[0].state_dict())
    resumed[1].load_state_dict(first[1].state_dict())
    train(*resumed, range(7, 12))
    expected = straight[0].state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in resumed[0].state_dict().items())


def test_two_ranks_render_what_one_would() -> None:
    renderer = analytic_renderer(thin_ball)
    origins, directions = side_cameras(0.0, 100.0, 200.0, size=9).rays()
    whole = renderer(origins, directions, jitter=(5,))
    part = renderer(origins[2:], directions[2:], jitter=(5,), first_image=2)
    torch.testing.assert_close(part.color[0], whole.color[2])
    unjittered = renderer(origins[2:], directions[2:])
    assert (unjittered.opacity[0] - whole.opacity[2]).abs().max() > 1e-3  # the jitter does something


def test_engines_render_the_same_with_the_same_gradients() -> None:
    results = []
    for engine in ("torch", "numba"):
        renderer = make_renderer(engine=engine)
        renderer.update(0, 10)
        render = renderer(*side_cameras(0.0, 100.0, size=12).rays(), jitter=(0,))
        render.color.square().mean().backward()
        results.append((render.color.detach(), renderer.field.grid.table.grad))
    torch.testing.assert_close(results[1][0], results[0][0])
    torch.testing.assert_close(results[1][1], results[0][1], rtol=1e-3, atol=1e-3 * float(results[0][1].abs().max()))


def test_picture_in_chunks_equals_one_render() -> None:
    renderer = make_renderer()
    origins, directions = side_cameras(0.0, 100.0, size=10).rays()
    render = renderer(origins, directions, normals="all")
    picture = renderer.render_image(origins, directions, chunk_rays=37, normals=True)
    for name in ("color", "opacity", "depth", "background", "normal"):
        torch.testing.assert_close(getattr(picture, name), getattr(render, name).detach(), msg=name)
    assert renderer.render_image(origins, directions).normal is None


def test_chunks_of_rays_give_the_same_render_and_gradients() -> None:
    origins, directions = side_cameras(0.0, 100.0, size=10).rays()
    results = []
    for chunk_rays in (0, 37):  # 37: the last chunk is short, and one spans both pictures
        renderer = make_renderer(chunk_rays=chunk_rays)
        renderer.update(0, 10)
        render = renderer(origins, directions, jitter=(3,), first_image=5)
        (render.color.square().mean() + sparsity_loss(render.density, 0.1) + entropy_loss(render.opacity)).backward()
        results.append((render, [weight.grad for weight in renderer.parameters()]))
    (whole, whole_gradients), (parts, gradients) = results
    for name in ("color", "opacity", "depth", "background", "density", "weights"):
        torch.testing.assert_close(getattr(parts, name), getattr(whole, name), msg=name)
    assert torch.equal(parts.samples.ray, whole.samples.ray) and len(whole.samples) > 37
    torch.testing.assert_close(gradients, whole_gradients, rtol=1e-3, atol=1e-6)


def test_chunks_draw_their_share_of_normals() -> None:
    rays, losses = side_cameras(0.0, 100.0, size=17).rays(), []
    for chunk_rays in (0, 100):
        renderer, found = analytic_renderer(thin_ball, chunk_rays=chunk_rays), []
        for seed in range(20):
            normals = renderer(*rays, jitter=(seed,), normals="sampled", normal_samples=400).sampled_normals
            assert 380 <= len(normals.weight) <= 400
            found.append(float(orientation_loss(normals.weight, normals.normal, normals.direction, rays=2 * 17 * 17)))
        losses.append(sum(found) / len(found))
    assert losses[1] == pytest.approx(losses[0], rel=0.1)


def test_a_chunk_keeps_little_of_what_it_computed() -> None:
    """What is saved for the way back, in numbers: of all rays at once the samples' features, of chunks hardly more than
    what they return."""
    origins, directions = side_cameras(0.0, 100.0, size=24).rays()
    kept = []
    for chunk_rays in (0, 64):
        renderer, sizes = make_renderer(chunk_rays=chunk_rays), []

        def pack(tensor: Tensor, sizes: list[int] = sizes) -> Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            renderer(origins, directions, jitter=(3,))
        kept.append(sum(sizes))
    assert kept[1] < kept[0] / 5


def test_sampled_normals_estimate_the_sum_over_all() -> None:
    renderer = analytic_renderer(thin_ball)
    rays = side_cameras(0.0, 100.0, size=17).rays()
    losses = {}
    for mode, seeds in (("all", range(20)), ("sampled", range(20))):
        found = []
        for seed in seeds:
            render = renderer(*rays, jitter=(seed,), normals=mode, normal_samples=400)
            normals = render.sampled_normals
            found.append(float(orientation_loss(normals.weight, normals.normal, normals.direction, rays=2 * 17 * 17)))
        losses[mode] = sum(found) / len(found)
        if mode == "sampled":
            assert len(normals.weight) == 400
            torch.testing.assert_close(normals.weight.sum(), render.weights.sum())
    assert losses["all"] > 0.002
    assert losses["sampled"] == pytest.approx(losses["all"], rel=0.1)


def test_empty_scene() -> None:
    renderer = make_renderer()
    renderer.occupancy.cells.fill_(False)
    render = renderer(*side_cameras(0.0, size=5).rays(), normals="sampled", normal_samples=8)
    assert len(render.samples) == 0 and render.opacity.max() == 0 and len(render.sampled_normals.weight) == 0
    torch.testing.assert_close(render.color, render.background)
    (render.color.sum() + render.opacity.sum() + render.depth.sum()).backward()
    assert all(value.grad is None or value.grad.isfinite().all() for value in renderer.parameters())


def test_camera_that_looks_away() -> None:
    origins, directions = side_cameras(0.0, size=5).rays()
    render = make_renderer()(origins, -directions, normals="all")
    assert render.opacity.max() == 0 and render.normal.abs().max() == 0


def test_update_schedules_levels_and_occupancy() -> None:
    renderer = make_renderer()
    renderer.update(0, 100)
    assert int(renderer.field.grid.active_levels) == 2
    cells = renderer.occupancy.cells.clone()
    assert 0 < cells.float().mean() < 0.5  # the blob
    renderer.field.density_head.output.bias.data.fill_(8.0)
    renderer.update(5, 100)  # not a multiple of 4: the occupancy stays
    assert torch.equal(renderer.occupancy.cells, cells)
    renderer.update(52, 100)
    assert int(renderer.field.grid.active_levels) == 4 and not torch.equal(renderer.occupancy.cells, cells)


def test_fine_levels_show_only_when_their_time_has_come() -> None:
    """A checkerboard in the finest level alone: neither pictures nor gradients know of it while it is not in use."""
    renderer = make_renderer(coarse_levels=2, coarse_share=0.5, occupancy_warmup_steps=1000)
    grid, rays = renderer.field.grid, side_cameras(0.0, size=12).rays()
    finest = grid.layout.levels[-1].offset
    grid.table.data.zero_()
    plain = {share: renderer.render_image(*rays).color for share in (0, 100) if renderer.update(share, 100) is None}
    grid.table.data[finest:].uniform_(-3, 3, generator=torch.Generator().manual_seed(1))
    for share, shows in ((0, False), (100, True)):
        renderer.update(share, 100)
        grid.table.grad = None
        renderer(*rays).color.square().sum().backward()
        assert bool(grid.table.grad[finest:].any()) is shows
        assert ((renderer.render_image(*rays).color - plain[share]).abs().max() > 0.02) == shows


def test_density_is_what_a_render_sees() -> None:
    renderer = make_renderer()
    renderer.update(0, 100)
    renderer.occupancy.cells[:8] = False  # the western half
    points = torch.tensor([[-0.2, 0.0, 0.0], [0.2, 0.0, 0.0]])
    field = renderer.field.density(points)
    assert field[0] > 1 and renderer.density(points).tolist() == [0.0, field[1].item()]


def test_same_seed_same_start() -> None:
    tables = [make_renderer(seed=seed).field.grid.table for seed in (1, 1, 2)]
    assert torch.equal(tables[0], tables[1]) and not torch.equal(tables[0], tables[2])


def test_unknown_normals_are_refused() -> None:
    with pytest.raises(ValueError, match="'none', 'sampled' or 'all'"):
        make_renderer()(*side_cameras(0.0, size=3).rays(), normals="some")

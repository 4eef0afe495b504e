"""The same on a GPU as on the CPU, and both systems from start to end on one. Skipped where there is none."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import launch
import systems.distillation
from gpslift.conditioning.dropout import drop_place
from tests.renderers.scenes import make_renderer, side_cameras
from tests.systems.leavings import only_run
from tests.systems.settings import settings_kept
from tests.systems.tiny_lift import CAPTION, arguments, tiny_prior, write_prior
from tests.systems.tiny_prior import STEPS, tiny_config, train

GPU = torch.device("cuda")

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`prepare` changes settings of the whole process; other tests get theirs back."""
    monkeypatch.setattr(systems.distillation, "PREVIEW_SIZE", 16)
    with settings_kept():
        yield


def test_renders_and_gradients() -> None:
    pictures, gradients = [], []
    for device in ("cpu", str(GPU)):
        renderer = make_renderer(device=device).to(device)
        origins, directions = (rays.to(device) for rays in side_cameras(0.0, 120.0, size=16).rays())
        color = renderer(origins, directions).color
        color.square().mean().backward()
        pictures.append(color.detach().cpu())
        gradients.append(renderer.field.grid.table.grad.cpu())
    torch.testing.assert_close(pictures[1], pictures[0], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-2, atol=1e-6)


def test_noise_predictions() -> None:
    prior = tiny_prior()
    torch.manual_seed(1)
    noisy, timestep = torch.randn(2, 48, 4, 4), torch.tensor([100, 900])
    known = {"azimuth_deg": 40.0, "frame_width_m": 110.0, "elevation_deg": -5.0}
    found = []
    for device in (torch.device("cpu"), GPU):
        for network in prior.networks.values():
            torch.nn.Module.to(network, device)
        place = prior.place_encoder.complete(known, 2, device)
        place = drop_place(place, {name: torch.tensor([False, True], device=device) for name in place})
        with torch.no_grad():
            condition = prior.encode_condition([CAPTION, ""], place)
            found.append(prior.predict_noise(noisy.to(device), timestep.to(device), condition).cpu())
    torch.testing.assert_close(found[1], found[0], rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("objective", ["multistep", "sds"])
def test_a_lift_from_training_to_mesh(objective: str, tmp_path: Path) -> None:
    prior = write_prior(tmp_path / "prior")
    settings = ["device=cuda", "precision=auto", f"guidance.objective={objective}"]
    command = arguments(tmp_path, "lift", prior, *settings)
    assert launch.main(command) == 0
    assert launch.main([*command, "--export"]) == 0
    run = only_run(tmp_path, "lift")
    assert list(run.folder.rglob("*.glb"))


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
@pytest.mark.parametrize("precision", ["32", "bf16", "fp16"])
def test_a_prior_from_photos(precision: str, optimizer: str, few_photos: Path, tmp_path: Path) -> None:
    config = tiny_config(few_photos, tmp_path, optimizer=optimizer, gradient_clip=1.0)
    config.device, config.precision = "cuda", precision
    system, run = train(config)
    assert system.trainer.global_step == STEPS
    assert (run.folder / "prior" / "model_index.json").is_file()

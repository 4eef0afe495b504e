"""A Stable Diffusion folder of tiny random weights runs through everything: prior, pictures, lifts, export, resume."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

import launch
from gpslift.cameras import orbit_cameras
from gpslift.config import load_config
from gpslift.errors import UserError
from gpslift.geo.landmarks import load_landmark
from gpslift.guidance.asking import resized
from gpslift.guidance.objectives import Seen, build_objective
from gpslift.priors.base_model import load_base_model
from gpslift.priors.loading import load_prior
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.priors.plain import load_plain_model
from gpslift.randomness import normal_for_samples
from gpslift.schema.lift import GuidanceConfig, LiftConfig, LiftGuidanceConfig
from systems.distillation import load_prior_and_cameras
from systems.lift import LiftSystem
from systems.lifted import build_renderer
from tests.systems.leavings import only_run, saved
from tests.systems.tiny_base import SIDE
from tests.systems.tiny_lift import CAPTION, arguments, at_step, interrupt, write_prior
from tests.systems.tiny_prior import tiny_config, train

LANDMARK = load_landmark("statue_of_liberty")
OBJECTIVES = ("multistep", "sds", "ism", "vsd")
LEVEL, SCALE = 300, 4.0
PLACE = {
    "azimuth_deg": torch.tensor([20.0]),
    "frame_width_m": torch.tensor([100.0]),
    "elevation_deg": torch.tensor([3.0]),
}


@pytest.fixture(scope="module")
def prior(base: Path, few_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prior trained on the folder with preservation, renamed to the landmark of the tiny lift; its folder."""
    output = tmp_path_factory.mktemp("stable_diffusion_prior")
    config = tiny_config(few_photos, output, steps=2, lr=1e-3, warmup_steps=0, preservation_weight=1.0)
    config.prior.base, config.data.preservation_images, config.data.cache = str(base), 4, str(output / "cache")
    _, run = train(config)
    assert "preservation_loss" in run.metrics.read_text().splitlines()[0]
    trained = load_prior(str(run.folder))
    trained.register_to_config(caption=CAPTION)
    with torch.no_grad():
        trained.place_encoder.gate.fill_(0.5)  # two steps hardly open it
    return write_prior(output / "prior", trained)


def lift(output: Path, name: str, prior: Path, *more: str) -> int:
    few = ["optim.steps=4", "log.checkpoint_every_steps=2", "log.every_steps=1", "optim.batch_size=1"]
    return launch.main(arguments(output, name, prior, *few, *more))


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_lifts_and_goes_on_to_the_last_bit(
    objective: str, prior: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = [f"guidance.objective={objective}", "guidance.gradient_checkpointing=yes"]
    assert lift(tmp_path, "whole", prior, *chosen) == 0
    with monkeypatch.context() as patch:
        patch.setattr(LiftSystem, "training_step", at_step(1, interrupt))
        assert lift(tmp_path, "stopped", prior, *chosen) == 130
    assert lift(tmp_path, "stopped", prior, *chosen, "resume=last") == 0
    whole, stopped = (saved(only_run(tmp_path, name)) for name in ("whole", "stopped"))
    for name, weight in whole["state_dict"].items():
        assert torch.equal(stopped["state_dict"][name], weight), name
    config = load_config(only_run(tmp_path, "whole").config)
    assert isinstance(config, LiftConfig)
    start = build_renderer(config, LANDMARK)
    table = "renderer.field.grid.table"
    assert not torch.equal(whole["state_dict"][table], start.state_dict()[table.removeprefix("renderer.")])


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_lifts_in_16_bits(objective: str, prior: Path, tmp_path: Path) -> None:
    lifted = [f"guidance.objective={objective}", "precision=bf16"]
    assert lift(tmp_path, "narrow", prior, *lifted) == 0
    run = only_run(tmp_path, "narrow")
    assert saved(run)["global_step"] == 4 and "skipped" not in run.metrics.read_text()


def test_a_lifts_prior_lies_in_the_number_format_that_it_computes_in(prior: Path) -> None:
    """In 16 bits it answers as it does where autocast converts its weights at each call; the rest stays in 32."""
    config = LiftConfig(device="cpu", precision="bf16")
    config.prior.path = str(prior)
    narrow, _ = load_prior_and_cameras(config, LANDMARK, torch.device("cpu"))
    assert {weight.dtype for weight in narrow.unet.parameters()} == {torch.bfloat16}
    assert {part.dtype for part in (narrow.vae, narrow.text_encoder, narrow.place_encoder)} == {torch.float32}
    config.precision = "32"
    wide, _ = load_prior_and_cameras(config, LANDMARK, torch.device("cpu"))
    noisy, timestep = torch.randn(1, 4, SIDE // 2, SIDE // 2), torch.tensor([LEVEL])
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        found, expected = (
            one.predict_noise(noisy, timestep, one.encode_condition([CAPTION], PLACE)) for one in (narrow, wide)
        )
    assert torch.allclose(found, expected, atol=0.02)
    assert wide.unet.dtype == torch.float32


def test_what_was_lifted_is_exported(prior: Path, tmp_path: Path) -> None:
    assert lift(tmp_path, "lift", prior, "guidance.objective=sds") == 0
    run = only_run(tmp_path, "lift")
    code = launch.main(
        [*arguments(tmp_path, "lift", prior), "--export", f"export.run={run.folder}", "export.level=0.01"]
    )
    assert code == 0 and json.loads((run.export / "export.json").read_text())["paths"]


def test_a_plain_model_is_lifted_from_by_its_text_alone(base: Path, tmp_path: Path, capsys: Any) -> None:
    assert lift(tmp_path, "refused", base) == 2
    assert "has no place encoder" in capsys.readouterr().err
    assert lift(tmp_path, "text", base, "guidance.objective=sds", "guidance.place=text") == 0
    assert saved(only_run(tmp_path, "text"))["global_step"] == 4


def test_a_plain_model_of_another_kind_is_refused(base: Path, tmp_path: Path, capsys: Any) -> None:
    """An inpainting model, whose U-Net takes a mask and a picture, too."""
    inpainting = shutil.copytree(base, tmp_path / "inpainting")
    unet = UNet2DConditionModel.from_pretrained(base, subfolder="unet")
    UNet2DConditionModel.from_config({**unet.config, "in_channels": 9}).save_pretrained(inpainting / "unet")
    assert lift(tmp_path, "text", inpainting, "guidance.place=text") == 2
    said = capsys.readouterr().err
    assert f"prior.path={inpainting}: its U-Net takes 9 channels, its VAE makes 4" in said


def test_a_plain_model_says_what_it_said_before(base: Path) -> None:
    plain, original = load_plain_model(str(base), CAPTION, "cpu"), load_base_model(str(base))
    noisy, timestep = torch.randn(1, 4, SIDE // 2, SIDE // 2), torch.tensor([LEVEL])
    assert isinstance(original.unet, UNet2DConditionModel)
    with torch.no_grad():
        expected = original.unet(noisy, timestep, plain.encode_text([CAPTION])).sample
        found = plain.predict_noise(noisy, timestep, plain.encode_condition([CAPTION], PLACE))
    assert torch.equal(found, expected) and plain.image_size == SIDE


def test_a_hub_that_cannot_be_reached_names_the_key_that_takes_a_folder(no_hub: None) -> None:
    message = r"prior\.base=nobody/nothing .*where the hub cannot be reached, copy .* set prior\.base=<that folder>"
    with pytest.raises(UserError, match=message):
        load_base_model("nobody/nothing")


def exact(prior: Path) -> PlaceDiffusionPipeline:
    """The prior in double precision, for differences."""
    return load_prior(str(prior), dtype=torch.float64)


def ask(pipeline: PlaceDiffusionPipeline, noisy: Tensor, level: int, text: str, azimuth: float) -> Tensor:
    """One unguided answer of the prior, by its most basic call."""
    place = {**PLACE, "azimuth_deg": torch.tensor([azimuth])}
    tokens = torch.cat([pipeline.encode_text([text]), pipeline.place_encoder(place)], 1)
    return pipeline.unet(noisy, torch.tensor([level]), tokens).sample


def guided(pipeline: PlaceDiffusionPipeline, noisy: Tensor) -> Tensor:
    nothing = ask(pipeline, noisy, LEVEL, "", float("nan"))
    return nothing + SCALE * (ask(pipeline, noisy, LEVEL, CAPTION, 20.0) - nothing)


def noised(pipeline: PlaceDiffusionPipeline, latents: Tensor) -> tuple[Tensor, Tensor]:
    noise = normal_for_samples(0, "noise", [0], latents.shape[1:]).to(latents)
    a = pipeline.alphas_cumprod[LEVEL].double()
    return a.sqrt() * latents + (1 - a).sqrt() * noise, noise


def score_difference(pipeline: PlaceDiffusionPipeline, latents: Tensor) -> Tensor:
    """SDS: e_hat(x_t) - e."""
    noisy, noise = noised(pipeline, latents)
    return guided(pipeline, noisy) - noise


def interval_difference(pipeline: PlaceDiffusionPipeline, latents: Tensor) -> Tensor:
    """ISM: e_hat(x_t, t) - e(x_s, s, nothing), x_t from x_0 by DDIM inversion through 125 and 250 to 300."""
    x, e = latents, latents
    for now, later in ((0, 125), (125, 250), (250, LEVEL)):
        a, b = pipeline.alphas_cumprod[[now, later]].double()
        e = ask(pipeline, x, now, "", float("nan"))
        x = b.sqrt() * (x - (1 - a).sqrt() * e) / a.sqrt() + (1 - b).sqrt() * e
    return guided(pipeline, x) - e


def variational_difference(pipeline: PlaceDiffusionPipeline, latents: Tensor) -> Tensor:
    """VSD with fresh adapters: e_hat(x_t) - e(x_t, text and place)."""
    noisy, _ = noised(pipeline, latents)
    return guided(pipeline, noisy) - ask(pipeline, noisy, LEVEL, CAPTION, 20.0)


@pytest.mark.parametrize(
    ("objective", "difference"),
    [("sds", score_difference), ("ism", interval_difference), ("vsd", variational_difference)],
)
@torch.enable_grad()
def test_gradients_by_the_pixels_against_formula_and_finite_differences(
    prior: Path, objective: str, difference: Callable[[PlaceDiffusionPipeline, Tensor], Tensor]
) -> None:
    """Along a direction v: (1 - a) difference . d latents / d v, the latter by central differences through the VAE."""
    pipeline, level = exact(prior), LEVEL / 1000
    config = GuidanceConfig(objective=objective, scale=SCALE, inversion_steps=2, adapter_warmup=0)
    config.t_start = config.t_end = [level] * 2
    one = torch.ones(1)
    seen_from = orbit_cameras(PLACE["azimuth_deg"], 0 * one, 3 * one, one, torch.zeros(3), SIDE, SIDE)
    generator = torch.Generator().manual_seed(3)
    pictures, v = torch.rand(2, 1, 3, SIDE, SIDE, generator=generator, dtype=torch.float64).unbind()
    with torch.no_grad():
        latents = pipeline.to_latents(pictures)
        weighted = (1 - pipeline.alphas_cumprod[LEVEL].double()) * difference(pipeline, latents)
        step = 1e-5
        slope = (pipeline.to_latents(pictures + step * v) - pipeline.to_latents(pictures - step * v)) / (2 * step)
        expected = (weighted * slope).sum() / latents.numel()
    leaf = pictures.clone().requires_grad_()
    build = build_objective(config, pipeline, 10, 0)
    build(Seen(leaf, torch.zeros(1, 1, SIDE, SIDE), seen_from), PLACE, 0, 0)[0].backward()
    assert leaf.grad is not None and float(expected.abs()) > 1e-6
    assert float((leaf.grad * v).sum()) == pytest.approx(float(expected), rel=1e-3)


@torch.no_grad()
def test_the_multi_step_target_is_what_the_decoder_makes_of_the_clean_latents(prior: Path) -> None:
    pipeline, level = exact(prior), LEVEL / 1000
    config = GuidanceConfig(scale=SCALE, t_start=[level] * 2, t_end=[level] * 2, ddim_steps=1)
    objective: Any = build_objective(config, pipeline, 10, 0)
    pictures = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    objective.look(Seen(pictures, torch.zeros(1, 1, SIDE, SIDE)), PLACE, 0, 0)
    noisy, _ = noised(pipeline, pipeline.to_latents(pictures))
    a = pipeline.alphas_cumprod[LEVEL].double()
    clean = (noisy - (1 - a).sqrt() * guided(pipeline, noisy)) / a.sqrt()
    decoded = pipeline.vae.decode(clean / pipeline.vae.config.scaling_factor).sample
    torch.testing.assert_close(objective.target, ((decoded.float() + 1) / 2).clamp(0, 1), atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [SIDE, SIDE // 2])
@torch.no_grad()
def test_haze_is_cleared_by_what_the_decoder_makes_of_the_clean_latents(prior: Path, size: int) -> None:
    """At the render's size, where what is behind is compared with it: here it is that very picture on the left."""
    pipeline, level = exact(prior), LEVEL / 1000
    settings: dict[str, Any] = {"objective": "sds", "scale": SCALE, "t_start": [level] * 2, "t_end": [level] * 2}
    generator = torch.Generator().manual_seed(3)
    pictures = torch.rand(1, 3, size, size, generator=generator, dtype=torch.float64)
    noisy, _ = noised(pipeline, pipeline.to_latents(resized(pictures, SIDE)))
    a = pipeline.alphas_cumprod[LEVEL].double()
    clean = (noisy - (1 - a).sqrt() * guided(pipeline, noisy)) / a.sqrt()
    decoded = ((pipeline.vae.decode(clean / pipeline.vae.config.scaling_factor).sample + 1) / 2).clamp(0, 1)
    behind = resized(decoded, size)
    behind[..., size // 2 :] += 0.5
    seen = Seen(pictures, torch.full((1, 1, size, size), 0.75, dtype=torch.float64), hazed=behind)
    plain, cleared = (
        build_objective(LiftGuidanceConfig(**settings, clearing=weight), pipeline, 10, 0)(seen, PLACE, 0, 0)[0]
        for weight in (0.0, 0.3)
    )
    assert float(cleared - plain) == pytest.approx(0.3 * 0.25 / 2, rel=1e-4)

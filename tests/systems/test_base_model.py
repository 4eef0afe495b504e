"""A latent model as base: a tiny Stable Diffusion folder with random weights is trained, saved and loaded."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file, save_file

from gpslift.errors import UserError
from gpslift.priors import plain
from gpslift.priors.base_model import check_base_model, check_image_size, load_base_model, missing_files
from gpslift.priors.loading import find_prior, load_cameras, load_prior
from tests.systems.tiny_base import SIDE
from tests.systems.tiny_prior import tiny_config, train


def test_a_latent_base_is_trained_saved_and_loaded_by_the_same_class(
    base: Path, few_photos: Path, tmp_path: Path
) -> None:
    config = tiny_config(few_photos, tmp_path, steps=2, lr=1e-3, warmup_steps=0)
    config.prior.base, config.backbone.prediction = str(base), "epsilon"
    config.log.preview_every_steps = 2
    _, run = train(config)
    assert (run.previews / "step_00000002.png").is_file()
    prior = load_prior(str(run.folder))
    assert prior.image_size == SIDE and prior.vae.config.scaling_factor == pytest.approx(0.18215)
    images = prior.sample(
        {"azimuth_deg": [0.0, 90.0]}, 2, num_inference_steps=2, guidance_scale_text=3.0, guidance_scale_place=5.0
    )
    assert images.shape == (2, 3, SIDE, SIDE)
    assert len(load_cameras(str(run.folder))["range_m"]) > 0
    for name, trained in {
        "vae/diffusion_pytorch_model": False,
        "text_encoder/model": False,
        "unet/diffusion_pytorch_model": True,
    }.items():
        before, after = (load_file(folder / f"{name}.safetensors") for folder in (base, run.folder / "prior"))
        same = all(torch.equal(before[key].half(), after[key].half()) for key in before)
        assert same != trained, name


def test_the_gradient_reaches_the_pixels_through_the_vae(base: Path, few_photos: Path, tmp_path: Path) -> None:
    vae = AutoencoderKL.from_pretrained(base, subfolder="vae")
    images = torch.rand(1, 3, SIDE, SIDE, requires_grad=True)
    vae.encode(2 * images - 1).latent_dist.mode().square().sum().backward()
    assert images.grad is not None and images.grad.abs().sum() > 0


def test_the_base_itself_is_no_prior(base: Path) -> None:
    with pytest.raises(UserError, match="has no place encoder: it is a plain text-to-image model"):
        find_prior(str(base))


def test_an_image_size_that_the_base_cannot_make_is_refused(base: Path, few_photos: Path, tmp_path: Path) -> None:
    config = tiny_config(few_photos, tmp_path)
    config.prior.base, config.backbone.image_size = str(base), SIDE + 1
    with pytest.raises(UserError, match=rf"image_size={SIDE + 1} must be a multiple of 4 for .* {SIDE} is nearest"):
        train(config)


def test_an_image_size_that_the_base_hardly_knows_is_refused() -> None:
    message = r"image_size=4 is less than a quarter of the 32 pixels .* set backbone\.image_size=32, or 16, which"
    with pytest.raises(UserError, match=message):
        check_image_size("a/b", 4, {"block_out_channels": [8, 8], "sample_size": 16}, {"block_out_channels": [8, 8]})


@pytest.mark.parametrize(
    "gone",
    [
        "unet/",
        "vae/",
        "text_encoder/",
        "tokenizer/",
        "scheduler/",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/config.json",
        "text_encoder/model.safetensors",
        "tokenizer/vocab.json",
        "tokenizer/merges.txt",
        "tokenizer/tokenizer_config.json",
        "scheduler/scheduler_config.json",
    ],
)
def test_what_a_base_folder_lacks_is_named(base: Path, tmp_path: Path, gone: str) -> None:
    folder = tmp_path / "base"
    shutil.copytree(base, folder)
    if gone.endswith("/"):
        shutil.rmtree(folder / gone)
    else:
        (folder / gone).unlink()
    with pytest.raises(UserError, match=f"is not a whole Stable Diffusion folder: {gone} missing"):
        load_base_model(str(folder))


def test_a_tokenizer_of_one_file_will_do(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "base")
    shutil.rmtree(tmp_path / "base/tokenizer")
    tokenizer = load_base_model(str(base)).tokenizer
    tokenizer.save_pretrained(tmp_path / "base/tokenizer")
    assert (tmp_path / "base/tokenizer/tokenizer.json").is_file()
    assert not missing_files(tmp_path / "base")
    text = ["A photo of a tower"]
    assert load_base_model(str(tmp_path / "base")).tokenizer(text).input_ids == tokenizer(text).input_ids


def test_the_tokenizer_is_read_as_stable_diffusions(base: Path) -> None:
    tokenizer = load_base_model(str(base)).tokenizer
    assert tokenizer.convert_ids_to_tokens(tokenizer("A Photo, a").input_ids) == [
        *("<|startoftext|>", "a</w>", "photo</w>", ",</w>", "a</w>", "<|endoftext|>")
    ]
    assert tokenizer.model_max_length == 77


def test_a_tokenizer_of_another_model_is_told(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "base")
    vocabulary = tmp_path / "base/tokenizer/vocab.json"
    words = json.loads(vocabulary.read_text())
    vocabulary.write_text(json.dumps(words | {"more": len(words)}))
    with pytest.raises(UserError, match=rf"tokenizer has {len(words) + 1} tokens, its text_encoder {len(words)}"):
        load_base_model(str(tmp_path / "base"))


@pytest.mark.parametrize("path", ["/nowhere/model", "./model", "my/models/sd"])
def test_a_base_folder_that_is_not_there_is_not_taken_for_a_hub_id(path: str) -> None:
    with pytest.raises(UserError, match=f"prior.base={path}: there is no such folder; give one, or a hub id"):
        load_base_model(path)


@pytest.mark.parametrize(
    ("part", "key", "value", "message"),
    [
        ("unet", "in_channels", 9, "its U-Net takes 9 channels, its VAE makes 4"),
        ("unet", "addition_embed_type", "text_time", r"asks for more than text \(addition_embed_type=text_time\)"),
        ("unet", "cross_attention_dim", 2048, "its U-Net listens to 2048 channels, its text encoder gives 32"),
    ],
)
def test_a_model_of_another_kind_is_refused_by_its_configs(
    base: Path, tmp_path: Path, part: str, key: str, value: object, message: str
) -> None:
    shutil.copytree(base, tmp_path / "base")
    file = tmp_path / "base" / part / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))
    with pytest.raises(UserError, match=f"{message}; give a text-to-image model of Stable Diffusion 1 or 2"):
        check_base_model(str(tmp_path / "base"), SIDE)
    check_base_model(str(base), SIDE)


def test_a_base_saved_in_half_is_trained_in_single_precision(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "base")
    load_base_model(str(base)).text_encoder.half().save_pretrained(tmp_path / "base/text_encoder")
    model = load_base_model(str(tmp_path / "base"))
    assert {part.dtype for part in (model.unet, model.vae, model.text_encoder)} == {torch.float32}


def test_weights_in_half_by_name_are_taken_where_there_are_no_others(base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "base"
    shutil.copytree(base, folder)
    whole = load_base_model(str(base))
    for part in ("unet", "vae", "text_encoder"):
        (file,) = (folder / part).glob("*.safetensors")
        halves = {name: value.half() for name, value in load_file(file).items()}
        save_file(halves, file.with_suffix(".fp16.safetensors"), metadata={"format": "pt"})
    (folder / "unet/diffusion_pytorch_model.safetensors").unlink()
    (folder / "text_encoder/model.safetensors").unlink()
    model = load_base_model(str(folder))
    for part, exact in (("unet", False), ("text_encoder", False), ("vae", True)):  # the VAE's are there in full
        name, weight = next(iter(getattr(model, part).state_dict().items()))
        expected = getattr(whole, part).state_dict()[name]
        assert weight.dtype == torch.float32 and torch.equal(weight, expected if exact else expected.half().float())
    with pytest.raises(UserError, match="has no place encoder: it is a plain text-to-image model"):
        find_prior(str(folder))


def test_a_hub_id_is_a_plain_model_unless_it_has_a_place_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(repository: str, file: str) -> str:
        if repository == "somebody/prior" and file == "place_encoder/config.json":
            return "cached"
        raise OSError("no such file")

    monkeypatch.setattr(plain, "hf_hub_download", download)
    assert plain.is_plain_model("somebody/model") and not plain.is_plain_model("somebody/prior")


@pytest.mark.parametrize(("part", "key"), [("unet", "in_channels"), ("vae", "block_out_channels")])
def test_a_config_without_what_is_checked_is_told(base: Path, tmp_path: Path, part: str, key: str) -> None:
    shutil.copytree(base, tmp_path / "base")
    file = tmp_path / "base" / part / "config.json"
    file.write_text(json.dumps({name: value for name, value in json.loads(file.read_text()).items() if name != key}))
    with pytest.raises(UserError, match=f"is not a Stable Diffusion folder or reachable hub id.*{key}"):
        check_base_model(str(tmp_path / "base"), SIDE)

"""Saving and loading: the same images, a bounded size, whole or not at all, and every broken folder by name."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from huggingface_hub import ModelCard

from gpslift.conditioning.landmark_place import LandmarkPlaceEncoder
from gpslift.config import REPOSITORY
from gpslift.errors import UserError
from gpslift.priors import loading
from gpslift.priors.compact import build_compact_prior
from gpslift.priors.loading import find_prior, load_cameras, load_prior, save_prior
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.schema.image_prior import BackboneConfig
from tests.priors.conftest import CAMERAS, tiny_prior
from tests.systems.toy import limit_file_size

SHIPPED_BYTES = 16 * 2**20


def image_of(prior: PlaceDiffusionPipeline) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    place = {"azimuth_deg": [30.0], "frame_width_m": 100.0}
    return prior.sample(
        place, 1, num_inference_steps=3, guidance_scale_text=2.0, guidance_scale_place=2.0, generator=generator
    )


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "prior"
    save_prior(tiny_prior(), folder, CAMERAS, "# A card")
    return folder


@pytest.fixture
def saved(original: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return shutil.copytree(original, tmp_path / "prior")


def test_a_saved_prior_makes_the_same_images_to_the_last_bit(tmp_path: Path) -> None:
    prior = tiny_prior()
    before = image_of(prior)
    save_prior(prior, tmp_path / "prior", CAMERAS, "# A card")
    loaded = load_prior(str(tmp_path / "prior"))
    assert torch.equal(image_of(loaded), image_of(prior))  # saving rounds the prior at hand, too
    assert torch.allclose(image_of(loaded), before, atol=0.02)  # to half precision
    assert all(p.dtype == torch.float32 and not p.requires_grad for p in loaded.unet.parameters())
    assert all(p.dtype == torch.float32 for p in prior.unet.parameters())
    assert not any(network.training for network in loaded.networks.values())


def test_it_loads_in_a_process_that_has_imported_nothing_else(original: Path) -> None:
    code = f"from gpslift.priors.loading import load_prior; print(load_prior({str(original)!r}).image_size)"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.stdout.strip() == "16", done.stderr
    assert "%|" not in done.stderr  # no progress bars


def test_it_loads_as_diffusers_pipelines_do(original: Path) -> None:
    pipeline = PlaceDiffusionPipeline.from_pretrained(original)
    pipeline.set_progress_bar_config(disable=True)
    assert {network.dtype for network in pipeline.networks.values()} == {torch.float32}
    assert torch.allclose(image_of(pipeline), image_of(load_prior(str(original))), atol=1e-5)
    half = PlaceDiffusionPipeline.from_pretrained(original, torch_dtype=torch.float16)
    assert {network.dtype for network in half.networks.values()} == {torch.float16}


def test_it_loads_in_another_number_format(original: Path) -> None:
    narrow = load_prior(str(original), dtype=torch.bfloat16)
    assert narrow.unet.dtype == torch.bfloat16
    assert torch.allclose(image_of(narrow), image_of(load_prior(str(original))), atol=0.1)


def test_a_saved_prior_is_safetensors_cameras_and_a_card(original: Path) -> None:
    files = {str(path.relative_to(original)) for path in original.rglob("*") if path.is_file()}
    assert {"model_index.json", "cameras.json", "README.md", "place_encoder/config.json"} <= files
    assert not [name for name in files if name.endswith((".bin", ".ckpt", ".pt"))]
    assert (original / "README.md").read_text() == "# A card"
    assert {name: column.tolist() for name, column in load_cameras(str(original)).items()} == CAMERAS
    assert [path.name for path in original.parent.iterdir()] == ["prior"]


def test_the_default_prior_is_small_enough_to_ship(tmp_path: Path) -> None:
    backbone = BackboneConfig()
    encoder = LandmarkPlaceEncoder(width=backbone.token_dim)
    prior = build_compact_prior(backbone, encoder, ["A photo"], "A photo", (0, 0, 0), (1, 1, 1))
    save_prior(prior, tmp_path / "prior", {name: values * 2048 for name, values in CAMERAS.items()}, "card")
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= SHIPPED_BYTES


def test_a_prior_is_replaced_only_by_a_whole_one(
    saved: Path, prior: PlaceDiffusionPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("oops")

    with monkeypatch.context() as patch:
        patch.setattr(loading.json, "dumps", fail)
        with pytest.raises(RuntimeError, match="oops"):
            save_prior(prior, saved, CAMERAS, "# Another")
    assert (saved / "README.md").read_text() == "# A card" and load_cameras(str(saved))
    assert [path.name for path in saved.parent.iterdir()] == ["prior"]
    assert prior.unet.dtype == torch.float32
    save_prior(prior, saved, CAMERAS, "# Another")
    assert (saved / "README.md").read_text() == "# Another"


def test_a_full_disk_is_told_and_the_old_prior_stays(saved: Path, prior: PlaceDiffusionPipeline) -> None:
    try:
        limit_file_size(30_000)
        with pytest.raises(UserError, match="the disk is full"):
            save_prior(prior, saved, CAMERAS, "# Another")
    finally:
        limit_file_size(None)
    assert (saved / "README.md").read_text() == "# A card"
    assert [path.name for path in saved.parent.iterdir()] == ["prior"]


def test_card_cameras_and_figures_stay_with_a_prior_that_is_saved_again(saved: Path, tmp_path: Path) -> None:
    (saved / "validation.json").write_text("{}")
    load_prior(str(saved)).save_pretrained(tmp_path / "again")
    for name in ("README.md", "cameras.json", "validation.json"):
        assert (tmp_path / "again" / name).read_text() == (saved / name).read_text()
    assert str(tmp_path) not in "".join(file.read_text() for file in (tmp_path / "again").rglob("*.json"))
    trained = load_prior(str(saved))
    save_prior(trained, saved, CAMERAS, "# Another")
    assert not (saved / "validation.json").exists()  # the figures were of the older weights


@pytest.fixture
def uploads(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The texts of what would be uploaded to a hub; what diffusers asks of it is answered here."""
    found: list[dict[str, str]] = []

    def upload(folder_path: str, **_: object) -> None:
        found.append({file.name: file.read_text() for file in Path(folder_path).iterdir() if file.is_file()})

    monkeypatch.setattr("diffusers.utils.hub_utils.upload_folder", upload)
    for module in ("diffusers.utils.hub_utils", "diffusers.pipelines.pipeline_utils"):
        monkeypatch.setattr(f"{module}.create_repo", lambda repo_id, **_: SimpleNamespace(repo_id=repo_id))
        monkeypatch.setattr(f"{module}.load_or_create_model_card", lambda *_, **__: ModelCard("# Nothing"))
    return found


def test_a_prior_is_pushed_to_a_hub_with_its_card_and_cameras(
    original: Path, tmp_path: Path, uploads: list[dict[str, str]]
) -> None:
    load_prior(str(original)).push_to_hub("owner/name")
    load_prior(str(original)).save_pretrained(tmp_path / "again", push_to_hub=True, repo_id="owner/name")
    for files in uploads:
        assert files["README.md"] == "# A card" and json.loads(files["cameras.json"]) == CAMERAS
        assert "model_index.json" in files
    assert len(uploads) == 2


def test_a_hub_id_is_downloaded(original: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(loading, "snapshot_download", lambda path, **_: asked.append(path) or str(original))
    assert load_prior("owner/name").beside["README.md"] == "# A card" and load_cameras("owner/name")
    assert asked == ["owner/name", "owner/name"]


def test_a_hub_that_cannot_be_reached_is_told(no_hub: None) -> None:
    message = r"prior\.path=nobody/nothing: there is no such folder, and the hub has no such prior or cannot be reached"
    with pytest.raises(UserError, match=message):
        load_prior("nobody/nothing")


def test_a_run_folder_stands_for_its_prior(saved: Path) -> None:
    assert find_prior(str(saved.parent)) == saved
    assert find_prior(str(saved)) == saved


def remove(name: str) -> Callable[[Path], object]:
    def work(folder: Path) -> None:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return work


def write(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text)


def cut(name: str, size: int) -> Callable[[Path], object]:
    return lambda folder: os.truncate(folder / name, size)


UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, "there is no such folder; give a prior's folder, or a run folder"),
        (remove("model_index.json"), r"has no model_index\.json \(it holds .*unet.*if it is a run, let it finish"),
        (remove("unet"), r"is incomplete: unet/ missing; copy the whole folder again"),
        (remove("tokenizer"), r"is incomplete: tokenizer/ missing"),
        (remove("place_encoder"), r"has no place encoder: it is a plain .*prior\.base=.*guidance\.place=text"),
        (remove(UNET), r"is incomplete: unet/diffusion_pytorch_model\.safetensors missing"),
        (remove("place_encoder/config.json"), r"is incomplete: place_encoder/config\.json missing"),
        (cut(UNET, 5000), r"only half copied: unet/diffusion_pytorch_model\.safetensors \(5000 of \d+ bytes\)"),
        (cut(UNET, 100_000), r"only half copied: unet/diffusion_pytorch_model\.safetensors \(100000 of \d+ bytes\)"),
        (
            cut("place_encoder/diffusion_pytorch_model.safetensors", 3),
            r"only half copied: place_encoder/.* \(3 of \d+ bytes\)",
        ),
        (
            write(UNET, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
            r"only half copied: unet/diffusion_pytorch_model\.safetensors \(\d+ of \d+ bytes\)",
        ),
        (write("place_encoder/place.py", "evil"), r"holds programs \(place_encoder/place\.py\).*remove them first"),
        (write("unet/config.json", "{"), r"cannot be loaded; copy it again"),
        (write("model_index.json", "[]"), r"cannot be loaded; copy it again"),
    ],
)
def test_a_broken_prior_is_named(saved: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(saved)
    with pytest.raises(UserError, match=message) as error:
        load_prior(str(saved))
    assert str(saved) in str(error.value)


def table(**columns: object) -> Callable[[Path], object]:
    return write("cameras.json", json.dumps({**CAMERAS, **columns}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (remove("cameras.json"), r"cameras\.json is missing: lifting draws its cameras from it"),
        (write("cameras.json", '{"range_m": [1'), "is damaged"),
        (write("cameras.json", "[1, 2]"), "is damaged"),
        (write("cameras.json", '{"range_m": [1]}'), "is damaged .*elevation_deg"),
        (table(range_m=["far"] * 2), "is damaged"),
        (table(range_m=[], elevation_deg=[], frame_width_m=[]), "it holds no cameras"),
        (table(elevation_deg=[1.0]), "its columns differ in length"),
        (table(elevation_deg=[1.0, float("nan")]), "it holds what is no number"),
        (table(frame_width_m=[0.0, 100.0]), "a range or frame width is not above 0"),
    ],
)
def test_broken_cameras_are_named(saved: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(saved)
    with pytest.raises(UserError, match=message):
        load_cameras(str(saved))
    assert load_prior(str(saved)).image_size == 16  # images can still be made

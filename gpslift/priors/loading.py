"""Finding, checking, loading and saving priors. A prior is a diffusers folder, plus the training photos' cameras.

    model_index.json, unet/, vae/, text_encoder/, tokenizer/, scheduler/     as diffusers has them
    place_encoder/                                                           what makes it a prior of places
    cameras.json                                                             the training photos' ranges, frame widths, elevations
"""

import json
import logging
from pathlib import Path
from typing import Any

import torch

from gpslift.config import resolve_path
from gpslift.errors import UserError
from gpslift.priors.pipeline import PlaceDiffusionPipeline

logger = logging.getLogger(__name__)
PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
CAMERAS_FILE = "cameras.json"
RUN_SUBFOLDER = "prior"


def find_prior(path: str) -> Path:
    """The folder that holds the prior: `path` itself, or the `prior` folder of a run. Raises UserError where there is none.

    Names what is missing: a folder, its model_index.json, one of the parts, or the place encoder.
    """
    folder = resolve_path(path)
    if not folder.is_dir():
        raise UserError(f"prior.path={path}: there is no such folder; give a prior's folder or a run folder of configs/angle2img_*.yaml")
    if not (folder / "model_index.json").is_file() and (folder / RUN_SUBFOLDER).is_dir():
        folder = folder / RUN_SUBFOLDER
    if not (folder / "model_index.json").is_file():
        found = ", ".join(sorted(entry.name for entry in folder.iterdir())[:12]) or "nothing"
        raise UserError(f"prior.path={path} is not a prior: {folder} has no model_index.json (it holds {found}); if it is a run, let it finish")
    missing = [part for part in PARTS if not (folder / part).is_dir()]
    if missing:
        raise UserError(f"the prior in {folder} is incomplete: {', '.join(missing)} missing; copy the whole folder again")
    if not (folder / "place_encoder").is_dir():
        raise UserError(
            f"the model in {folder} has no place encoder: it is a plain text-to-image model; train a prior on it with "
            "configs/angle2img_statue_of_liberty.yaml backbone.base=<that folder>, and lift from the result"
        )
    return folder


def load_prior(path: str, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> PlaceDiffusionPipeline:
    """The prior in a folder or a finished run, frozen. Only safetensors are read; raises UserError for a broken prior."""
    folder = find_prior(path)
    try:
        pipeline = PlaceDiffusionPipeline.from_pretrained(folder, use_safetensors=True, local_files_only=True, low_cpu_mem_usage=False)
    except Exception as error:  # diffusers and safetensors raise a dozen kinds; whichever it is, the folder is to blame
        raise UserError(f"the prior in {folder} cannot be loaded; copy it again or train it anew: {error}") from error
    pipeline.set_progress_bar_config(disable=True)
    for network in pipeline.networks.values():
        network.requires_grad_(False).eval()
    return pipeline.to(device, dtype)


def save_prior(pipeline: PlaceDiffusionPipeline, folder: Path, cameras: dict[str, list[float]], card: str) -> None:
    """Saves the prior in half precision with its cameras and a model card, so that half the size is shipped."""
    half = {name: network.to(torch.float16) for name, network in pipeline.networks.items()}
    pipeline.save_pretrained(folder, safe_serialization=True)
    for network in half.values():
        network.to(torch.float32)
    (folder / CAMERAS_FILE).write_text(json.dumps(cameras))
    (folder / "README.md").write_text(card)


def load_cameras(path: str) -> dict[str, torch.Tensor]:
    """The training photos' cameras beside a prior: range_m, elevation_deg, frame_width_m, each [N]."""
    file = find_prior(path) / CAMERAS_FILE
    if not file.is_file():
        raise UserError(f"{file} is missing: lifting draws its cameras from it; train the prior with this version of gpslift")
    try:
        table: dict[str, Any] = json.loads(file.read_text())
        return {name: torch.tensor(table[name], dtype=torch.float32) for name in ("range_m", "elevation_deg", "frame_width_m")}
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{file} is damaged ({error}); copy the prior again") from error

"""Finding, checking, loading and saving priors. A prior is a diffusers folder, plus the training photos' cameras.

model_index.json, unet/, vae/, text_encoder/, tokenizer/, scheduler/    as diffusers has them
place_encoder/                                                          what makes it a prior of places
cameras.json                                                            see gpslift.photos.camera_table
README.md                                                               the model card
"""

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import diffusers
import torch
import transformers
from huggingface_hub import snapshot_download
from safetensors import SafetensorError

from gpslift.config import resolve_path
from gpslift.errors import UserError
from gpslift.priors.base_model import is_hub_id
from gpslift.priors.beside import BESIDE, CAMERAS_FILE, CARD_FILE
from gpslift.priors.folders import FILES, PLACE_ENCODER, cut_files, missing_files
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.storage import FULL_DISK, names, saving

CAMERAS_COLUMNS = ("range_m", "elevation_deg", "frame_width_m")
SHIPPED = "assets/priors"
RUN_SUBFOLDER = "prior"


def find_prior(path: str, key: str = "prior.path") -> Path:
    """The folder that holds the prior: `path` itself, the `prior` folder of a run, or the download of a hub id.

    key: the config's, where `path` stands. Raises UserError that names it and what is missing (a folder, its
    model_index.json, a file of one of the parts, the place encoder), or is there but ends too early.
    """
    folder = resolve_path(path)
    if not folder.is_dir():
        folder = _downloaded(path, key)
    if not (folder / "model_index.json").is_file() and (folder / RUN_SUBFOLDER).is_dir():
        folder = folder / RUN_SUBFOLDER
    if not (folder / "model_index.json").is_file():
        raise UserError(
            f"{key}={path} is not a prior: {folder} has no model_index.json (it holds {names(folder)}); "
            "if it is a run, let it finish"
        )
    if not (folder / "place_encoder").is_dir() and not missing_files(folder, variant=True):
        raise UserError(
            f"the model in {folder} has no place encoder: it is a plain text-to-image model; train a prior on it with "
            "configs/paper/angle2img_statue_of_liberty.yaml prior.base=<that folder> and lift from the result, or lift "
            "with its text alone, which says the same of every side: guidance.place=text"
        )
    if missing := missing_files(folder, FILES | PLACE_ENCODER):
        raise UserError(
            f"the prior in {folder} is incomplete: {', '.join(missing)} missing; copy the whole folder again"
        )
    if cut := cut_files(folder):
        raise UserError(f"the prior in {folder} was only half copied: {', '.join(cut)}; copy these files again")
    if programs := ", ".join(sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*.py"))):
        raise UserError(f"the prior in {folder} holds programs ({programs}), which no prior needs; remove them first")
    return folder


def _downloaded(path: str, key: str) -> Path:
    """The folder that holds the prior of a hub id `owner/name`: in the hub's cache, downloaded now if not there."""
    missing = f"{key}={path}: there is no such folder"
    advice = "give a prior's folder, or a run folder of a config such as configs/angle2img_statue_of_liberty.yaml"
    if "/" not in path or not is_hub_id(path):
        raise UserError(f"{missing}; {advice}")
    files = ["model_index.json", *BESIDE, *(f"{part}/*" for part in FILES | PLACE_ENCODER)]
    try:
        return Path(snapshot_download(path, allow_patterns=files, ignore_patterns=["*.bin", "*.py"]))
    except (OSError, ValueError) as error:
        why = " ".join(str(error).split())
        raise UserError(f"{missing}, and the hub has no such prior or cannot be reached; {advice}: {why}") from error


def shipped_prior(subject: str) -> Path | None:
    """The folder of the prior that ships for a landmark or a city, or None."""
    folder = resolve_path(f"{SHIPPED}/{subject}")
    return folder if (folder / "model_index.json").is_file() else None


def load_prior(
    path: str, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32, key: str = "prior.path"
) -> PlaceDiffusionPipeline:
    """The prior in a folder, of a finished run or of a hub id, frozen. key: the config's, where `path` stands.

    Reads safetensors only; raises UserError for a broken prior.
    """
    folder = find_prior(path, key)
    try:
        with _without_bars():
            pipeline = PlaceDiffusionPipeline.from_pretrained(
                folder, use_safetensors=True, local_files_only=True, low_cpu_mem_usage=False
            )
    except MemoryError:
        raise
    except Exception as error:  # diffusers and safetensors raise a dozen kinds; whichever it is, the folder is to blame
        raise UserError(f"the prior in {folder} cannot be loaded; copy it again or train it anew: {error}") from error
    return frozen(pipeline, device, dtype)


def frozen(pipeline: PlaceDiffusionPipeline, device: torch.device | str, dtype: torch.dtype) -> PlaceDiffusionPipeline:
    """The pipeline on a device, in a number format, with weights that no longer train."""
    pipeline.set_progress_bar_config(disable=True)
    for network in pipeline.networks.values():
        network.requires_grad_(False).eval()
        torch.nn.Module.to(network, device, dtype)  # diffusers' own `to` warns of modules that do not concern us
    return pipeline


def save_prior(
    pipeline: PlaceDiffusionPipeline, folder: Path, cameras: dict[str, list[float]] | None, card: str
) -> None:
    """Saves the prior in half precision with a model card and, of a landmark, its cameras.

    It takes an older one's place only when it is whole.

    The pipeline's own weights are rounded to half precision too, so that what was saved makes the very same images.
    Raises UserError for a full disk.
    """
    beside = folder.with_name(f".{folder.name}.{os.getpid()}")
    with saving(folder.parent):
        try:
            for network in pipeline.networks.values():
                network.half()
            pipeline.beside = {CARD_FILE: card} | ({CAMERAS_FILE: json.dumps(cameras)} if cameras is not None else {})
            _write_pipeline(pipeline, beside)
            shutil.rmtree(folder, ignore_errors=True)
            beside.rename(folder)
        finally:
            for network in pipeline.networks.values():
                network.float()
            shutil.rmtree(beside, ignore_errors=True)


def _write_pipeline(pipeline: PlaceDiffusionPipeline, folder: Path) -> None:
    """Writes the diffusers folder. A full disk is an OSError here, as everywhere else."""
    try:
        with _without_bars():
            pipeline.save_pretrained(folder, safe_serialization=True)
    except SafetensorError as error:
        code = re.search(r"os error (\d+)|code: (\d+)", str(error))
        number = int(code[1] or code[2]) if code else 0
        if number not in FULL_DISK:
            raise
        raise OSError(number, os.strerror(number), str(folder)) from error


@contextmanager
def _without_bars() -> Iterator[None]:
    """Within it, diffusers and transformers show no progress bars: a prior is read and written in a moment."""
    for library in (diffusers.utils.logging, transformers.utils.logging):
        library.disable_progress_bar()
    try:
        yield
    finally:
        for library in (diffusers.utils.logging, transformers.utils.logging):
            library.enable_progress_bar()


def load_cameras(path: str) -> dict[str, torch.Tensor]:
    """The training photos' cameras beside a prior: range_m, elevation_deg, frame_width_m, each [N], N at least 1."""
    file = find_prior(path) / CAMERAS_FILE
    if not file.is_file():
        raise UserError(
            f"{file} is missing: lifting draws its cameras from it; copy the prior again, or train it with this version"
        )
    try:
        table = json.loads(file.read_text(encoding="utf-8"))
        cameras = {name: torch.tensor(table[name], dtype=torch.float32) for name in CAMERAS_COLUMNS}
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise UserError(f"{file} is damaged ({error or type(error).__name__}); copy the prior again") from error
    if problem := _problem_of(cameras):
        raise UserError(f"{file} is damaged ({problem}); copy the prior again")
    return cameras


def _problem_of(cameras: dict[str, torch.Tensor]) -> str:
    """What is wrong with a table of cameras; '' if nothing is."""
    range_m, elevation_deg, frame_width_m = (cameras[name] for name in CAMERAS_COLUMNS)
    if range_m.ndim != 1 or not len(range_m):
        return "it holds no cameras"
    if not range_m.shape == elevation_deg.shape == frame_width_m.shape:
        return "its columns differ in length"
    if not all(column.isfinite().all() for column in cameras.values()):
        return "it holds what is no number"
    if not ((range_m > 0).all() and (frame_width_m > 0).all()):
        return "a range or frame width is not above 0"
    return ""

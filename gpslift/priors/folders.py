"""What a diffusers folder must hold, and which of it is missing or was only half written or downloaded."""

import json
from pathlib import Path

WEIGHTS = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.safetensors.index.json")
FILES: dict[str, tuple[tuple[str, ...], ...]] = {
    "unet": (("config.json",), WEIGHTS),
    "vae": (("config.json",), WEIGHTS),
    "text_encoder": (("config.json",), ("model.safetensors", "model.safetensors.index.json")),
    "tokenizer": (("vocab.json", "tokenizer.json"), ("merges.txt", "tokenizer.json"), ("tokenizer_config.json",)),
    "scheduler": (("scheduler_config.json",),),
}
"""Of each part, the files that it needs; of several in one group one is enough."""
PLACE_ENCODER: dict[str, tuple[tuple[str, ...], ...]] = {"place_encoder": (("config.json",), WEIGHTS)}


HALF = "fp16"
"""The variant of a base model whose weights' names say that they are in half precision."""


def half_alone(part: Path) -> bool:
    """Whether a part of a folder has weights in half precision under that name, and no others."""
    of_the_variant = any(part.glob(f"*.{HALF}.safetensors"))
    return of_the_variant and not any((part / name).is_file() for group in FILES[part.name][1:] for name in group)


def missing_files(
    folder: Path, parts: dict[str, tuple[tuple[str, ...], ...]] = FILES, variant: bool = False
) -> list[str]:
    """What a folder lacks: parts (`vae/`), their files (`unet/config.json`), shards that an index names.

    variant: weights may be `half_alone`.
    """
    missing = []
    for part, groups in parts.items():
        if not (folder / part).is_dir():
            missing.append(f"{part}/")
            continue
        groups = groups[:1] if variant and half_alone(folder / part) else groups
        lacking = [group[0] for group in groups if not any((folder / part / name).is_file() for name in group)]
        missing += [f"{part}/{name}" for name in [*dict.fromkeys(lacking), *_missing_shards(folder / part)]]
    return missing


def cut_files(folder: Path) -> list[str]:
    """Safetensors files of the folder's parts that end too early, with their sizes: half a download, or a full disk."""
    problems = []
    for file in sorted(folder.glob("*/*.safetensors")):
        size, whole = file.stat().st_size, _whole_size(file)
        if size < whole:
            problems.append(f"{file.relative_to(folder).as_posix()} ({size} of {whole} bytes)")
    return problems


def _missing_shards(part: Path) -> list[str]:
    """Files that a part's index of shards names and that are not there. A broken index is for the loader to tell."""
    missing: set[str] = set()
    for index in part.glob("*.safetensors.index.json"):
        try:
            shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        missing |= {name for name in shards if not (part / name).is_file()}
    return sorted(missing)


def _whole_size(file: Path) -> int:
    """The bytes that a safetensors file must have by its own header: 8 for its length, the header, and the tensors."""
    with open(file, "rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if file.stat().st_size < 8 + length:  # or text, such as a pointer to git-lfs
            return 8 + length
        header = opened.read(length)
    try:
        tensors = json.loads(header)
        return 8 + length + max((t["data_offsets"][1] for n, t in tensors.items() if n != "__metadata__"), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return 0  # no header at all: for the loader to tell

"""What lies beside a prior's weights: its model card, its photos' cameras, its figures. It goes where they go."""

import json
from pathlib import Path

CARD_FILE, CAMERAS_FILE = "README.md", "cameras.json"
BESIDE = (CARD_FILE, CAMERAS_FILE, "validation.json")


def read_beside(folder: Path) -> dict[str, str]:
    """The texts of those of BESIDE that the folder has, by their names."""
    return {name: (folder / name).read_text(encoding="utf-8") for name in BESIDE if (folder / name).is_file()}


def write_beside(texts: dict[str, str], folder: Path) -> None:
    """The texts as files of the folder."""
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def forget_origin(folder: Path) -> None:
    """Takes out of the configs where the networks were loaded from: this machine's paths are nobody's business."""
    for file in [folder / "model_index.json", *folder.glob("*/*.json")]:
        values = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(values, dict) and values.pop("_name_or_path", None):
            file.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")

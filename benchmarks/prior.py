"""Angle accuracy of priors, beside the judge's ceiling and the paper's: python -m benchmarks.prior [NAME=PATH ...].

PATH is the validation.json that `launch.py --config configs/angle2img_... --validate` wrote, or the folder it is in.
Without any, those of the shipped priors are read, which lie beside them. Writes docs/benchmarks.md.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.report import table, write_table
from gpslift.config import REPOSITORY, resolve_path
from gpslift.geo.landmarks import load_landmark

BINS = 36
SHIPPED = REPOSITORY / "assets" / "priors"
PAPER = [
    ["chance", f"{100 / BINS:.1f}", f"{300 / BINS:.1f}", "-", "-"],
    ["Stable Diffusion, as the paper reports it on its own data", "3.06", "-", "-", "-"],
    ["the paper's prior, on its own data", "22.36", "-", "-", "-"],
]
TEXT = """## Prior: angle accuracy

Which of 36 bins of azimuth an image looks as if taken from, by a classifier trained on photos that the prior never
saw; ten images a bin, framed as the photos are. Nearest training photo: median root mean square difference (16 x 16
pixels in [0, 1]) of generated images to their nearest training photo / the same of held-out photos; then the share of
generated images nearer than 99 % of the held-out ones, which is 1 % where nothing is copied. Written by
`python -m benchmarks.prior` from the `validation.json` of `--validate`.

"""


def shipped_figures() -> list[tuple[str, str]]:
    """The names and files of all shipped landmark priors that have figures."""
    files = sorted(SHIPPED.glob("*/validation.json"))
    return [(load_landmark(file.parent.name).title, str(file)) for file in files]


def named_path(given: str) -> tuple[str, str]:
    """The name and the path of an argument NAME=PATH."""
    name, _, path = given.partition("=")
    if not (name and path):
        raise argparse.ArgumentTypeError(f"'{given}' must be NAME=PATH")
    return name, path


def read_figures(path: str) -> dict[str, Any]:
    """What `systems.validation.validate_prior` wrote: a validation.json, or the folder that holds it."""
    file = resolve_path(path)
    file = file / "validation.json" if file.is_dir() else file
    if not file.is_file():
        raise SystemExit(f"{file} is missing; python launch.py --config <the prior's config> --validate writes it")
    figures: dict[str, Any] = json.loads(Path(file).read_text(encoding="utf-8"))
    return figures


def percents(accuracy: dict[str, Any]) -> list[str]:
    """The cells of an angle accuracy."""
    return [f"{100 * accuracy['exact']:.1f}", f"{100 * accuracy['within_one']:.1f}", str(accuracy["count"])]


def rows_of(name: str, figures: dict[str, Any]) -> list[list[str]]:
    """A prior's row, and that of its judge on photos held out from it."""
    copies = figures["memorisation"]
    nearest = f"{copies['generated']:.3f} / {copies['held_out']:.3f}; {100 * copies['close_share']:.1f} %"
    return [
        [f"**{name}**", *percents(figures["accuracy"]), nearest],
        [f"{name}: its judge on held-out photos (the ceiling)", *percents(figures["ceiling"]), "-"],
    ]


def main() -> None:
    """Reads, prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", nargs="*", type=named_path, default=shipped_figures(), metavar="NAME=PATH")
    rows = [row for name, path in parser.parse_args().figures for row in rows_of(name, read_figures(path))]
    header = ["images of", "exact %", "within one bin %", "images", "nearest training photo"]
    text = TEXT + table(header, [*PAPER, *rows])
    print(text)
    write_table("prior", text)


if __name__ == "__main__":
    main()

"""Places and words in images of city priors: python -m benchmarks.city_prior NAME=PATH [NAME=PATH ...].

PATH is the validation.json that `launch.py --config configs/gps2img_... --validate` wrote, or the folder it is in.
Writes docs/benchmarks.md.
"""

import argparse
from typing import Any

from benchmarks.prior import named_path, read_figures
from benchmarks.report import table, write_table

TEXT = """## City priors: places and words

Judges trained on photos that the priors never saw look at images asked for at places in held-out blocks of 300 m: in
which neighbourhood does it seem to be taken (share that is right), and how much does it show a word of the captions,
where that was asked for and where it was not (mean belief). Other text: a held-out photo's place with another one's
text. By chance: the share that would be right if what the judge tells had nothing to do with where the images were
asked for (the sum over neighbourhoods of their share of places times their share of answers), and kappa, how much of
what lies between that and everything is reached (Cohen, 1960): 0 for a guess, 1 for no mistake. Always the commonest:
what one would get by naming the commonest neighbourhood every time. Written by
`python -m benchmarks.city_prior NAME=<run>` from the `validation.json` of `--validate`.

"""
KINDS = ("held-out photos", "text and place", "other text", "place alone", "text alone")


def cells(shown: dict[str, Any]) -> list[str]:
    """Of one kind of image."""
    right, chance, words = shown["place"], shown["by_chance"], shown["words"]
    kappa = (right - chance) / (1 - chance)
    told = f"{100 * words['told']:.1f} / {100 * words['untold']:.1f}" if words else "-"
    return [f"{100 * right:.1f}", f"{100 * chance:.1f}", f"{kappa:.2f}", told]


def main() -> None:
    """Reads, prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", nargs="+", type=named_path, metavar="NAME=PATH")
    rows = []
    for name, path in parser.parse_args().figures:
        figures = read_figures(path)
        rows += [[f"**{name}**, always the commonest", f"{100 * figures['commonest']:.1f}", "-", "-", "-"]]
        rows += [[f"{name}: {kind}", *cells(figures["shown"][kind])] for kind in KINDS]
    text = TEXT + table(["images of", "neighbourhood %", "by chance %", "kappa", "words asked for / not, %"], rows)
    print(text)
    write_table("city_prior", text)


if __name__ == "__main__":
    main()

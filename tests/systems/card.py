"""The code that the card of a prior tells its users to run."""

import textwrap
from pathlib import Path
from typing import Any


def run_card(prior: Path) -> list[Any]:
    """The images that the last line of the card's code makes, run as it stands there but for the folder's name."""
    lines = (prior / "README.md").read_text().splitlines()
    code = [line for line in lines if line.startswith("    ")]
    assert lines[-len(code) :] == code, "the code is one block at the card's end"
    *before, last = textwrap.dedent("\n".join(code)).replace("<this folder>", str(prior)).splitlines()
    names: dict[str, Any] = {}
    exec("\n".join(before), names)
    return list(eval(last, names))

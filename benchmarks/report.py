"""Tables of measurements, put into docs/ between markers, so that a rerun replaces its own table."""

import os
import platform
from pathlib import Path

import torch

REPORT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
HEADING = (
    "# Benchmarks\n\nA table under a text that names a script is written by it; the others were put together from "
    "runs' figures.\n"
)


def write_table(section: str, markdown: str, report: Path = REPORT) -> None:
    """Puts `markdown` between the markers `<!-- section:begin -->` and `<!-- section:end -->` of the report.

    Creates the file, and the markers at its end, where they are missing. Nothing outside the markers changes.
    """
    begin, end = f"<!-- {section}:begin -->", f"<!-- {section}:end -->"
    text = report.read_text(encoding="utf-8") if report.exists() else HEADING
    block = f"{begin}\n{markdown.strip()}\n{end}"
    if begin in text and end in text:
        head, _, rest = text.partition(begin)
        text = head + block + rest.partition(end)[2]
    else:
        text = f"{text.rstrip()}\n\n{block}\n"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(text, encoding="utf-8")


def table(header: list[str], rows: list[list[str]]) -> str:
    """A markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def machine() -> str:
    """The machine in words: processor, cores this process may use, load, threads, versions."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{platform.machine()}, {cores} cores usable, {torch.get_num_threads()} threads{load}; "
        f"Python {platform.python_version()}, torch {torch.__version__}"
    )

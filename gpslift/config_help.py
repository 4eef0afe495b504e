"""Lists every key of a config with type, value, allowed values and meaning."""

import dataclasses
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from gpslift.config import Key, schema_keys
from gpslift.schema.run import RunConfig


@dataclasses.dataclass(frozen=True)
class KeyRow:
    """One row of the list, all as text. A group's row has a name such as 'optim.*', a meaning, and nothing else."""

    name: str
    type: str
    value: str
    allowed: str
    help: str


def describe_keys(config: RunConfig | type[RunConfig]) -> list[KeyRow]:
    """One row per key, in the order of the schema, and one above each group of them.

    `value` is the config's own, or the default for a class.
    """
    return list(_rows(config() if isinstance(config, type) else config))


def print_keys(config: RunConfig | type[RunConfig], file: TextIO | None = None) -> None:
    """Prints the list: indented to be read on a terminal, else one line per row with tabs between the columns."""
    file = file or sys.stdout
    rows = describe_keys(config)
    if not file.isatty():
        for row in rows:
            print(row.name, row.type, row.value, row.allowed, row.help, sep="\t", file=file)
        return
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(file=file)
    for row in rows:
        if not row.type:
            console.print(Text(f"\n{row.name}  {row.help}", style="bold", overflow="fold"))
            continue
        expected = f"  ({', '.join(filter(None, [row.type, row.allowed]))})"
        line = Text.assemble((row.name, "bold"), f" = {row.value}", (expected, "dim"), overflow="fold")
        console.print(Padding(line, (0, 0, 0, 2)))
        console.print(Padding(Text(row.help, overflow="fold"), (0, 0, 0, 6)))


def _rows(config: Any, prefix: str = "") -> Iterator[KeyRow]:
    keys = {key.name: key for key in schema_keys(config, prefix)}
    for field in dataclasses.fields(config):
        name = prefix + field.name
        if name in keys:
            yield _row(keys[name])
        else:
            yield KeyRow(f"{name}.*", "", "", "", field.metadata["help"])
            yield from _rows(getattr(config, field.name), f"{name}.")


def _row(key: Key) -> KeyRow:
    return KeyRow(key.name, key.type_name, _as_text(key.value), key.allowed, key.help)


def _as_text(value: object) -> str:
    if isinstance(value, list):
        return f"[{','.join(_as_text(part) for part in value)}]"
    return "''" if value == "" else str(value)

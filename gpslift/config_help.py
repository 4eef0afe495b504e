"""Lists every key of a config with type, value, allowed values and meaning."""

import sys
from dataclasses import dataclass
from typing import TextIO

from gpslift.config import schema_keys
from gpslift.schema.run import RunConfig


@dataclass(frozen=True)
class KeyRow:
    """One row of the list, all as text."""

    name: str
    type: str
    value: str
    allowed: str
    help: str


def describe_keys(config: RunConfig | type[RunConfig]) -> list[KeyRow]:
    """One row per key, in the order of the schema; `value` is the config's own, or the default for a class."""
    instance = config() if isinstance(config, type) else config
    return [
        KeyRow(key.name, key.type_name, _as_text(key.value), key.allowed, key.help) for key in schema_keys(instance)
    ]


def print_keys(config: RunConfig | type[RunConfig], file: TextIO | None = None) -> None:
    """Prints the list: a table on a terminal, else one line per key with tabs between the columns."""
    file = file or sys.stdout
    rows = describe_keys(config)
    if not file.isatty():
        for row in rows:
            print(row.name, row.type, row.value, row.allowed, row.help, sep="\t", file=file)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("key", "type", "value", "allowed", "meaning", box=None, padding=(0, 1))
    for row in rows:
        table.add_row(*(Text(part) for part in (row.name, row.type, row.value, row.allowed, row.help)))
    Console(file=file).print(table)


def _as_text(value: object) -> str:
    if isinstance(value, list):
        return f"[{','.join(_as_text(part) for part in value)}]"
    return "''" if value == "" else str(value)

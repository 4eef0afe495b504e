"""Data files of named entries, each the fields of one dataclass: read, converted and checked."""

import math
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from gpslift.errors import UserError

CITIES_FILE = Path(__file__).with_name("cities.yaml")
Point = tuple[float, float, float]


@cache
def read_entries(file: Path) -> dict[str, Any]:
    """All entries of a data file, in its order."""
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def find_entry(word: str, name: str, file: Path, remedy: str = "") -> Any:
    """The entry of that name. `word`: what an entry is called, such as 'landmark'.

    UserError, with `remedy`, if there is none.
    """
    entries = read_entries(file)
    if name not in entries:
        raise UserError(
            f"unknown {word} '{name}'; known: {', '.join(entries)}. {remedy}"
            f"To add one, copy an entry of gpslift/geo/{file.name}, whose head explains each field"
        )
    return entries[name]


def fields_of_entry(word: str, name: str, entry: Any, cls: type, file: Path) -> dict[str, Any]:
    """The fields of a dataclass, but its `name`, from one entry: a str, a float or a Point each.

    UserError names a missing, unknown or mistyped field.
    """
    if not isinstance(entry, dict):
        raise UserError(f"{word} {name}: its entry in {file.name} must be a list of fields")
    kinds = {item.name: item.type for item in fields(cls) if item.name != "name"}
    if missing := kinds.keys() - entry.keys():
        raise UserError(f"{word} {name}: missing {', '.join(sorted(missing))} in {file.name}")
    if unknown := entry.keys() - kinds.keys():
        raise UserError(f"{word} {name}: unknown field {', '.join(sorted(map(str, unknown)))} in {file.name}")
    return {key: _convert(f"{word} {name}: {key}", kind, entry[key]) for key, kind in kinds.items()}


def _convert(what: str, kind: Any, value: Any) -> Any:
    """The value as a str, a finite float, or a Point, as the field demands."""
    try:
        if kind is str:
            return str(value)
        numbers = [float(item) for item in (value if kind == Point else [value])]
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{what} cannot be read from {value!r}; numbers have a point, degrees are decimal, negative in the south "
            "and west, such as -33.8568"
        ) from error
    if not all(map(math.isfinite, numbers)) or len(numbers) != (3 if kind == Point else 1):
        raise UserError(f"{what} cannot be read from {value!r}")
    return tuple(numbers) if kind == Point else numbers[0]

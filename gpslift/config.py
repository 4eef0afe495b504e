"""Reads a config: YAML files and `key=value` overrides, typed and checked by the dataclasses of `gpslift.schema`.

Every value, from a file or from the command line, reaches this module as text and is typed by the schema, so that
`name=no` is a name, `lr=1e-3` a number and `azimuth=0,45` a list wherever they stand. A file may begin with
`extends: other.yaml` (relative to itself) and then holds only what differs. This module imports no torch.
"""

import dataclasses
import difflib
import math
import typing
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gpslift.config_checks import check_together
from gpslift.errors import UserError
from gpslift.schema import SYSTEMS, RunConfig

REPOSITORY = Path(__file__).resolve().parents[1]
TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


@dataclass(frozen=True)
class Key:
    """One key of a schema. `type` is int, float, bool, str or a list of one of them; `owner` holds it under `field`."""

    name: str
    type: Any
    default: Any
    low: float | None
    high: float | None
    choices: tuple[Any, ...]
    help: str
    owner: Any
    field: str

    @property
    def is_list(self) -> bool:
        return typing.get_origin(self.type) is list

    @property
    def item_type(self) -> type:
        """The type of one element (of a list), or of the value itself."""
        return typing.get_args(self.type)[0] if self.is_list else self.type

    @property
    def type_name(self) -> str:
        return f"list of {self.item_type.__name__}" if self.is_list else self.item_type.__name__

    @property
    def allowed(self) -> str:
        """The allowed values in words: '0 to 1', 'at least 1', 'lift or image_prior', or ''."""
        if self.choices:
            return " or ".join(str(choice) for choice in self.choices)
        low, high = (None if bound is None else f"{bound:g}" for bound in (self.low, self.high))
        if low is not None and high is not None:
            return f"{low} to {high}"
        return f"at least {low}" if low is not None else f"at most {high}" if high is not None else ""


@dataclass(frozen=True)
class Given:
    """What somebody wrote for a key: text, or a list of texts, and where it stands."""

    value: Any
    source: str


def resolve_path(path: str | Path) -> Path:
    """An existing file or folder, looked for from the working directory, then from the repository's root.

    If it is in neither, the path from the working directory is returned, so that an error names what the user wrote.
    """
    given = Path(path).expanduser()
    inside_repository = REPOSITORY / given
    return inside_repository if not given.exists() and inside_repository.exists() else given


def schema_keys(config: Any, prefix: str = "") -> Iterator[Key]:
    """All keys of a config (an instance of a schema), depth first, in the order of the schema."""
    types = typing.get_type_hints(type(config))
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from schema_keys(value, f"{prefix}{field.name}.")
        else:
            about = field.metadata
            yield Key(
                name=prefix + field.name,
                type=types[field.name],
                default=value,
                low=about["low"],
                high=about["high"],
                choices=about["choices"],
                help=about["help"],
                owner=config,
                field=field.name,
            )


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> RunConfig:
    """The config in file `path` with `key=value` overrides: an instance of the schema that its `system` key names.

    Raises UserError for a missing or unreadable file, an unknown key (with the nearest right one), a value of the wrong
    type or outside its range, and values that do not fit each other.
    """
    given = read_file(resolve_path(path))
    for override in overrides:
        name, equals, value = override.partition("=")
        if not equals or not name.strip():
            raise UserError(f"'{override}' on the command line is not of the form key=value, as in optim.steps=100")
        given[name.strip()] = Given(value.strip(), "on the command line")
    config = _schema_of(given, str(path))()
    fill(config, given)
    check_together(config)
    return config


def read_file(path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Given]:
    """What a YAML file says, after what the file that it extends says: {dotted key: value and source}."""
    if path.resolve() in seen:
        raise UserError(f"{path}: 'extends' leads back to this file")
    if not path.is_file():
        there = sorted(str(file.relative_to(REPOSITORY)) for file in (REPOSITORY / "configs").rglob("*.yaml"))
        raise UserError(f"no config file {path}; the repository has {', '.join(there)}")
    try:
        tree = yaml.load(path.read_text(encoding="utf-8"), Loader=_TextLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not readable as YAML: {' '.join(str(error).split())}") from error
    if tree is not None and not isinstance(tree, dict):
        raise UserError(f"{path}: a config consists of 'key: value' lines")
    tree = tree or {}
    base = tree.pop("extends", "")
    given = read_file(path.parent / base, (*seen, path.resolve())) if base else {}
    return given | dict(_flatten(tree, f"in {path}"))


def fill(config: Any, given: dict[str, Given]) -> None:
    """Sets the given values in `config`, each typed and checked by its key."""
    keys = {key.name: key for key in schema_keys(config)}
    groups = {name.rpartition(".")[0] for name in keys} - {""}
    for name, wanted in given.items():
        if name in keys:
            setattr(keys[name].owner, keys[name].field, convert(keys[name], wanted))
        elif name in groups and wanted.value in ("", []):
            continue  # a group's heading with nothing below it
        elif name in groups:
            inside = ", ".join(other for other in keys if other.startswith(f"{name}."))
            raise UserError(f"'{name}' {wanted.source} is a group of keys and takes no value; its keys: {inside}")
        else:
            raise UserError(f"unknown key '{name}' {wanted.source}; {_nearest(name, keys)}")


def convert(key: Key, given: Given) -> Any:
    """The given text as the key's type, checked against its range. Raises UserError."""
    if not key.is_list:
        return _convert_one(key, given.value, given.source)
    parts = given.value
    if isinstance(parts, str):
        text = parts.removeprefix("[").removesuffix("]")
        parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise UserError(f"{key.name} {given.source} is empty; it takes a list such as {_as_text(key.default)}")
    return [_convert_one(key, part, given.source) for part in parts]


def as_dict(config: Any) -> dict[str, Any]:
    """The config as nested dicts of plain types."""
    return dataclasses.asdict(config)


def save_config(config: RunConfig, path: Path) -> None:
    """Writes every key of the config; `load_config(path)` gives an equal config."""
    path.write_text(yaml.safe_dump(as_dict(config), sort_keys=False, allow_unicode=True), encoding="utf-8")


def differences(before: RunConfig, after: RunConfig) -> list[str]:
    """The keys that differ between two configs of one system, as 'optim.lr 0.01 -> 0.02'."""
    old = {key.name: key.default for key in schema_keys(before)}
    new = {key.name: key.default for key in schema_keys(after)}
    return [f"{name} {old.get(name)} -> {value}" for name, value in new.items() if old.get(name) != value]


def _convert_one(key: Key, text: Any, source: str) -> Any:
    if not isinstance(text, str):
        raise UserError(f"{key.name} {source} must be one {key.item_type.__name__}, not {_as_text(text)}")
    value = _parse(key.item_type, text)
    if value is None:
        allowed = f" ({key.allowed})" if key.allowed else ""
        raise UserError(f"{key.name}={text} {source} is not a {_WORDS[key.item_type]}{allowed}")
    too_low = key.low is not None and value < key.low
    too_high = key.high is not None and value > key.high
    if too_low or too_high or (key.choices and value not in key.choices):
        raise UserError(f"{key.name}={text} {source} is not allowed; it must be {key.allowed}")
    return value


_WORDS = {int: "whole number", float: "number", bool: "yes or no", str: "text"}


def _parse(kind: type, text: str) -> Any:
    """`text` as an int, float, bool or str; None where it is none."""
    if kind is str:
        return text
    if kind is bool:
        return True if text.lower() in TRUE else False if text.lower() in FALSE else None
    try:
        number = float(text)
        whole = int(text) if kind is int and text.lstrip("+-").isdigit() else None
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    if kind is float:
        return number
    return whole if whole is not None else int(number) if number.is_integer() else None


def _schema_of(given: dict[str, Given], path: str) -> type[RunConfig]:
    system = given.get("system")
    if system is None:
        raise UserError(f"{path} has no key 'system', which says what kind of job it is: {' or '.join(SYSTEMS)}")
    if system.value not in SYSTEMS:
        raise UserError(f"system={_as_text(system.value)} {system.source} is not one of {', '.join(SYSTEMS)}")
    return SYSTEMS[system.value]


def _flatten(tree: dict[str, Any], source: str, prefix: str = "") -> Iterator[tuple[str, Given]]:
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _flatten(value, source, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", Given(value or "", source)


def _nearest(name: str, keys: Iterable[str]) -> str:
    """Advice on an unknown key: keys of the same last part first, then keys spelt alike."""
    keys = list(keys)
    last = name.rpartition(".")[2]
    same = [key for key in keys if key.rpartition(".")[2] == last]
    alike = same or difflib.get_close_matches(name, keys, n=1, cutoff=0.6)
    if not alike:
        lasts = difflib.get_close_matches(last, [key.rpartition(".")[2] for key in keys], n=1, cutoff=0.6)
        alike = [key for key in keys if key.rpartition(".")[2] in lasts]
    return f"did you mean {' or '.join(alike)}?" if alike else "--keys lists every key"


def _as_text(value: Any) -> str:
    return f"[{','.join(map(str, value))}]" if isinstance(value, list) else str(value)


class _TextLoader(yaml.BaseLoader):
    """Leaves every scalar as text, and refuses a key that stands twice in one group."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [getattr(key, "value", None) for key, _ in node.value]
        twice = {str(name) for name in names if names.count(name) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{', '.join(twice)} stands twice", node.start_mark)
        return super().construct_mapping(node, deep=deep)

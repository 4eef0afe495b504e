"""Reads a config: YAML files and `key=value` overrides, merged by OmegaConf into the dataclasses of `gpslift.schema`.

Every value, from a file or from the command line, is text until the schema types it, so that `name=no` is a name,
`lr=1e-3` a number and `azimuth=0,45` a list wherever they stand. A file may begin with `extends: other.yaml` (relative
to itself) and then holds only what differs. Where `prior.base` is set, `gpslift.schema.finetuning` holds beneath it.
This module imports no torch.
"""

import contextlib
import dataclasses
import math
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException, ValidationError

from gpslift.config_advice import advice_on_file, advice_on_key
from gpslift.config_checks import check_together
from gpslift.errors import UserError
from gpslift.schema import SYSTEMS
from gpslift.schema.finetuning import FINETUNING
from gpslift.schema.own_photos import OWN_PHOTOS
from gpslift.schema.run import RunConfig
from gpslift.storage import replace_text

REPOSITORY = Path(__file__).resolve().parents[1]
IN_WORDS = {int: "a whole number", float: "a number", bool: "yes or no", str: "text"}


@dataclass(frozen=True)
class Key:
    """One key of a config, its value there, and what the schema says of it: see `gpslift.schema.keys`."""

    name: str
    type: Any
    value: Any
    help: str
    low: float | None
    high: float | None
    choices: tuple[Any, ...]
    may_be_empty: bool

    @property
    def is_list(self) -> bool:
        return typing.get_origin(self.type) is list

    @property
    def item_type(self) -> type:
        """The type of one element (of a list), or of the value itself: int, float, bool or str."""
        return typing.get_args(self.type)[0] if self.is_list else self.type

    @property
    def type_name(self) -> str:
        return f"list of {self.item_type.__name__}" if self.is_list else self.item_type.__name__

    @property
    def allowed(self) -> str:
        """The allowed values in words: '0 to 1', 'at least 1', 'lift or image_prior', or ''."""
        if self.choices:
            return " or ".join(map(str, self.choices))
        if self.low is not None and self.high is not None:
            return f"{self.low:.10g} to {self.high:.10g}"
        return f"at least {self.low:g}" if self.low is not None else ""

    @property
    def expected(self) -> str:
        """What a value must be: 'a number, 0 to 1', 'lift or image_prior', 'yes or no'."""
        parts = [self.allowed] if self.choices else [IN_WORDS[self.item_type], self.allowed]
        return ", ".join(filter(None, parts))

    def allows(self, value: Any) -> bool:
        """Whether one value, or one element of a list, is finite, inside the range and among the choices."""
        if isinstance(value, float) and not math.isfinite(value):
            return False
        inside = (self.low is None or value >= self.low) and (self.high is None or value <= self.high)
        return inside and (not self.choices or value in self.choices)


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
            yield Key(prefix + field.name, types[field.name], value, **field.metadata)


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> RunConfig:
    """The config in file `path` with `key=value` overrides: an instance of the schema that its `system` key names.

    Raises UserError for a missing or unreadable file, an unknown key (with the nearest right one, or the system that
    knows it), a value of the wrong type or outside its range, and values that do not fit each other.
    """
    given = _over(read_file(resolve_path(path)), _read_overrides(overrides))
    config = merge(_schema_of(given, path), given)
    check_together(config)
    return config


def read_file(path: Path, seen: tuple[Path, ...] = ()) -> dict[str, Given]:
    """What a YAML file says, over what the file that it extends says: {dotted key: value and source}."""
    if path.resolve() in seen:
        raise UserError(f"{path}: 'extends' leads back to this file")
    if not path.is_file() and seen:
        raise UserError(f"{seen[-1]}: 'extends' names {path}, which is not there; paths start from this file's folder")
    if not path.is_file():
        there = sorted(str(file.relative_to(REPOSITORY)) for file in (REPOSITORY / "configs").rglob("*.yaml"))
        raise UserError(f"no config file {path}; {advice_on_file(str(path), there)}")
    tree = read_yaml(path, str(path)) or {}
    if not isinstance(tree, dict):
        raise UserError(f"{path}: a config consists of 'key: value' lines")
    base = tree.pop("extends", "")
    if not isinstance(base, str):
        raise UserError(f"{path}: 'extends' takes the path of one config, not {base}")
    given = read_file(path.parent / base, (*seen, path.resolve())) if base else {}
    if beside := _landmark_beside(path, tree.get("landmark")):
        tree["landmark"] = beside
    return _over(given, {name: Given(value, f"in {path}") for name, value in _leaves(tree)})


def read_yaml(path: Path, name: str) -> Any:
    """What a YAML file says, every value as the text that it is. UserError, with its `name`, where it is not YAML."""
    try:
        tree = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
        if isinstance(tree, dict):
            OmegaConf.load(path)  # refuses a key that stands twice, and aliases without end
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{name} is not readable as YAML: {' '.join(str(error).split())}") from error
    return tree


def _read_overrides(overrides: Sequence[str]) -> dict[str, Given]:
    """What the command line says, as `read_file`. Raises UserError for what is not key=value."""
    given = {}
    for override in overrides:
        name, equals, value = override.partition("=")
        if not equals or not name.strip():
            raise UserError(f"'{override}' on the command line is not of the form key=value, as in optim.steps=100")
        given[name.strip()] = Given(value.strip(), "on the command line")
    return given


def _over(below: dict[str, Given], above: dict[str, Given]) -> dict[str, Given]:
    """Two layers as one. Between them comes what finetuning needs, where the upper one says what to finetune, or what
    photos of one's own need, where it says where they are."""
    given = below | above
    if _finetunes(above) and not _finetunes(below):
        return given | _implied(FINETUNING, "prior.base", above)
    if _has_own_photos(above) and not _has_own_photos(below) and not _finetunes(given):
        return given | _implied(OWN_PHOTOS, "data.photos", above)
    return given


def _implied(settings: dict[str, str], key: str, above: dict[str, Given]) -> dict[str, Given]:
    """Settings that go with a key, as far as the layer that sets it does not set them, too."""
    source = f"by default where {key} is set"
    return {name: Given(value, source) for name, value in settings.items() if name not in above}


def _finetunes(given: dict[str, Given]) -> bool:
    """Whether this trains a pretrained model."""
    return "prior.base" in given and given["prior.base"].value != "compact"


def _has_own_photos(given: dict[str, Given]) -> bool:
    """Whether this trains on a folder of photos."""
    return "data.photos" in given and given["data.photos"].value != "embedded"


def _landmark_beside(path: Path, landmark: Any) -> str:
    """The absolute path of a landmark's file that a config names and that lies beside it, as in a run folder, or ''."""
    if not isinstance(landmark, str) or not landmark.lower().endswith((".yaml", ".yml")):
        return ""
    file = path.parent / landmark
    return str(file.resolve()) if file.is_file() else ""


def merge(schema: type[RunConfig], given: dict[str, Given]) -> RunConfig:
    """The schema's defaults with the given values over them, each typed and checked by its key."""
    keys = {key.name: key for key in schema_keys(schema())}
    config = OmegaConf.structured(schema)
    for name, wanted in given.items():
        inside = ", ".join(other for other in keys if other.startswith(f"{name}."))
        if name in keys:
            _set(config, keys[name], wanted)
        elif not inside:
            knowing = [system for system in SYSTEMS if name in _names(SYSTEMS[system])]
            advice = advice_on_key(name, list(keys), keys["system"].value, knowing)
            raise UserError(f"unknown key '{name}' {wanted.source}; {advice}")
        elif wanted.value:  # else the heading of a group with nothing below it
            raise UserError(f"'{name}' {wanted.source} is a group of keys and takes no value; its keys: {inside}")
    try:
        merged = OmegaConf.to_object(config)
    except OmegaConfBaseException as error:
        raise UserError(f"{error.full_key}: {error.msg}") from error  # a reference, ${...}, to nothing
    assert isinstance(merged, RunConfig)
    for key in schema_keys(merged):
        for value in key.value if key.is_list else [key.value]:
            if not key.allows(value):
                raise UserError(f"{key.name}={value} {given[key.name].source} must be {key.expected}")
    return merged


def _names(schema: type[RunConfig]) -> list[str]:
    """The keys of a schema."""
    return [key.name for key in schema_keys(schema())]


def save_config(config: RunConfig, path: Path) -> None:
    """Writes every key of the config; `load_config(path)` gives an equal config."""
    replace_text(path, OmegaConf.to_yaml(OmegaConf.structured(config)))


def differences(before: RunConfig, after: RunConfig) -> list[str]:
    """The keys that differ between two configs of one system, as 'optim.lr 0.01 -> 0.02'."""
    pairs = zip(schema_keys(before), schema_keys(after), strict=True)
    return [f"{old.name} {old.value} -> {new.value}" for old, new in pairs if old.value != new.value]


def _set(config: DictConfig, key: Key, given: Given) -> None:
    """Puts the given text into `config`, as the type that the schema says. Raises UserError for text of another."""
    value = given.value
    if key.is_list and isinstance(value, str):
        parts = value.removeprefix("[").removesuffix("]").split(",")
        value = [part.strip() for part in parts if part.strip()]
    if key.is_list and not value and key.value and not key.may_be_empty:
        raise UserError(f"{key.name} {given.source} is empty; it takes a list such as {key.value}")
    if key.item_type is int:
        value = [_whole(part) for part in value] if isinstance(value, list) else _whole(value)
    try:
        OmegaConf.update(config, key.name, value, merge=False)
    except ValidationError as error:
        wrong = value[error.key] if key.is_list and isinstance(error.key, int) else value
        raise UserError(f"{key.name}={wrong} {given.source} must be {key.expected}") from error
    except OmegaConfBaseException as error:
        raise UserError(f"{key.name}={value} {given.source}: {error}") from error


def _whole(text: Any) -> Any:
    """'1e4' as 10000, which OmegaConf would refuse as a whole number; all else as it is."""
    with contextlib.suppress(ValueError, TypeError):
        if float(text).is_integer() and not text.isdigit():
            return int(float(text))
    return text


def _schema_of(given: dict[str, Given], path: str | Path) -> type[RunConfig]:
    system = given.get("system")
    if system is None:
        raise UserError(f"{path} has no key 'system', which says what kind of job it is: {' or '.join(SYSTEMS)}")
    if str(system.value) not in SYSTEMS:
        raise UserError(f"system={system.value} {system.source} is not one of {', '.join(SYSTEMS)}")
    return SYSTEMS[system.value]


def _leaves(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of all that is no group."""
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value

"""How a key of a config is written: its default, meaning and allowed values, on a dataclass's field."""

from dataclasses import field
from typing import Any


def key(
    default: Any,
    text: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple = (),
    may_be_empty: bool = False,
) -> Any:
    """One config key. `low`, `high` (inclusive) and `choices` (all values allowed) hold for each element of a list.

    may_be_empty: a list that has values by default; one that has none may always be.
    """
    metadata = {"help": text, "low": low, "high": high, "choices": choices, "may_be_empty": may_be_empty}
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def section(cls: type, text: str, **overrides: Any) -> Any:
    """A nested group of keys, with other defaults for some of them."""
    return field(default_factory=lambda: cls(**overrides), metadata={"help": text})

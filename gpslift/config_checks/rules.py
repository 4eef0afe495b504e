"""Kinds of rules that several keys share. A rule: whether it holds, and what to say if not."""

from collections.abc import Iterator, Sequence
from operator import attrgetter

from gpslift.schema.run import RunConfig

Rules = Iterator[tuple[bool, str]]


def left_alone(config: RunConfig, names: Sequence[str], needed: str, given: bool) -> Rules:
    """Keys that do nothing without what they need, which is given or not: then they must be left at their defaults."""
    unset = type(config)()
    for name in names:
        value, default = attrgetter(name)(config), attrgetter(name)(unset)
        yield (given or value == default, f"{name}={value} needs {needed}; leave it out, or set {name}={default}")


def left_open(name: str, value: float, meaning: str) -> Rules:
    """A key that takes numbers from 0 on, or -1. meaning: of -1."""
    yield (value == -1 or value >= 0, f"{name}={value:g} must be at least 0, or -1, which stands {meaning}")

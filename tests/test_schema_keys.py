"""Every key of the schema is read somewhere: checked on the source code, without running it."""

import ast
import dataclasses
from collections.abc import Iterator

import pytest

from gpslift.config import REPOSITORY
from gpslift.schema import SYSTEMS

SOURCES = [
    path
    for folder in ("gpslift", "systems", "renderers")
    for path in sorted((REPOSITORY / folder).rglob("*.py"))
    if not {"schema", "config_checks"} & set(path.parts)  # to check a value is not to use it
]


@dataclasses.dataclass(frozen=True)
class Reads:
    """What code reads: attributes as (name of what they are of, name), such as ("optim", "steps").

    A section may also be handed over as keyword arguments. sections: the names of those on which `vars` is called.
    parameters: of all functions, those that their bodies use.
    """

    attributes: frozenset[tuple[str, str]]
    sections: frozenset[str]
    parameters: frozenset[str]


def last_name(node: ast.expr) -> str:
    """`steps` of `self.config.optim.steps`; '' of what has no name."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def aliases(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(a, optim) for each `a = config.optim`, also in tuples, and (a, LiftConfig) for each `a: LiftConfig`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                pairs = [(target, node.value)]
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = list(zip(target.elts, node.value.elts, strict=False))
                yield from ((last_name(left), last_name(right)) for left, right in pairs)
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
            name = node.arg if isinstance(node, ast.arg) else last_name(node.target)
            yield from ((name, last_name(part)) for part in ast.walk(node.annotation) if isinstance(part, ast.expr))


def reads_of(sources: list[str]) -> Reads:
    """What some files' texts read."""
    attributes, sections, parameters = set(), set(), set()
    for source in sources:
        tree = ast.parse(source)
        known: dict[str, set[str]] = {}
        for name, meaning in aliases(tree):
            known.setdefault(name, set()).add(meaning)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                owner = last_name(node.value)
                attributes |= {(meaning, node.attr) for meaning in {owner, *known.get(owner, set())}}
            if isinstance(node, ast.Call) and last_name(node.func) == "vars":
                sections |= {last_name(argument) for argument in node.args}
            if isinstance(node, ast.FunctionDef):
                used = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
                parameters |= {part.arg for part in [*node.args.args, *node.args.kwonlyargs]} & used
    return Reads(frozenset(attributes), frozenset(sections), frozenset(parameters))


def unread(schema: type, reads: Reads, section: str = "config", path: str = "") -> Iterator[str]:
    """Full names of the keys of a schema that no code reads as `<section>.<key>`, or takes with the whole section."""
    for field in dataclasses.fields(schema):
        default = field.default_factory() if field.default_factory is not dataclasses.MISSING else None
        if dataclasses.is_dataclass(default):
            yield from unread(type(default), reads, field.name, f"{path}{field.name}.")
            continue
        whole = section in reads.sections
        read = any((owner, field.name) in reads.attributes for owner in (section, schema.__name__, "config"))
        if not read and not (whole and field.name in reads.parameters):
            yield path + field.name


@pytest.fixture(scope="module")
def reads() -> Reads:
    return reads_of([path.read_text() for path in SOURCES])


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_key_is_read(system: str, reads: Reads) -> None:
    assert list(unread(SYSTEMS[system], reads)) == []


@dataclasses.dataclass
class Part:
    used: int = 1
    handed_over: int = 2
    forgotten: int = 3


@dataclasses.dataclass
class Whole:
    part: Part = dataclasses.field(default_factory=Part)
    seed: int = 0
    nobody_asks: int = 0


KEYS = {"part.used", "part.handed_over", "part.forgotten", "seed", "nobody_asks"}


@pytest.mark.parametrize(
    ("source", "read"),
    [
        ("", set()),
        ("print(config.part.used, config.seed)", {"part.used", "seed"}),
        ("a, b = self.config.part, 3\nprint(a.used, other.forgotten)", {"part.used"}),
        ("def f(given: Part):\n    print(given.used)", {"part.used"}),
        ("f(**vars(config.part))\ndef f(*, used, handed_over, forgotten): print(used)", {"part.used"}),
        ("def f(*, used): print(used)", set()),
        ("config.part.used = 3", set()),
    ],
)
def test_what_counts_as_reading(source: str, read: set[str]) -> None:
    assert set(unread(Whole, reads_of([source]))) == KEYS - read

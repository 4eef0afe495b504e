"""Every key of the schema is read somewhere: found in the source, without running it.

A read is `<section>.<key>`, where the section is the attribute of that name, or a name that stands for it: assigned
from it, alone or in a tuple, or annotated with its class. `vars()` or `asdict()` of a section reads all of its keys.
"""

import ast
import dataclasses
from collections.abc import Iterator

import pytest

from gpslift.config import REPOSITORY
from gpslift.schema import SYSTEMS

PACKAGES = ("gpslift", "systems")
NO_READERS = ("gpslift/schema", "gpslift/config.py", "gpslift/config_checks.py", "gpslift/config_help.py")
CONFIGS = {"config", "trained", "its"}
"""Names that stand for a whole config beside those annotated with its class."""


def classes(schema: type) -> Iterator[tuple[str, type]]:
    """(section, class) of a schema and of all its sections; the root's section is ''."""
    yield "", schema
    for field in dataclasses.fields(schema):
        value = field.default_factory() if field.default_factory is not dataclasses.MISSING else None
        if dataclasses.is_dataclass(value):
            for inner, cls in classes(type(value)):
                yield inner or field.name, cls


def sources() -> Iterator[ast.Module]:
    for package in PACKAGES:
        for path in sorted((REPOSITORY / package).rglob("*.py")):
            if not str(path.relative_to(REPOSITORY)).startswith(NO_READERS):
                yield ast.parse(path.read_text(encoding="utf-8"))


def last_name(node: ast.AST) -> str:
    """`c` of `a.b.c`, and of `c`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def pairs(function: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """(name, what it is assigned from) of all assignments, tuples taken apart."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    yield from zip(map(last_name, target.elts), node.value.elts, strict=True)
                else:
                    yield last_name(target), node.value


def annotated(function: ast.AST) -> Iterator[tuple[str, str]]:
    """(name, class) of annotated arguments and attributes."""
    for node in ast.walk(function):
        if isinstance(node, ast.arg) and node.annotation is not None:
            yield node.arg, last_name(node.annotation)
        elif isinstance(node, ast.AnnAssign):
            yield last_name(node.target), last_name(node.annotation)


def reads(module: ast.Module, sections: dict[str, str]) -> set[tuple[str, str]]:
    """(section, key) read in a module; key `*` for all. sections: of each class's name."""
    found: set[tuple[str, str]] = set()
    for function in ast.walk(module):
        if not isinstance(function, ast.FunctionDef | ast.ClassDef):
            continue
        stands_for = {name: {name} for name in sections.values()} | {name: {""} for name in CONFIGS}
        for name, cls in annotated(function):
            if cls in sections:
                stands_for.setdefault(name, set()).add(sections[cls])
        for name, value in pairs(function):
            stands_for.setdefault(name, set()).update(stands_for.get(last_name(value), ()))
        for node in ast.walk(function):
            if isinstance(node, ast.Attribute):
                found |= {(section, node.attr) for section in stands_for.get(last_name(node.value), ())}
            elif isinstance(node, ast.Call) and last_name(node.func) in ("vars", "asdict") and node.args:
                found |= {(section, "*") for section in stands_for.get(last_name(node.args[0]), ())}
    return found


def unread(schema: type, modules: list[ast.Module]) -> set[str]:
    """Keys of a schema that no module reads, `section.key`."""
    sections = {cls.__name__: section for section, cls in classes(schema)}
    found = set().union(*(reads(module, sections) for module in modules))
    return {
        f"{section}.{field.name}".lstrip(".")
        for section, cls in classes(schema)
        for field in dataclasses.fields(cls)
        if (section, field.name) not in found and (section, "*") not in found
    }


@pytest.fixture(scope="module")
def modules() -> list[ast.Module]:
    return list(sources())


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_key_is_read_somewhere(system: str, modules: list[ast.Module]) -> None:
    assert not unread(SYSTEMS[system], modules)


def test_the_finder_sees_every_form_and_misses_what_is_missing() -> None:
    @dataclasses.dataclass
    class Inner:
        a: int = 0
        b: int = 0
        c: int = 0
        d: int = 0

    @dataclasses.dataclass
    class Other:
        a: int = 0
        b: int = 0

    @dataclasses.dataclass
    class Root:
        top: int = 0
        forgotten: int = 0
        part: Inner = dataclasses.field(default_factory=Inner)
        rest: Other = dataclasses.field(default_factory=Other)

    source = (
        "def f(config, given: Inner):\n"
        "    one, two = config.part, config.rest\n"
        "    return config.top, config.part.a, given.b, one.c, vars(two), unknown.d\n"
    )
    assert unread(Root, [ast.parse(source)]) == {"forgotten", "part.d"}

"""Imports run one way: launch -> systems -> renderers, gpslift; and what trains or lifts never sees the truth."""

import ast
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
TRUTH = "gpslift.procedural.truth"
SHAPES = ("gpslift.procedural.shapes", "gpslift.procedural.solids")
MAY_SEE_TRUTH = ("gpslift.procedural", "gpslift.metrics", "systems.validation")
MAY_NOT_IMPORT = {
    "gpslift": ("systems", "renderers", "launch", "tests", "benchmarks"),
    "renderers": ("gpslift", "systems", "launch", "tests", "benchmarks"),
    "systems": ("launch", "tests", "benchmarks"),
}


def module_name(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {
    module_name(path): path
    for path in [
        *(p for package in MAY_NOT_IMPORT for p in (REPOSITORY / package).rglob("*.py")),
        REPOSITORY / "launch.py",
    ]
}


def imports_in(source: str, package: str) -> set[str]:
    """Every module that the source names in an import, at the top or inside a function, and every name from one.

    package: the package that relative imports start from.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return found


def imports_of(module: str) -> set[str]:
    path = FILES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return imports_in(path.read_text(encoding="utf-8"), package)


def is_in(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def reached_from(module: str) -> set[str]:
    """The project's modules that importing or using `module` may load, itself included."""
    seen, waiting = set(), {module}
    while waiting:
        name = waiting.pop()
        seen.add(name)
        parents = {".".join(name.split(".")[:depth]) for depth in range(1, name.count(".") + 1)}
        waiting |= ((imports_of(name) | parents) & set(FILES)) - seen
    return seen


def test_the_import_finder_sees_every_form() -> None:
    source = "import a.b\nfrom c import d\ndef f():\n    from .e import g\n    from .. import h\n"
    assert imports_in(source, "p.q") == {"a.b", "c", "c.d", "p.q.e", "p.q.e.g", "p", "p.h"}


@pytest.mark.parametrize("package", MAY_NOT_IMPORT)
def test_imports_run_one_way(package: str) -> None:
    inside = [module for module in FILES if is_in(module, (package,))]
    assert inside
    wrong = {
        module: bad
        for module in inside
        if (bad := {n for n in imports_of(module) if is_in(n, MAY_NOT_IMPORT[package])})
    }
    assert not wrong


def test_only_evaluation_imports_the_truth() -> None:
    assert TRUTH in FILES
    wrong = [module for module in FILES if not is_in(module, MAY_SEE_TRUTH) and TRUTH in imports_of(module)]
    assert not wrong


def test_only_the_photographer_and_the_truth_see_the_shapes() -> None:
    others = [module for module in FILES if not is_in(module, ("gpslift.procedural",))]
    wrong = [module for module in others if any(is_in(name, SHAPES) for name in imports_of(module))]
    assert not wrong


@pytest.mark.parametrize("system", ["systems.image_prior", "systems.lift", "systems.refine"])
def test_nothing_that_trains_or_lifts_reaches_the_truth(system: str) -> None:
    assert TRUTH not in reached_from(system)


def test_lifting_reaches_neither_photos_nor_their_makers() -> None:
    photos = ("gpslift.photos", "gpslift.procedural")
    assert not [module for module in reached_from("systems.lift") if is_in(module, photos)]


@pytest.mark.parametrize("module", ["launch", "systems.jobs", "gpslift.config", "gpslift.runs"])
def test_the_command_line_reaches_no_heavy_library(module: str) -> None:
    heavy = ("torch", "numpy", "pytorch_lightning", "diffusers", "transformers", "trimesh", "numba", "scipy")
    wrong = {name: bad for name in reached_from(module) if (bad := {n for n in imports_of(name) if is_in(n, heavy)})}
    assert not wrong

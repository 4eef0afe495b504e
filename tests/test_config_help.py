"""The list of keys: every key and group with its meaning, whole on a terminal of any width."""

import dataclasses
import io
import re

import pytest

from gpslift.config import load_config
from gpslift.config_help import describe_keys, print_keys
from gpslift.schema import SYSTEMS
from gpslift.schema.lift import LiftConfig


class Terminal(io.StringIO):
    """Takes what is printed on a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("schema", SYSTEMS.values())
def test_the_list_of_keys_has_every_key_with_its_meaning(schema: type, capsys: pytest.CaptureFixture[str]) -> None:
    def leaves(tree: dict, prefix: str = "") -> set[str]:
        nested = (leaves(v, f"{prefix}{k}.") if isinstance(v, dict) else {prefix + k} for k, v in tree.items())
        return set().union(*nested)

    rows = describe_keys(schema)
    assert {row.name for row in rows if row.type} == leaves(dataclasses.asdict(schema()))
    assert all(row.help for row in rows)
    print_keys(schema)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(rows)
    assert any(line.startswith("seed\tint\t0\t0 to 4294967295\t") for line in lines)


@pytest.mark.parametrize("columns", [40, 80])
def test_a_terminal_shows_the_whole_list_however_narrow(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    path, terminal = "/a/path/so/long/that/it/needs/two/lines/of/the/terminal/or/three/of/a/narrower/one", Terminal()
    config = load_config("configs/stonehenge.yaml", [f"prior.path={path}"])
    print_keys(config, terminal)
    lines = re.sub(r"\x1b\[[\d;]*m", "", terminal.getvalue()).splitlines()
    shown = "".join(lines).replace(" ", "")
    assert max(map(len, lines)) <= columns
    assert f"prior.path={path}(str)" in shown
    for row in describe_keys(config):
        assert row.help.replace(" ", "") in shown
        assert any(line.split()[:1] == [row.name] for line in lines)


def test_groups_of_keys_are_headed_by_what_they_are_for() -> None:
    rows = [(row.name, row.help) for row in describe_keys(LiftConfig)]
    heading = rows.index(("renderer.*", "the NeRF"))
    assert rows[heading + 1][0] == "renderer.engine"
    assert ("renderer.grid.*", "hash grid") in rows[heading:]

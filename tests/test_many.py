"""Several configs in one call: a process each, as many at once as there are GPUs, a log each, a summary."""

import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import launch
from gpslift.errors import UserError
from gpslift.schema.lift import LiftConfig
from systems import many

PROGRAM = """
import os, sys, time
words = dict(word.split("=", 1) for word in sys.argv if "=" in word)
folder, name = words["output"], os.path.basename(sys.argv[2])
open(f"{folder}/started_{name}", "w").write(os.environ.get("CUDA_VISIBLE_DEVICES", "none"))
others = [other for other in os.listdir(folder) if other.startswith("started_")]
while len(others) < int(words["together"]):  # waits for those that have to run beside it
    time.sleep(0.01)
    others = [other for other in os.listdir(folder) if other.startswith("started_")]
print("mode", sys.argv[3])
if name == words.get("bad"):
    sys.exit("error: no such thing")
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A launch.py that notes its GPU and waits for the others; the folder that it lies in."""
    (tmp_path / "launch.py").write_text(PROGRAM)
    monkeypatch.setattr(many, "REPOSITORY", tmp_path)
    return tmp_path


def run(folder: Path, names: Sequence[str], *arguments: str) -> int:
    configs = [LiftConfig(name=name, output=str(folder)) for name in names]
    return many.run_many(list(names), configs, ["--train", f"output={folder}", *arguments])


def gpus(folder: Path) -> dict[str, str]:
    return {path.name.removeprefix("started_"): path.read_text() for path in folder.glob("started_*")}


def test_as_many_run_at_once_as_there_are_gpus_each_with_its_own(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    assert run(program, ["a", "b"], "together=2") == 0  # neither ends before the other has started
    assert gpus(program) == {"a": "3", "b": "5"}
    assert run(program, ["c"], "together=1") == 0
    assert (program / "a.log").read_text() == "mode --train\n"


def test_without_a_gpu_one_follows_the_other(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    starts: list[str] = []
    usual = many._start

    def start(file: str, *arguments: object) -> many.Job:
        assert not [job for job in jobs if job.process.poll() is None]
        starts.append(file)
        jobs.append(usual(file, *arguments))  # type: ignore[arg-type]
        return jobs[-1]

    jobs: list[many.Job] = []
    monkeypatch.setattr(many, "_start", start)
    assert run(program, ["a", "b", "c"], "together=1") == 0
    assert starts == ["a", "b", "c"] and set(gpus(program).values()) == {""}


def test_on_the_cpu_one_follows_the_other_whatever_gpus_there_are(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    configs = [LiftConfig(name=name, output=str(program), device="cpu") for name in ("a", "b")]
    assert many.run_many(["a", "b"], configs, ["--train", f"output={program}", "together=1"]) == 0
    assert gpus(program) == {"a": "3,5", "b": "3,5"}  # what was there before is left alone


def test_one_that_fails_is_told_and_the_others_go_on(
    program: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setenv("COLUMNS", "200")
    assert run(program, ["a", "b", "c"], "together=1", "bad=b") == 1
    shown = capsys.readouterr().out
    assert set(gpus(program)) == {"a", "b", "c"}
    assert "FAILED, exit code 1: error: no such thing" in shown and shown.count("done") == 2
    assert str(program / "b.log") in shown


def test_all_gpus_are_asked_for_where_none_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!{sys.executable}\nprint('0\\n1\\n2')\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert many.free_gpus({}) == ["0", "1", "2"]
    assert many.free_gpus({"CUDA_VISIBLE_DEVICES": "1, GPU-4"}) == ["1", "GPU-4"]
    program.write_text(f"#!{sys.executable}\nraise SystemExit(9)\n")
    assert many.free_gpus({}) == []
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert many.free_gpus({}) == []


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(UserError, match="several of these configs have name=a; give each its own"):
        many.check_names([LiftConfig(name="a"), LiftConfig(name="b"), LiftConfig(name="a")])


def test_the_command_line_hands_over_files_mode_and_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def run_many(files: Sequence[str], configs: Sequence[LiftConfig], arguments: Sequence[str]) -> int:
        asked.append((files, [(config.name, config.seed) for config in configs], arguments))
        return 1

    monkeypatch.setattr(launch, "run_many", run_many)
    files = ["configs/stonehenge.yaml", "configs/space_needle.yaml"]
    assert launch.main(["optim.steps=7", "--config", *files, "seed=3", "--export"]) == 1
    names = [("stonehenge", 3), ("space_needle", 3)]
    assert asked == [(files, names, ["--export", "seed=3", "optim.steps=7"])]


def test_a_mistake_in_one_of_them_stops_all_before_they_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert launch.main(["--config", "configs/stonehenge.yaml", "configs/nowhere.yaml", "--train"]) == 2
    assert "configs/nowhere.yaml" in capsys.readouterr().err

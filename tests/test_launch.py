"""The command line: modes, keys, errors in one line, exit codes, and what is imported when."""

import errno
import subprocess
import sys
import types
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import torch

import launch
from gpslift.config import REPOSITORY
from gpslift.errors import UserError
from gpslift.runs import Interrupted, Run
from gpslift.schema.image_prior import ImagePriorConfig
from gpslift.schema.run import RunConfig
from systems import jobs
from systems.memory import is_out_of_memory, sampling_remedies

LIFT, PRIOR = "configs/statue_of_liberty.yaml", "configs/angle2img_statue_of_liberty.yaml"
REFINE = "configs/refine_statue_of_liberty.yaml"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, RunConfig, list[Run]]]:
    """Stand-ins for all jobs, and what they were called with; the working directory is an empty folder."""
    made: list[tuple[str, RunConfig, list[Run]]] = []

    def fake(name: str) -> Callable[..., None]:
        return lambda config, *run: made.append((name, config, list(run)))

    for module in {module for module, _ in jobs.JOBS.values()}:
        functions = {name: fake(f"{module}.{name}") for other, name in jobs.JOBS.values() if other == module}
        monkeypatch.setitem(sys.modules, module, types.SimpleNamespace(**functions))  # type: ignore[arg-type]
    monkeypatch.chdir(tmp_path)
    return made


@pytest.mark.parametrize(
    ("arguments", "job", "takes_run"),
    [
        (["--config", LIFT], "systems.lift.train", True),
        (["--config", LIFT, "--train"], "systems.lift.train", True),
        (["--config", LIFT, "--export"], "systems.lift.export", False),
        (["--config", LIFT, "--validate"], "systems.validation.validate_lift", False),
        (["--config", PRIOR, "--train"], "systems.image_prior.train", True),
        (["--config", PRIOR, "--sample"], "systems.sampling.job.sample", False),
        (["--config", PRIOR, "--validate"], "systems.validation.validate_prior", False),
    ],
)
def test_each_mode_reaches_its_job(calls: list, arguments: list[str], job: str, takes_run: bool) -> None:
    assert launch.main(arguments) == 0
    ((name, config, run),) = calls
    assert name == job
    assert isinstance(config, RunConfig)
    assert [type(part) for part in run] == ([Run] if takes_run else [])
    if takes_run:
        assert run[0].folder.is_dir()


def test_overrides_may_stand_anywhere(calls: list) -> None:
    assert launch.main(["seed=3", "--config", LIFT, "name=mine", "--train", "optim.steps=7"]) == 0
    ((_, config, (run,)),) = calls
    assert (config.seed, config.name, config.optim.steps) == (3, "mine", 7)
    assert run.folder.parent.name == "mine"


def test_a_configs_path_may_hold_an_equals_sign(calls: list, tmp_path: Path) -> None:
    path = tmp_path / "lr=0.1" / "mine.yaml"
    path.parent.mkdir()
    path.write_text((REPOSITORY / LIFT).read_text() + "seed: 5\n")
    assert launch.main(["--config", str(path), "--train", "name=mine"]) == 0
    ((_, config, _),) = calls
    assert (config.seed, config.name) == (5, "mine")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--config", LIFT, "--sample"], ["system=lift has no --sample", "--train", "--export"]),
        (["--config", PRIOR, "--export"], ["system=image_prior has no --export", "--sample"]),
        (["--config", LIFT, "optim.lrr=1"], ["unknown key 'optim.lrr'", "optim.lr"]),
        (["--config", LIFT, "resume=last"], ["no run named 'statue_of_liberty'"]),
        (["--config", "nowhere.yaml"], ["no config file nowhere.yaml"]),
        (["--config", "seed=3"], ["none of --config seed=3 is a file"]),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    calls: list, capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]
) -> None:
    assert launch.main(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    for word in words:
        assert word in lines[0]
    assert not calls


def test_two_modes_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        launch.main(["--config", LIFT, "--train", "--export"])
    assert stop.value.code == 2
    assert "--export: not allowed with argument --train" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (UserError("no such\nthing"), 2, "error: no such thing"),
        (OSError(errno.ENOSPC, "No space left on device", "mesh.glb"), 2, "error: the disk is full: mesh.glb"),
        (KeyboardInterrupt(), 130, "stopped"),
        (Interrupted(Run(Path("outputs/a/b")), 7), 130, "stopped after step 7; saved. Go on with: python"),
    ],
)
def test_what_a_job_raises_becomes_a_line_and_an_exit_code(
    calls: list,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    words: str,
) -> None:
    def fail(config: RunConfig) -> None:
        raise error

    monkeypatch.setattr(sys.modules["systems.lift"], "export", fail)
    monkeypatch.setattr(sys, "argv", ["launch.py", "--config", LIFT, "--export"])
    assert launch.main(["--config", LIFT, "--export"]) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(words)
    if isinstance(error, Interrupted):
        assert line.endswith("resume=outputs/a/b")


def test_of_several_processes_one_says_how_to_go_on(
    calls: list, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(config: RunConfig) -> None:
        raise Interrupted(Run(Path("outputs/a/b")), 7)

    monkeypatch.setattr(sys.modules["systems.lift"], "export", stop)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert launch.main(["--config", LIFT, "--export"]) == 0  # another code would have Lightning kill the first one
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("no"), UserError("no")])
def test_what_ends_before_training_leaves_no_run(
    calls: list, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(config: RunConfig, run: Run) -> None:
        assert run.folder.is_dir()
        made.append(run.folder)
        raise error

    made: list[Path] = []
    monkeypatch.setattr(sys.modules["systems.lift"], "train", fail)
    with suppress(RuntimeError):
        launch.main(["--config", LIFT, "--train"])
    assert made and not made[0].exists()


@pytest.mark.parametrize(
    "said", ["CUDA error: out of memory", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"]
)
def test_drivers_and_libraries_have_words_of_their_own_for_too_little_memory(said: str) -> None:
    assert is_out_of_memory(RuntimeError(said)) and not is_out_of_memory(RuntimeError("CUDA error: invalid argument"))


@pytest.mark.parametrize(
    ("arguments", "job", "words"),
    [
        (["--config", PRIOR, "--sample", "sample.images=3"], "sampling.job.sample", "lower sample.images (now 3)"),
        (
            ["--config", PRIOR, "--validate"],
            "validation.validate_prior",
            "at most; set prior.path to a prior of smaller",
        ),
        (["--config", PRIOR, "--train"], "image_prior.train", "raise optim.accumulate (now 1)"),
        (["--config", LIFT, "--export"], "lift.export", "lower export.resolution (now 160) or export.picture_size"),
        (["--config", LIFT, "--validate"], "validation.validate_lift", "lower export.faces (now 50000)"),
        (["--config", REFINE, "--train"], "refine.train", "lower refine.supersample (now 2)"),
        (["--config", REFINE, "guidance.objective=vsd"], "refine.train", "guidance.objective=sds, which keeps no adap"),
        (["--config", LIFT, "guidance.objective=vsd"], "lift.train", "guidance.objective=sds, which keeps no adapters"),
    ],
)
def test_too_little_memory_in_any_mode_names_settings_that_take_less(
    calls: list,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    job: str,
    words: str,
) -> None:
    def run_out(*given: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    module, _, function = f"systems.{job}".rpartition(".")
    monkeypatch.setattr(sys.modules[module], function, run_out)
    assert launch.main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: out of memory, with ") and words in said and "Tried to allocate 20.00 GiB" in said


def test_half_the_bits_take_less_on_a_gpu_that_computes_in_32(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = ImagePriorConfig(precision="32")
    assert "precision" not in sampling_remedies(wide)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for computes, expected in ((True, "bf16"), (False, "fp16")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda computes=computes, **_: computes)
        assert f"set precision={expected}" in sampling_remedies(wide)
        assert ("precision" in sampling_remedies(ImagePriorConfig())) == (not computes)  # auto is 32 bits without it
        assert "precision" not in sampling_remedies(ImagePriorConfig(precision="32", device="cpu"))


def test_a_fault_of_the_program_keeps_its_traceback(calls: list, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["systems.lift"], "export", lambda config: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        launch.main(["--config", LIFT, "--export"])


def test_keys_lists_the_values_of_this_config(calls: list, capsys: pytest.CaptureFixture[str]) -> None:
    assert launch.main(["--config", LIFT, "--keys", "optim.lr=0.25"]) == 0
    assert "optim.lr\tfloat\t0.25\tat least 0\t" in capsys.readouterr().out
    assert not calls


def test_help_names_every_mode_and_imports_nothing_heavy() -> None:
    code = (
        "import sys, launch\n"
        "try: launch.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'pytorch_lightning', 'diffusers', 'trimesh', 'numba'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for word in ("--train", "--validate", "--export", "--sample", "--keys", "resume=last", "key=value"):
        assert word in done.stdout


def test_every_job_of_every_system_is_a_mode() -> None:
    assert {mode for _, mode in jobs.JOBS} == set(jobs.MODES)


def test_keys_may_be_read_in_part(tmp_path: Path) -> None:
    command = [sys.executable, "launch.py", "--config", LIFT, "--keys"]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait() == 0
    process.stderr.close()

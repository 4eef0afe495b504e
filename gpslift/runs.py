"""The run folder: `<output>/<name>/<time>`, what lies in it, and which run to go on from. Imports no torch.

config.yaml     every key of the run; a config like any other
landmark.yaml   of a landmark of one's own: a copy of its file, which config.yaml names, so that the folder may be moved
versions.json   one entry per start: time, command, seed, package versions, git commit
status.json     running, finished, interrupted or failed, and at which step
checkpoints/    step_00000400.ckpt and so on; the file `last` names the newest
metrics.csv, tensorboard/, previews/, samples/, export/
"""

import contextlib
import importlib.metadata
import json
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from gpslift.checkpoint_files import check_checkpoint, checkpoints_of, last_checkpoint, newest_whole
from gpslift.config import REPOSITORY, differences, load_config, resolve_path, save_config
from gpslift.errors import UserError
from gpslift.geo.landmarks import WORLD, Landmark, load_landmark
from gpslift.geo.own_landmark import is_landmark_file
from gpslift.ranks import is_first_process
from gpslift.schema.run import RunConfig
from gpslift.storage import children, names, replace_text, saving, short_path

LANDMARK_COPY = "landmark.yaml"
FOLDER_PATTERN = re.compile(r"(\d{4}-\d{2}-\d{2}_\d{2}-\d{2}-\d{2})(?:_(\d+))?")
PACKAGES = ("torch", "pytorch-lightning", "diffusers", "transformers", "numpy", "numba", "trimesh")


class Interrupted(Exception):
    """Training stopped because the user asked for it (Ctrl-C) and was saved; `run` is where."""

    def __init__(self, run: "Run", step: int) -> None:
        super().__init__(f"stopped after step {step}")
        self.run, self.step = run, step


@dataclass(frozen=True)
class Run:
    """One run folder. `resume_from` is the checkpoint that training goes on from, or None at a fresh start."""

    folder: Path
    resume_from: Path | None = None

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def previews(self) -> Path:
        return self.folder / "previews"

    @property
    def samples(self) -> Path:
        return self.folder / "samples"

    @property
    def export(self) -> Path:
        return self.folder / "export"

    @property
    def metrics(self) -> Path:
        return self.folder / "metrics.csv"

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def status(self) -> Path:
        return self.folder / "status.json"


def start_run(config: RunConfig, notify: Callable[[str], object] = print) -> Run:
    """The run that a training works in: a new folder, or, with `config.resume`, an existing one.

    A new one is recorded at once (`record_start`), a resumed one by the trainer (`systems.running`), when its
    checkpoint turned out to fit. `notify` is called with lines about what was resumed and which keys differ from those
    that the run was started with. Raises UserError for a resume that cannot be, for a wrong landmark and for a full
    disk.
    Of several processes only the first one writes; the others get a run to read from, or one without a folder.
    """
    if not is_first_process():
        return _resumed(config, lambda line: None) if config.resume else _nowhere(config)
    load_landmark(config.landmark)  # so that a wrong one leaves no run folder behind
    run = _resumed(config, notify) if config.resume else _created(config)
    with saving(run.folder):
        for folder in (run.checkpoints, run.previews):
            folder.mkdir(parents=True, exist_ok=True)
    if not config.resume:
        record_start(run, config)
    return run


def record_start(run: Run, config: RunConfig) -> None:
    """Writes config.yaml (with a copy of the landmark's file, if it is one's own) and adds to versions.json.

    Of several processes only the first one does.
    """
    if not is_first_process():
        return
    own = _landmark_text(config)
    with saving(run.folder):
        if own:
            replace_text(run.folder / LANDMARK_COPY, own)
        save_config(replace(config, resume="", landmark=LANDMARK_COPY if own else config.landmark), run.config)
        _add_start(run, config)


def forget_unstarted(run: Run) -> None:
    """Removes the folder of a new run whose training never began, so that `--export` does not come upon it."""
    if run.resume_from is None and not run.status.is_file() and is_first_process():
        shutil.rmtree(run.folder, ignore_errors=True)


def open_run(path: str | Path) -> Run:
    """The run in an existing folder. Raises UserError if the folder is none."""
    run = Run(resolve_path(path).absolute())
    if not run.folder.is_dir():
        raise UserError(f"no run folder {path}")
    if not run.config.is_file():
        raise UserError(f"{path} is not a run folder: it has no config.yaml; it holds {names(run.folder)}")
    return run


def runs_of(output: str, name: str) -> list[Run]:
    """All runs of that name, oldest first."""
    parent = Path(output).expanduser() / name
    found = [(match.groups("0"), path) for path in children(parent) if (match := FOLDER_PATTERN.fullmatch(path.name))]
    found = [(key, path) for key, path in found if (path / "config.yaml").is_file()]
    return [Run(path.absolute()) for _, path in sorted(found, key=lambda item: (item[0][0], int(item[0][1])))]


def last_run(output: str, name: str) -> Run:
    """The newest run of that name that has a checkpoint. Raises UserError if there is none."""
    runs = runs_of(output, name)
    for run in reversed(runs):
        if checkpoints_of(run.checkpoints):
            return run
    parent = Path(output).expanduser() / name
    if runs:
        raise UserError(f"none of the {len(runs)} runs in {parent} has a checkpoint yet; train first, without resume=")
    others = ", ".join(path.name for path in children(parent.parent) if runs_of(output, path.name)) or "none at all"
    made = "--train with a config of that name makes one"
    raise UserError(f"no run named '{name}' in {parent.parent} (runs there: {others}); {made}")


def chosen_run(path: str, output: str, name: str) -> Run:
    """The run in folder `path`; '' = the last run of that name. Raises UserError if there is none."""
    return open_run(path) if path else last_run(output, name)


def timed_folder(parent: Path) -> Path:
    """A new folder in `parent` that is called as the time is, as in FOLDER_PATTERN."""
    now = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    with saving(parent):
        parent.mkdir(parents=True, exist_ok=True)
        for number in range(1, 1000):
            folder = parent / (now if number == 1 else f"{now}_{number}")
            with contextlib.suppress(FileExistsError):
                folder.mkdir()
                return folder
    raise UserError(f"{parent} has a thousand folders of this second")


def write_status(run: Run, state: str, step: int, steps: int, message: str = "") -> None:
    """Writes status.json: `state` is running, finished, interrupted or failed; `step` of `steps` are done.

    Of several processes only the first one does.
    """
    if not is_first_process():
        return
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    status = {"state": state, "step": step, "steps": steps, "message": message, "time": now}
    with saving(run.folder):
        replace_text(run.status, json.dumps(status, indent=1))


def go_on_command(run: Run, arguments: list[str] | None = None) -> str:
    """The shell command that goes on with a run: the command line of now (`sys.argv`) with another `resume=`."""
    script, *given = sys.argv if arguments is None else arguments
    kept = [argument for argument in given if not argument.startswith("resume=")]
    return shlex.join(["python", script, *kept, f"resume={short_path(run.folder)}"])


def next_command(*arguments: str) -> str:
    """The shell command that goes on from here, by this very `launch.py` where one was called."""
    script = sys.argv[0] if Path(sys.argv[0]).name == "launch.py" else "launch.py"
    return shlex.join(["python", script, *arguments])


def _created(config: RunConfig) -> Run:
    return Run(timed_folder(Path(config.output).expanduser() / config.name).absolute())


def _nowhere(config: RunConfig) -> Run:
    """A run whose folder does not exist and never will."""
    return Run((Path(config.output).expanduser() / config.name / "other processes").absolute())


def _resumed(config: RunConfig, notify: Callable[[str], object]) -> Run:
    if config.resume == "last":
        run = last_run(config.output, config.name)
        checkpoint = newest_whole(run.checkpoints, notify)
    else:
        path = resolve_path(config.resume)
        run = open_run(path.parent.parent if path.suffix == ".ckpt" else path)
        checkpoint = path.absolute() if path.suffix == ".ckpt" else last_checkpoint(run.checkpoints)
        check_checkpoint(checkpoint)
    before = load_config(run.config)
    if before.system != config.system:
        raise UserError(f"{short_path(run.folder)} is a run of system={before.system}, this config is {config.system}")
    _check_same_landmark(run, load_landmark(before.landmark), load_landmark(config.landmark))
    same = _landmark_text(before) == (own := _landmark_text(config)) and own
    landmark = before.landmark if same else config.landmark
    for line in differences(before, replace(config, resume="", landmark=landmark)):
        notify(f"warning: unlike the run so far: {line}")
    notify(f"going on from {short_path(checkpoint)}")
    return replace(run, resume_from=checkpoint)


def _check_same_landmark(run: Run, before: Landmark, now: Landmark) -> None:
    """UserError if a run would go on with another landmark: its export would stand at the wrong place on Earth."""
    if before.name != now.name:
        raise UserError(
            f"{short_path(run.folder)} is a run of {before.title}, this config is of {now.title}; leave resume= out to "
            "begin a new run"
        )
    if before.world != now.world:
        unlike = [name for name in WORLD if getattr(before, name) != getattr(now, name)]
        changes = ", ".join(f"{name} {getattr(before, name)} -> {getattr(now, name)}" for name in unlike)
        raise UserError(
            f"{short_path(run.folder)} is a run of another {now.title} ({changes}); leave out resume= to begin anew"
        )


def _landmark_text(config: RunConfig) -> str:
    """The file of a landmark of one's own, '' for one of landmarks.yaml."""
    return resolve_path(config.landmark).read_text(encoding="utf-8") if is_landmark_file(config.landmark) else ""


def _add_start(run: Run, config: RunConfig) -> None:
    path = run.folder / "versions.json"
    starts = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    starts.append(
        {
            "time": datetime.now().astimezone().isoformat(timespec="seconds"),
            "command": shlex.join(sys.argv),
            "resumed_from": run.resume_from.name if run.resume_from else "",
            "seed": config.seed,
            "git_commit": _git_commit(),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "packages": {name: version for name in PACKAGES if (version := _version(name))},
        }
    )
    replace_text(path, json.dumps(starts, indent=1))


def _git_commit() -> str:
    """The repository's commit, with '+' if files differ from it; '' without git."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"],
            cwd=REPOSITORY, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return described.stdout.strip()


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""

"""Several configs in one call: a process each, as many at once as there are GPUs, each with its own. No torch."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gpslift.config import REPOSITORY
from gpslift.errors import UserError
from gpslift.schema.run import RunConfig
from gpslift.storage import saving, short_path

FAILED, INTERRUPTED = 1, 130
POLL_SECONDS = 0.2


@dataclass
class Job:
    """One config's process. gpu: what CUDA_VISIBLE_DEVICES holds for it; '' = no GPU of its own."""

    name: str
    log: Path
    process: subprocess.Popen[bytes]
    gpu: str
    started: float
    seconds: float = 0.0


def run_many(files: Sequence[str], configs: Sequence[RunConfig], arguments: Sequence[str]) -> int:
    """Runs launch.py for each config file with the other `arguments`; 0 if all went well, 1 if not, 130 if stopped.

    What each says is in <output>/<name>.log. Where one fails the others go on. Ctrl-C reaches all of them, and waits
    until they have saved. Raises UserError for two configs of one name.
    """
    check_names(configs)
    on_gpus = any(config.device != "cpu" for config in configs)
    free, waiting = free_gpus() if on_gpus else [], list(zip(files, configs, strict=True))
    slots, console = len(free) or 1, Console()
    running: list[Job] = []
    done: list[Job] = []
    try:
        while waiting or running:
            while waiting and len(running) < slots:
                file, config = waiting.pop(0)
                running.append(_start(file, config, arguments, free.pop(0) if free else ""))
                console.print(f"{config.name}: started, see {short_path(running[-1].log)}", highlight=False)
            time.sleep(POLL_SECONDS)
            for job in [job for job in running if job.process.poll() is not None]:
                _end(job, running, done, free)
    except (KeyboardInterrupt, UserError) as stop:
        for job in list(running):  # they had the same Ctrl-C; if one could not be started, the others go on
            job.process.wait()
            _end(job, running, done, free)
        show(done, [config.name for _, config in waiting], console)
        if isinstance(stop, UserError):
            raise
        return INTERRUPTED
    show(done, [], console)
    return FAILED if any(job.process.returncode for job in done) else 0


def check_names(configs: Sequence[RunConfig]) -> None:
    """Raises UserError where two configs would share a log file and their last run."""
    names = [config.name for config in configs]
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise UserError(f"several of these configs have name={twice[0]}; give each its own, in a file of its own")


def free_gpus(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The GPUs that jobs may use, as CUDA_VISIBLE_DEVICES names them: its own list, else all that nvidia-smi finds."""
    if "CUDA_VISIBLE_DEVICES" in environment:
        return [name.strip() for name in environment["CUDA_VISIBLE_DEVICES"].split(",") if name.strip()]
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    found = subprocess.run([program, "--query-gpu=index", "--format=csv,noheader"], capture_output=True, text=True)
    return found.stdout.split() if found.returncode == 0 else []


def show(done: Sequence[Job], never: Sequence[str], console: Console) -> None:
    """Prints how each job ended, how long it took and where its log is. never: names of those that did not start."""
    table = Table("config", "end", "minutes", "log")
    for job in done:
        code = job.process.returncode
        end = {0: "done", INTERRUPTED: "stopped, saved"}.get(code, f"FAILED, exit code {code}: {_last_line(job.log)}")
        table.add_row(job.name, end, f"{job.seconds / 60:.1f}", short_path(job.log))
    for name in never:
        table.add_row(name, "never started", "", "")
    console.print(table)


def _start(file: str, config: RunConfig, arguments: Sequence[str], gpu: str) -> Job:
    log = Path(config.output).expanduser() / f"{config.name}.log"
    command = [sys.executable, str(REPOSITORY / "launch.py"), "--config", file, *arguments]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": gpu} if gpu else dict(os.environ)
    with saving(log.parent):
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
    return Job(config.name, log.absolute(), process, gpu, time.monotonic())


def _end(job: Job, running: list[Job], done: list[Job], free: list[str]) -> None:
    """A job has ended: its GPU is free for the next."""
    job.seconds = time.monotonic() - job.started
    running.remove(job)
    done.append(job)
    if job.gpu:
        free.append(job.gpu)


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"

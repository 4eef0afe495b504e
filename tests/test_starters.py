"""Two processes of `launch.py` end alike whoever starts them: Lightning, torchrun, Slurm, or one command a machine."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gpslift.checkpoint_files import last_checkpoint
from gpslift.config import REPOSITORY
from gpslift.ranks import NOT_FIRST
from tests.systems.leavings import only_run

KEYS = (
    *("device=cpu", "precision=32", "threads=1", "backbone.image_size=16", "backbone.channels=32,32"),
    *("backbone.token_dim=32", "optim.steps=3", "optim.batch_size=8", "log.preview_every_steps=1000"),
    *("data.test_share=0", "data.judge_share=0"),
)
TRAIN = ("launch.py", "--config", "configs/angle2img_statue_of_liberty.yaml", "--train", *KEYS)
TORCHRUN = ("-m", "torch.distributed.run", "--nproc_per_node=2")
HERE = "127.0.0.1"


def free_port() -> str:
    with socket.socket() as found:
        found.bind((HERE, 0))
        return str(found.getsockname()[1])


def slurm(rank: int, port: str) -> dict[str, str]:
    """What `srun` tells each of the processes that it starts on one machine."""
    job = {"JOB_ID": "7", "JOB_NAME": "train", "NTASKS": "2", "NTASKS_PER_NODE": "2", "NODELIST": HERE, "NODEID": "0"}
    named = {f"SLURM_{name}": value for name, value in job.items()}
    return named | {"SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank), "MASTER_PORT": port}


def machine(rank: int, port: str) -> dict[str, str]:
    """What one says on each of two machines, as Lightning's documentation has it."""
    return {"NODE_RANK": str(rank), "LOCAL_RANK": "0", "MASTER_ADDR": HERE, "MASTER_PORT": port, "WORLD_SIZE": "2"}


def trained_by(starter: str, photos: Path, output: Path) -> Path:
    """Trains with two processes, and returns the last checkpoint."""
    shared = (f"data.photos={photos}", f"output={output}", f"data.cache={output / 'cache'}", f"name={starter}")
    port = free_port()
    ways: dict[str, tuple[tuple[str, ...], list[dict[str, str]]]] = {
        "lightning": ((*TRAIN, *shared, "devices=2"), [{}]),
        "torchrun": ((*TORCHRUN, f"--master_port={port}", *TRAIN, *shared, "devices=2"), [{}]),
        "slurm": ((*TRAIN, *shared, "devices=2"), [slurm(rank, port) for rank in (0, 1)]),
        "machines": ((*TRAIN, *shared, "devices=1", "nodes=2"), [machine(rank, port) for rank in (0, 1)]),
    }
    arguments, told = ways[starter]
    own = {*NOT_FIRST, "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}
    usual = {key: value for key, value in os.environ.items() if key not in own} | {"OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, *arguments], cwd=REPOSITORY, env=usual | variables,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for variables in told
    ]  # fmt: skip
    said = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), "\n".join(said)[-3000:]
    found = last_checkpoint(only_run(output, starter).checkpoints)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def by_lightning(few_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_by("lightning", few_photos, tmp_path_factory.mktemp("starters"))


@pytest.mark.parametrize("starter", ["torchrun", "slurm", "machines"])
def test_two_processes_end_alike_whoever_starts_them(by_lightning: Path, few_photos: Path, starter: str) -> None:
    expected = torch.load(by_lightning, weights_only=True)
    found = torch.load(trained_by(starter, few_photos, by_lightning.parents[3]), weights_only=True)
    assert found["global_step"] == expected["global_step"] == 3
    torch.testing.assert_close(found["state_dict"], expected["state_dict"], rtol=0, atol=0)

"""Two processes, of which the first fails while the other waits. Run as a program: it prints how the other ended."""

import sys
import time
from pathlib import Path

from torch import Tensor

from gpslift.collectives import rank
from gpslift.runs import start_run
from systems.devices import prepare
from systems.running import fit, make_trainer
from tests.systems.toy import STEPS, Toy, toy_config


def main(output: Path) -> None:
    """Trains up to step 3, where one process waits for longer than a test may take, and the other one fails."""
    waits = output / "waits"

    def fail(loss: Tensor) -> Tensor:
        if rank() > 0:
            waits.touch()
            time.sleep(3600)
        while not waits.exists():
            time.sleep(0.05)
        raise RuntimeError("only here")

    config = toy_config(output, "fails")
    config.devices = 2
    run = start_run(config, notify=lambda line: None)
    prepare(config)
    trainer = make_trainer(config, run, max_steps=STEPS, learning_rate=1e-2)
    try:
        fit(trainer, Toy((3, fail)), None, run)
    except RuntimeError as error:
        (other,) = trainer.strategy.launcher.procs  # type: ignore[union-attr]
        print(f"{error}; the other: {other.wait(60)}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""A tiny prior trained by one process or by several, in double precision. Run as a program: see `main`.

Lightning starts the other processes with this program's own command line.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

from torch import Tensor
from torch.distributed.tensor import DTensor

from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.schema.image_prior import ImagePriorConfig
from systems import image_prior, running
from tests.systems.tiny_prior import STEPS, Watched, tiny_config, train


def ddp_config(
    photos: Path, output: Path, name: str, devices: int, steps: int = STEPS, resume: str = "", strategy: str = "auto"
) -> ImagePriorConfig:
    """As `tiny_config`, with AdamW, which keeps all digits, and two micro-batches a step."""
    config = tiny_config(
        photos, output, name, resume, steps=steps, optimizer="adamw", accumulate=2, schedule="constant"
    )
    config.devices, config.strategy = devices, strategy
    return config


def main(photos: Path, output: Path, name: str, devices: int, steps: int, resume: str, strategy: str = "auto") -> None:
    """Trains, and adds the samples that this process drew to a file beside the runs."""
    drawn: list[list[int]] = []
    usual, make = Watched.training_step, image_prior.prior_from_photos

    def double(*arguments: Any) -> PlaceDiffusionPipeline:
        """The new prior in double precision: Lightning reads checkpoints before it converts a model."""
        prior = make(*arguments)
        for network in prior.networks.values():
            network.double()
        return prior

    def recording(self: Watched, batch: dict[str, Any], batch_idx: int) -> Tensor:
        drawn.extend(zip(batch["index"].tolist(), batch["photo"].tolist(), strict=True))
        return usual(self, batch, batch_idx)

    with (
        patch.object(running, "choose_precision", lambda config: "64-true"),
        patch.object(image_prior, "prior_from_photos", double),
        patch.object(Watched, "training_step", recording),
    ):
        train(ddp_config(photos, output, name, devices, steps, resume, strategy))
    rank = os.environ.get("LOCAL_RANK", "0")
    file = output / f"drawn_{name}_{rank}.json"
    before = json.loads(file.read_text()) if file.is_file() else []
    file.write_text(json.dumps(before + drawn))
    here = [weight.to_local() if isinstance(weight, DTensor) else weight for weight in Watched.last.parameters()]
    (output / f"held_{name}_{rank}.json").write_text(json.dumps(sum(weight.numel() for weight in here)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), *sys.argv[6:])

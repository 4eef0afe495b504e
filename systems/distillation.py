"""What a lift and its refinement share: the optimiser, rays on a device, previews."""

import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gpslift.cameras import Cameras
from gpslift.errors import UserError
from gpslift.export.views import RenderFunction, framing_cameras
from gpslift.geo.landmarks import Landmark
from gpslift.pictures import save_grid
from gpslift.priors.loading import shipped_prior
from gpslift.schema.lift import LiftConfig, LiftOptimConfig
from gpslift.schema.refine import RefineConfig, RefineOptimConfig

PREVIEW_AZIMUTHS = [0.0, 60.0, 120.0, 180.0, 240.0, 300.0]
PREVIEW_SIZE = 96


def prior_of(config: LiftConfig | RefineConfig) -> str:
    """Where the prior is: `prior.path`, else the one that ships for the landmark. Raises UserError without either."""
    if config.prior.path:
        return config.prior.path
    if shipped := shipped_prior(config.landmark):
        return str(shipped)
    raise UserError(
        f"prior.path is empty, and no prior of landmark={config.landmark} ships; set prior.path to a prior's folder "
        "or to a run folder of a config such as configs/angle2img_statue_of_liberty.yaml"
    )


def falling_adam(
    groups: list[dict[str, Any]], optim: LiftOptimConfig | RefineOptimConfig, last: tuple[int, float] = (sys.maxsize, 1)
) -> dict[str, Any]:
    """Adam over groups of parameters, with learning rates that fall exponentially to their end share.

    last: a step, and the constant share of the first rates that they have from there on.
    """
    optimizer = torch.optim.Adam(groups, lr=optim.lr, betas=(0.9, 0.99), eps=1e-15)
    decay = max(optim.lr_end_share, 1e-6) ** (1 / optim.steps)

    def share(step: int) -> float:
        return last[1] if step >= last[0] else decay**step

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def save_preview(render: RenderFunction, landmark: Landmark, path: Path) -> None:
    """Colour above normals from six sides, as one picture. render: gives color, normal and opacity, as a `Picture`."""
    cameras = framing_cameras(landmark.box_min, landmark.box_max, PREVIEW_AZIMUTHS, 5.0, PREVIEW_SIZE)
    picture = render(cameras)
    normal = (picture.normal + 1) / 2 * picture.opacity[..., None]
    save_grid(torch.cat([picture.color, normal]).permute(0, 3, 1, 2), path, columns=len(PREVIEW_AZIMUTHS))


def rays_on(cameras: Cameras, device: torch.device) -> tuple[Tensor, Tensor]:
    """Origins and directions [B, H, W, 3] of the cameras' rays, on a device."""
    origins, directions = cameras.rays()
    return origins.to(device), directions.to(device)

"""The NeRF of a lift: made for a config, loaded from a run, asked for its density, colours and pictures."""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from gpslift.cameras import Cameras
from gpslift.checkpoint_files import last_checkpoint
from gpslift.config import load_config, resolve_path
from gpslift.errors import UserError
from gpslift.geo.landmarks import Landmark, load_landmark
from gpslift.geo.own_landmark import is_landmark_file
from gpslift.runs import LANDMARK_COPY, Run
from gpslift.schema.lift import LiftConfig
from renderers.backends import EngineUnavailable
from renderers.render import Picture
from renderers.renderer import Renderer
from systems.devices import choose_device
from systems.distillation import rays_on


@dataclass(frozen=True)
class Lifted:
    """A finished lift, asked for CPU points and cameras. Without gradients; answers lie on the renderer's device."""

    config: LiftConfig
    renderer: Renderer

    @cached_property
    def device(self) -> torch.device:
        """Where the renderer is."""
        return next(self.renderer.parameters()).device

    @torch.no_grad()
    def density(self, points: Tensor) -> Tensor:
        """Density [N] at points [N, 3], world units, as renders see it."""
        return self.renderer.density(points.to(self.device))

    @torch.no_grad()
    def color(self, points: Tensor) -> Tensor:
        """Colours [N, 3] in [0, 1] at points [N, 3]."""
        return self.renderer.field.color(points.to(self.device))

    def render(self, cameras: Cameras) -> Picture:
        """Pictures without normals, which take five times as long as the rest."""
        return self.renderer.render_image(*rays_on(cameras, self.device))

    def render_normals(self, cameras: Cameras) -> Picture:
        """Pictures with normals."""
        return self.renderer.render_image(*rays_on(cameras, self.device), normals=True)


def landmark_to_export(lifted: str, given: str) -> Landmark:
    """The landmark of a lift; as its file says now, where one is given that has learnt a height or a title since.

    lifted, given: the landmark as the run's config and this one name it. A file that is not there, unless nothing but
    the example config names it, or that is of another name, place or size, is noted and left alone.
    """
    its = load_landmark(lifted)
    if not is_landmark_file(given):
        return its
    if not resolve_path(given).is_file():
        if given != LANDMARK_COPY:
            print(f"note: landmark={given} is not there; this lift is exported with its own copy of its landmark")
        return its
    now = load_landmark(given)
    if now.world != its.world:
        print(f"note: {given} has another name, place or size than this lift, which is exported with its own landmark")
        return its
    return now


def build_renderer(config: LiftConfig, landmark: Landmark) -> Renderer:
    """The untrained NeRF of a config, in the landmark's box."""
    settings = {**vars(config.renderer), "grid": vars(config.renderer.grid)}
    try:
        return Renderer(
            box_min=landmark.box_min,
            box_max=landmark.box_max,
            seed=config.seed,
            device=choose_device(config),
            **settings,
        )
    except EngineUnavailable as error:
        asked = f"renderer.engine={config.renderer.engine}, renderer.marching={config.renderer.marching}"
        raise UserError(f"{asked}: {error}") from error


def renderer_weights(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Of a system's state, which may hold more that learns, the renderer's."""
    part = "renderer."
    return {name.removeprefix(part): value for name, value in state.items() if name.startswith(part)}


def load_lifted(run: Run, device: str = "auto") -> Lifted:
    """A run's lift at its last checkpoint, on the device of that name (config key `device`); no prior is needed."""
    config = load_config(run.config)
    if not isinstance(config, LiftConfig):
        raise UserError(f"{run.folder} is a run of system={config.system}; export takes one of system=lift")
    # a checkpoint of any engine loads into any other: what the run was trained with may not work here
    config = replace(config, device=device, renderer=replace(config.renderer, engine="auto", marching="auto"))
    weights = torch.load(last_checkpoint(run.checkpoints), map_location="cpu", weights_only=True)["state_dict"]
    renderer = build_renderer(config, load_landmark(config.landmark))
    renderer.load_state_dict(renderer_weights(weights))
    return Lifted(config, renderer.to(choose_device(config)).eval())

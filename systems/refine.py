"""The second stage of a lift: its surface as a mesh, whose colours go on following the same prior."""

import shlex
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
import trimesh
from torch import Tensor

from gpslift.cameras import Cameras
from gpslift.checkpoint_files import last_checkpoint
from gpslift.config import load_config, save_config
from gpslift.errors import UserError
from gpslift.export.cleanup import Removed
from gpslift.export.landmark import Surface, find_surface, write_landmark
from gpslift.export.level import LevelChoice
from gpslift.geo.landmarks import Landmark, load_landmark
from gpslift.guidance.objectives import Seen, build_objective
from gpslift.guidance.viewpoints import ViewpointSampler
from gpslift.priors.loading import load_cameras, load_prior
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.runs import Run, last_run, open_run
from gpslift.schema.lift import ExportConfig, LiftConfig
from gpslift.schema.refine import RefineConfig
from gpslift.storage import saving, short_path
from renderers.mesh_renderer import MeshRenderer
from renderers.render import Picture
from renderers.renderer import Renderer
from systems.distillation import falling_adam, prior_of, rays_on, save_preview
from systems.lift import build_renderer, check_subject, load_renderer
from systems.running import Steps, fit, make_trainer, prepare, show_summary

LIFT_CONFIG = "lift.yaml"
"""The lift's config, kept in the refinement's run folder."""


@dataclass(frozen=True)
class Scene:
    """What is refined: the mesh with its colours, and what its export says of where the surface was cut."""

    renderer: MeshRenderer
    cut: dict[str, Any]


class RefineSystem(pl.LightningModule):
    """Score distillation into a mesh. The prior is frozen and is no part of the checkpoint."""

    def __init__(
        self,
        config: RefineConfig,
        landmark: Landmark,
        prior: PlaceDiffusionPipeline,
        table: dict[str, Tensor],
        scene: Scene,
        previews: Path,
    ) -> None:
        super().__init__()
        self.config, self.landmark, self.previews = config, landmark, previews
        self.renderer, self.cut = scene.renderer, scene.cut
        self.objective = build_objective(config.guidance, prior, config.optim.steps, config.seed)
        low, high = config.cameras.azimuth
        self.viewpoints = ViewpointSampler(
            landmark,
            table,
            (low, high),
            config.cameras.even_elevation,
            config.cameras.aim_jitter,
            config.guidance.place,
            config.seed,
        )

    def train_dataloader(self) -> Steps:
        """Nothing but the steps: a refinement has no data."""
        return Steps()

    def training_step(self, batch: int, batch_idx: int) -> Tensor:
        """Draws the mesh from the step's cameras and asks the prior."""
        step, optim, guidance = self.global_step, self.config.optim, self.config.guidance
        reuse = guidance.reuse if guidance.objective == "multistep" else 1
        first = step // reuse * optim.batch_size
        views = self.viewpoints.draw(first, optim.batch_size, optim.size)
        picture = drawn(self.renderer, views.cameras, self.device)
        seen = Seen(picture.color.permute(0, 3, 1, 2), (1 - picture.opacity)[:, None])
        if self.objective.needs_pictures(step):
            self.objective.look(Seen(seen.pictures.detach(), seen.clear.detach()), views.place, step, first)
        loss, figures = self.objective(seen, views.place, step, first)
        self.log("guide", loss.detach(), prog_bar=True)
        self.log_dict({**figures, "opacity": picture.opacity.mean()})
        return loss

    def configure_optimizers(self) -> Any:
        """Adam over the colours and the background; the mesh itself is held."""
        trained = [parameter for parameter in self.renderer.parameters() if parameter.requires_grad]
        return falling_adam([{"params": trained}], self.config.optim)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """A preview now and then."""
        if self.trainer.is_global_zero and self.global_step % self.config.log.preview_every_steps == 0:
            self.preview(self.global_step)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """The objective's state and where the surface was cut go with the mesh."""
        checkpoint["objective"], checkpoint["cut"] = self.objective.state_dict(), self.cut

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """And come back with it."""
        self.objective.load_state_dict(checkpoint["objective"])

    def preview(self, step: int) -> None:
        """Colour above normals from six sides, as a picture in the run's previews."""
        save_preview(self.render, self.landmark, self.previews / f"step_{step:08d}.png")

    def render(self, cameras: Cameras) -> Picture:
        """Pictures from CPU cameras, without gradients."""
        return render_image(self.renderer, cameras, self.device)


def drawn(renderer: MeshRenderer, cameras: Cameras, device: torch.device, normals: bool = False) -> Picture:
    """Pictures from CPU cameras, with gradients."""
    _, directions = rays_on(cameras, device)
    return renderer(cameras.camera_to_world.to(device), cameras.fov_y.to(device), directions, normals=normals)


def render_image(renderer: MeshRenderer, cameras: Cameras, device: torch.device) -> Picture:
    """Pictures from CPU cameras with normals, without gradients, one after the other."""
    with torch.no_grad():
        each = [vars(drawn(renderer, cameras[i : i + 1], device, normals=True)) for i in range(len(cameras))]
    return Picture(**{name: torch.cat([one[name] for one in each]) for name in each[0]})


def lifted_scene(config: RefineConfig, run: Run) -> Scene:
    """The surface of the lift that the config names, with the lift's colours; keeps the lift's config in the run.

    Raises UserError where there is no such lift, where it is of another landmark, or where it has no surface.
    """
    source = open_run(config.refine.run) if config.refine.run else last_run(config.output, config.refine.lift)
    lift, lifted = load_renderer(source)
    if lift.landmark != config.landmark:
        raise UserError(
            f"{short_path(source.folder)} is a lift of landmark={lift.landmark}, this config has "
            f"landmark={config.landmark}; set refine.run or landmark"
        )
    landmark = load_landmark(config.landmark)
    surface = surface_of(lifted, landmark, config.export)
    print(f"{surface.choice.explanation}; {len(surface.mesh.faces)} faces")
    with saving(run.folder):
        save_config(lift, run.folder / LIFT_CONFIG)
    fresh = build_renderer(replace(lift, device=config.device), landmark)  # its engine is for this device
    fresh.load_state_dict(lifted.state_dict())
    vertices, faces = (torch.from_numpy(np.array(part)) for part in (surface.mesh.vertices, surface.mesh.faces))
    cut = {"choice": asdict(surface.choice), "removed": asdict(surface.removed)}
    return Scene(mesh_renderer(config, fresh, vertices, faces), cut)


def surface_of(lifted: Renderer, landmark: Landmark, config: ExportConfig) -> Surface:
    """The mesh that the export of a lift would write."""
    device = next(lifted.parameters()).device

    def density(points: Tensor) -> Tensor:
        with torch.no_grad():
            return lifted.density(points.to(device))

    def render(cameras: Cameras) -> Any:
        return lifted.render_image(*rays_on(cameras, device))

    return find_surface(density, render, landmark, config)


def saved_scene(config: RefineConfig, run: Run, checkpoint: Path) -> Scene:
    """The mesh in a checkpoint of a refinement, on the CPU; neither the lift's run nor a prior is needed."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    lift = load_config(run.folder / LIFT_CONFIG)
    assert isinstance(lift, LiftConfig)
    untrained = build_renderer(replace(lift, device=config.device), load_landmark(config.landmark))
    weights = {name.removeprefix("renderer."): value for name, value in state["state_dict"].items()}
    renderer = mesh_renderer(config, untrained, weights["vertices"], weights["faces"])
    renderer.load_state_dict(weights)
    return Scene(renderer, state["cut"])


def mesh_renderer(config: RefineConfig, lifted: Renderer, vertices: Tensor, faces: Tensor) -> MeshRenderer:
    """A mesh [V, 3], [F, 3] with the colours and the background of a lift."""
    return MeshRenderer(
        vertices=vertices,
        faces=faces,
        field=lifted.field,
        background=lifted.background,
        supersample=config.refine.supersample,
    )


def train(config: RefineConfig, run: Run) -> None:
    """Refines a lift from the prior."""
    device = prepare(config)
    landmark = load_landmark(config.landmark)
    path = prior_of(config)
    prior, table = load_prior(path, device), load_cameras(path)
    check_subject(config, prior, landmark)
    scene = saved_scene(config, run, run.resume_from) if run.resume_from else lifted_scene(config, run)
    system = RefineSystem(config, landmark, prior, table, scene, run.previews)
    trainer = make_trainer(
        config,
        run,
        max_steps=config.optim.steps,
        learning_rate=config.optim.lr,
        description=f"refining {landmark.title}",
        gradient_clip=config.optim.gradient_clip,
    )
    fit(trainer, system, None, run, "lower optim.batch_size, optim.size, refine.supersample or export.faces")
    system.to(device)
    system.preview(config.optim.steps)
    own = ["--config", short_path(run.config), "--export", f"export.run={short_path(run.folder)}"]
    show_summary(run, {"next": shlex.join(["python", "launch.py", *own])})


def export(config: RefineConfig) -> None:
    """Writes mesh, georeference and pictures of a run (by default the last of this config) into its export folder."""
    device = prepare(config)
    run = open_run(config.export.run) if config.export.run else last_run(config.output, config.name)
    trained = load_config(run.config)
    if not isinstance(trained, RefineConfig):
        raise UserError(f"{run.folder} is a run of system={trained.system}; this export takes one of system=refine")
    scene = saved_scene(replace(trained, device=config.device), run, last_checkpoint(run.checkpoints))
    renderer = scene.renderer.to(device).eval()
    mesh = trimesh.Trimesh(renderer.vertices.cpu().numpy(), renderer.faces.cpu().numpy(), process=False)
    surface = Surface(mesh, LevelChoice(**scene.cut["choice"]), Removed(**scene.cut["removed"]))

    def color(points: Tensor) -> Tensor:
        return renderer.color(points.to(device))

    def render(cameras: Cameras) -> Picture:
        return render_image(renderer, cameras, device)

    report = write_landmark(surface, color, render, load_landmark(trained.landmark), config.export, run.export)
    print("\n".join(report.summary()))

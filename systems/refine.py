"""The second stage of a lift: its surface as a mesh, whose colours go on following the same prior."""

from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import trimesh
from torch import Tensor

from gpslift.cameras import Cameras
from gpslift.checkpoint_files import last_checkpoint
from gpslift.config import load_config, save_config
from gpslift.errors import UserError
from gpslift.export.cleanup import Removed
from gpslift.export.georeference import remarks_on_height
from gpslift.export.landmark import Surface, find_surface, write_landmark
from gpslift.export.level import LevelChoice
from gpslift.geo.landmarks import Landmark, load_landmark
from gpslift.guidance.objectives import Seen
from gpslift.priors.pipeline import PlaceDiffusionPipeline
from gpslift.runs import Run, chosen_run
from gpslift.schema.lift import LiftConfig
from gpslift.schema.refine import RefineConfig
from gpslift.storage import saving, short_path
from renderers.mesh_renderer import MeshRenderer
from renderers.render import Picture
from renderers.renderer import Renderer
from systems.devices import prepare
from systems.distillation import DistillationSystem, check_first, distil, falling_adam, load_prior_and_cameras, rays_on
from systems.lifted import Lifted, build_renderer, landmark_to_export, load_lifted, renderer_weights
from systems.memory import refine_remedies

LIFT_CONFIG = "lift.yaml"
"""The lift's config, kept in the refinement's run folder."""
CUT_BY = ("resolution", "level", "floater_share", "faces")
"""The keys of `export` that say how the lift's surface is cut, which is done when its refinement begins."""


@dataclass(frozen=True)
class Scene:
    """What is refined: the mesh with its colours, and what its export says of where the surface was cut."""

    renderer: MeshRenderer
    cut: dict[str, Any]


class RefineSystem(DistillationSystem):
    """Score distillation into a mesh."""

    def __init__(
        self,
        config: RefineConfig,
        landmark: Landmark,
        prior: PlaceDiffusionPipeline,
        table: dict[str, Tensor],
        scene: Scene,
        previews: Path,
    ) -> None:
        super().__init__(config, landmark, prior, table, previews)
        self.config = config
        self.renderer, self.cut = scene.renderer, scene.cut

    def training_step(self, batch: int, batch_idx: int) -> Tensor:
        """Draws the mesh from the step's cameras and asks the prior."""
        step, optim = self.global_step, self.config.optim
        first = step // self.objective.reuse * optim.batch_size
        views = self.viewpoints.draw(first, optim.batch_size, optim.size)
        picture = drawn(self.renderer, views.cameras, self.device)
        seen = Seen(picture.color.permute(0, 3, 1, 2), (1 - picture.opacity)[:, None], views.cameras)
        if self.objective.needs_pictures(step):
            whole = replace(seen, pictures=seen.pictures.detach(), clear=seen.clear.detach())
            self.objective.look(whole, views.place, step, first)
        loss, figures = self.objective(seen, views.place, step, first)
        self.note(loss, {**figures, "opacity": picture.opacity.detach().mean()})
        return loss

    def configure_optimizers(self) -> Any:
        """Adam over the colours and the background; the mesh itself is held."""
        trained = [parameter for parameter in self.renderer.parameters() if parameter.requires_grad]
        return falling_adam(trained, self.config.optim)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Where the surface was cut goes with the mesh."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["cut"] = self.cut

    def render(self, cameras: Cameras) -> Picture:
        """See DistillationSystem."""
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


def lift_to_refine(config: RefineConfig, run: Run) -> Lifted:
    """The lift that the config names; keeps the lift's config in the run.

    Raises UserError where there is no such lift, or where it is of another landmark.
    """
    try:
        source = chosen_run(config.refine.run, config.output, config.refine.lift)
    except UserError as error:
        raise UserError(f"there is no lift to refine: {error}, or set refine.lift or refine.run") from error
    lifted = load_lifted(source, config.device)
    if load_landmark(lifted.config.landmark).world != load_landmark(config.landmark).world:
        raise UserError(
            f"{short_path(source.folder)} is a lift of landmark={lifted.config.landmark}, this config has "
            f"landmark={config.landmark}; set refine.run or landmark"
        )
    with saving(run.folder):
        save_config(lifted.config, run.folder / LIFT_CONFIG)
    return lifted


def cut_scene(config: RefineConfig, lifted: Lifted) -> Scene:
    """The surface of a lift, with the lift's colours. Raises UserError where it has no surface."""
    surface = find_surface(lifted.density, lifted.render, load_landmark(config.landmark), config.export)
    print(f"{surface.choice.explanation}; {len(surface.mesh.faces)} faces")
    vertices, faces = (torch.from_numpy(np.array(part)) for part in (surface.mesh.vertices, surface.mesh.faces))
    cut = {"choice": asdict(surface.choice), "removed": asdict(surface.removed)}
    return Scene(mesh_renderer(config, lifted.renderer, vertices, faces), cut)


def saved_scene(config: RefineConfig, run: Run, checkpoint: Path) -> Scene:
    """The mesh in a checkpoint of a refinement, on the CPU; neither the lift's run nor a prior is needed."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    lift = load_config(run.folder / LIFT_CONFIG)
    assert isinstance(lift, LiftConfig)
    untrained = build_renderer(replace(lift, device=config.device), load_landmark(config.landmark))
    weights = renderer_weights(state["state_dict"])
    renderer = mesh_renderer(config, untrained, weights["vertices"], weights["faces"])
    renderer.load_state_dict(weights)
    return Scene(renderer, state["cut"])


def with_the_lifts_prior(config: RefineConfig, run: Run) -> RefineConfig:
    """The config, asking the prior that the lift was made from, where it names none."""
    lift = load_config(run.folder / LIFT_CONFIG)
    assert isinstance(lift, LiftConfig)
    return replace(config, prior=replace(config.prior, path=config.prior.path or lift.prior.path))


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
    check_first(config)
    landmark = load_landmark(config.landmark)
    if run.resume_from:
        make_scene = partial(saved_scene, config, run, run.resume_from)
    else:
        make_scene = partial(cut_scene, config, lift_to_refine(config, run))
    config = with_the_lifts_prior(config, run)
    prior, table = load_prior_and_cameras(config, landmark, device)  # first: to cut a surface takes seconds
    system = RefineSystem(config, landmark, prior, table, make_scene(), run.previews)
    distil(system, config, run, description=f"refining {landmark.title}", remedies=refine_remedies(config))


def export(config: RefineConfig) -> None:
    """Writes mesh, georeference and pictures of a run (by default the last of this config) into its export folder."""
    device = prepare(config)
    run = chosen_run(config.export.run, config.output, config.name)
    trained = load_config(run.config)
    if not isinstance(trained, RefineConfig):
        raise UserError(f"{run.folder} is a run of system={trained.system}; this export takes one of system=refine")
    print(f"exporting {short_path(run.folder)}")
    late = [f"export.{key}" for key in CUT_BY if getattr(config.export, key) != getattr(trained.export, key)]
    if late:
        print(f"note: {', '.join(late)}: of no effect, as this mesh was cut when its refinement began; refine anew")
    scene = saved_scene(replace(trained, device=config.device), run, last_checkpoint(run.checkpoints))
    renderer = scene.renderer.to(device).eval()
    mesh = trimesh.Trimesh(renderer.vertices.cpu().numpy(), renderer.faces.cpu().numpy(), process=False)
    surface = Surface(mesh, LevelChoice(**scene.cut["choice"]), Removed(**scene.cut["removed"]))

    def color(points: Tensor) -> Tensor:
        return renderer.color(points.to(device))

    def render(cameras: Cameras) -> Picture:
        return render_image(renderer, cameras, device)

    landmark = landmark_to_export(trained.landmark, config.landmark)
    report = write_landmark(surface, color, render, landmark, config.export, run.export)
    print("\n".join([*report.summary(), *remarks_on_height(landmark)]))

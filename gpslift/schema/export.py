"""Keys of exporting what was lifted or refined, and of validating it."""

from dataclasses import dataclass

from gpslift.schema.keys import key


@dataclass
class ExportConfig:
    run: str = key("", "run folder to export or to validate; '' = the last run of this config")
    resolution: int = key(160, "marching cubes cells along the box's longest side", low=16, high=1024)
    level: float = key(0.0, "density at which the surface is cut; 0 = chosen from the field", low=0.0)
    floater_share: float = key(
        0.02, "parts smaller than this share of the largest and off the ground are removed", low=0.0, high=1.0
    )
    faces: int = key(50000, "face budget", low=100)
    formats: list[str] = key(["glb", "obj", "ply"], "mesh files to write", choices=("glb", "obj", "ply"))
    texture: bool = key(
        False, "paint GLB and OBJ with a texture instead of vertex colours; needs xatlas and takes longer"
    )
    texture_size: int = key(1024, "side of the texture, texels", low=64, high=8192)
    background: bool = key(False, "pictures show what was learnt behind the landmark, which no mesh has; else grey")
    picture_size: int = key(192, "side of the pictures, pixels", low=16, high=2048)
    turntable_frames: int = key(72, "frames of the turntable", low=4, high=720)


@dataclass
class ValidationConfig:
    truth: str = key(
        "",
        "what a lift is compared with: a made-by-rule shape, or a mesh file (OBJ, ...) in metres; '' = the landmark's "
        "own shape",
    )
    truth_up: str = key(
        "auto",
        "the axis of a mesh file that points up; auto = the one along which it is as high as the landmark",
        choices=("auto", "y", "z"),
    )

"""Configs: typing by the schema, errors that name the key, ranges, values that must fit each other, files."""

import re
from pathlib import Path

import pytest

from gpslift.config import REPOSITORY, differences, load_config, resolve_path, save_config, schema_keys
from gpslift.errors import UserError
from gpslift.schema import EXAMPLES, SYSTEMS
from gpslift.schema.image_prior import ImagePriorConfig
from gpslift.schema.lift import LiftConfig


@pytest.fixture
def prior_file(tmp_path: Path) -> Path:
    path = tmp_path / "prior.yaml"
    path.write_text("system: image_prior\n")
    return path


@pytest.fixture
def lift_file(tmp_path: Path) -> Path:
    path = tmp_path / "lift.yaml"
    path.write_text("system: lift\n")
    return path


def value_of(config: object, name: str) -> object:
    return {key.name: key.value for key in schema_keys(config)}[name]


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("name=no", "no"),
        ("name=007", "007"),
        ("precision=32", "32"),
        ("sample.prompt=a bench: red", "a bench: red"),
        ("sample.prompt=a = b", "a = b"),
        ("sample.prompt=", ""),
        ("sample.azimuth=0,45", [0.0, 45.0]),
        ("sample.azimuth=[0, 45]", [0.0, 45.0]),
        ("sample.azimuth=-90", [-90.0]),
        ("backbone.channels=[64,128,256]", [64, 128, 256]),
        ("optim.lr=1e-3", 0.001),
        ("optim.lr=1", 1.0),
        ("optim.steps=1e4", 10000),
        ("data.embedded_seed=12345678901234567891", 12345678901234567891),
        ("sample.prompt=seed ${seed}", "seed 0"),
        ("place.elevation=no", False),
        ("place.elevation=True", True),
        ("place.elevation=0", False),
    ],
)
def test_overrides_are_typed_by_the_schema(prior_file: Path, override: str, value: object) -> None:
    got = value_of(load_config(prior_file, [override]), override.partition("=")[0])
    assert got == value
    assert type(got) is type(value)


def test_files_are_typed_as_overrides_are(prior_file: Path) -> None:
    prior_file.write_text(
        "system: image_prior\nname: no\nprecision: 32\nsample: {azimuth: [0, 45], prompt: 'a: b'}\n"
        "optim:\n  lr: 1e-3\n  steps: 1_000\nplace.elevation: off\ndata:\n"
    )
    config = load_config(prior_file)
    assert isinstance(config, ImagePriorConfig)
    assert (config.name, config.precision, config.sample.azimuth) == ("no", "32", [0.0, 45.0])
    assert (config.optim.lr, config.place.elevation, config.sample.prompt) == (0.001, False, "a: b")
    assert config.optim.steps == 1000


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("optim.lrr=1", ["unknown key 'optim.lrr'", "did you mean optim.lr?"]),
        ("lr=1", ["unknown key 'lr'", "did you mean optim.lr?"]),
        ("sampel.azimuth=0", ["unknown key 'sampel.azimuth'", "sample.azimuth"]),
        ("seed.x=1", ["unknown key 'seed.x'", "did you mean seed?"]),
        ("zzzzzz=1", ["unknown key 'zzzzzz'", "--keys"]),
        ("optim=3", ["'optim'", "group of keys", "optim.lr"]),
        ("optim.steps", ["'optim.steps'", "key=value"]),
        ("optim.steps=many", ["optim.steps=many", "whole number", "at least 0"]),
        ("optim.steps=1.5", ["optim.steps=1.5", "whole number"]),
        ("optim.steps=-1", ["optim.steps=-1", "at least 0"]),
        ("seed=5000000000", ["seed=5000000000", "a whole number, 0 to 4294967295"]),
        ("optim.lr=nan", ["optim.lr=nan", "number"]),
        ("optim.lr=inf", ["optim.lr=inf", "number"]),
        ("dropout.text=1.1", ["dropout.text=1.1", "0 to 1"]),
        ("place.elevation=maybe", ["place.elevation=maybe", "yes or no"]),
        ("device=gpu", ["device=gpu", "auto or cpu or cuda"]),
        ("sample.azimuth=0,1000", ["sample.azimuth=1000", "-360 to 360"]),
        ("sample.azimuth=0,east", ["sample.azimuth=east", "number"]),
        ("sample.azimuth=[]", ["sample.azimuth", "empty"]),
        ("system=radio", ["system=radio", "image_prior"]),
        ("seed=${nothing}", ["seed", "'nothing' not found"]),
        ("name=${", ["name=${"]),
    ],
)
def test_a_wrong_override_is_refused_by_its_full_key(prior_file: Path, override: str, words: list[str]) -> None:
    with pytest.raises(UserError) as error:
        load_config(prior_file, [override])
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("system", "override", "words"),
    [
        (
            "lift",
            "data.photos=/x",
            "a key of system: image_prior, such as configs/angle2img_statue_of_liberty.yaml; this",
        ),
        ("image_prior", "export.faces=9", "refine_statue_of_liberty.yaml; this config is of system: image_prior"),
        (
            "refine",
            "coloring.share=0",
            "a key of system: lift, such as configs/statue_of_liberty.yaml; this config is of",
        ),
    ],
)
def test_a_key_of_another_system_is_said_to_be_one(tmp_path: Path, system: str, override: str, words: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"system: {system}\n")
    with pytest.raises(UserError) as error:
        load_config(path, [override])
    assert words in str(error.value)
    assert "did you mean" not in str(error.value)


@pytest.mark.parametrize("system", SYSTEMS)
def test_each_system_has_an_example(system: str) -> None:
    assert load_config(EXAMPLES[system]).system == system


def test_trackers_can_be_switched_off(lift_file: Path) -> None:
    assert load_config(lift_file, ["log.trackers=[]"]).log.trackers == []
    with pytest.raises(UserError, match=r"cameras\.azimuth .* is empty"):
        load_config(lift_file, ["cameras.azimuth=[]"])


def test_choices_hold_for_each_element_of_a_list(lift_file: Path) -> None:
    assert load_config(lift_file, ["export.formats=ply,glb"]).export.formats == ["ply", "glb"]  # type: ignore[attr-defined]
    with pytest.raises(UserError, match=r"export\.formats=stl .* glb or obj or ply"):
        load_config(lift_file, ["export.formats=[glb,stl]"])


@pytest.mark.parametrize(
    ("system", "overrides", "words"),
    [
        ("image_prior", ["name=../elsewhere"], "name=../elsewhere"),
        ("image_prior", ["name=.hidden"], "name=.hidden"),
        ("image_prior", ["name="], "name="),
        ("image_prior", ["output="], "output="),
        ("image_prior", ["data.radius_min_m=500", "data.radius_max_m=400"], "data.radius_max_m=400"),
        ("image_prior", ["data.judge_share=.5", "data.test_share=.5"], "data.test_share=0.5"),
        ("image_prior", ["dropout.text=.6", "dropout.place=.5"], "dropout.place=0.5"),
        ("image_prior", ["optim.batch_size=64", "optim.accumulate=7"], "optim.accumulate=7"),
        ("image_prior", ["place.kind=gps", "sample.walk=48,2,49"], "sample.walk=[48.0, 2.0, 49.0] must hold pairs"),
        ("image_prior", ["place.kind=gps", "sample.walk=48,2"], "a walk needs two corners"),
        ("image_prior", ["place.kind=gps", "sample.gps=48,2", "sample.walk=48,2,49,2"], "sample.gps and sample.walk"),
        ("image_prior", ["place.kind=gps", "sample.area=48,2,49,2"], "has 2 of the 3 corners"),
        ("image_prior", ["place.kind=gps", "sample.area=48,2"], "also set sample.radius_m"),
        ("image_prior", ["place.kind=gps", "sample.radius_m=300"], "sample.radius_m=300 needs sample.area"),
        (
            "image_prior",
            ["place.kind=gps", "sample.area=48,2", "sample.radius_m=9", "sample.attention=yes"],
            "sample.attention and sample.nearest are of single places",
        ),
        ("image_prior", ["preview.gps=48,2"], "preview.gps=[48.0, 2.0] needs a prior of a city"),
        ("image_prior", ["place.kind=gps", "preview.gps=48,2,49"], "preview.gps=[48.0, 2.0, 49.0] must hold pairs"),
        ("image_prior", ["sample.area=48,2,49,2,48,3"], "sample.area needs a prior of a city (place.kind=gps"),
        (
            "image_prior",
            ["prior.base=a/b", "optim.optimizer=muon"],
            "optim.optimizer=muon is for training from scratch",
        ),
        ("image_prior", ["prior.base=a/b", "prior.start=a"], "prior.start=a needs prior.base=compact; leave it out"),
        ("image_prior", ["prior.base=a/b", "optim.place_weight=0.8"], "or set optim.place_weight=0.0"),
        ("image_prior", ["prior.base=a/b", "backbone.channels=64"], "backbone.channels=[64] needs prior.base=compact"),
        ("image_prior", ["optim.matrix_lr=0.1"], "optim.matrix_lr=0.1 needs optim.optimizer=muon"),
        ("image_prior", ["prior.base="], "prior.base= is empty; it is compact, or"),
        ("image_prior", ["place.kind=gps", "city=london"], "city=london is not one of gpslift/geo/cities.yaml: "),
        ("image_prior", ["place.kind=gps", "sample.azimuth=0"], "sample.azimuth=[0.0] needs place.kind=azimuth"),
        ("image_prior", ["data.augment=-0.5"], "data.augment=-0.5 must be at least 0, or -1, which stands for what"),
        ("image_prior", ["data.radius_min_m=-0.5"], "data.radius_min_m=-0.5 must be at least 0, or -1"),
        ("image_prior", ["place.kind=gps", "data.radius_max_m=90"], "data.radius_max_m=90.0 needs place.kind=azimuth"),
        ("image_prior", ["sample.walk_images=3"], "sample.walk_images=3 needs place.kind=gps; leave it out, or set"),
        ("lift", ["finish.share=0", "finish.scale=7"], "finish.scale=7.0 needs a finish (finish.share); leave it out"),
        ("lift", ["renderer.background_color=0,0,0"], "needs renderer.background=solid or random; leave it out"),
        ("lift", ["export.texture_size=64"], "export.texture_size=64 needs export.texture=True; leave it out"),
        ("lift", ["guidance.scale_text=-0.5"], "guidance.scale_text=-0.5 must be at least 0, or -1"),
        ("lift", ["guidance.scale=-0.5"], "guidance.scale=-0.5 must be at least 0, or -1, which stands for what suits"),
        ("lift", ["finish.scale=-0.5"], "finish.scale=-0.5 must be at least 0, or -1"),
        ("lift", ["finish.share=-0.5"], "finish.share=-0.5 must be at least 0, or -1"),
        ("lift", ["coloring.share=0.9"], "finish.share=0.25 and coloring.share=0.9 must sum to at most 1"),
        ("lift", ["guidance.negative_prompt=fog", "guidance.scale=1"], "negative_prompt=fog is of no effect at a guid"),
        ("lift", ["guidance.place=text", "guidance.scale_place=3"], "guidance.scale_place=3 needs a place"),
        ("refine", ["guidance.objective=vsd", "guidance.adapter_warmup=1"], "adapter_warmup=1 must be less than 1"),
        ("lift", ["guidance.t_start=0.9"], "guidance.t_start"),
        ("lift", ["guidance.t_end=0.5,0.02"], "guidance.t_end"),
        ("lift", ["guidance.perp_neg=0.5"], "guidance.perp_neg=0.5 needs guidance.negative_prompt"),
        ("lift", ["devices=3"], "optim.batch_size=4 must be a multiple of 3"),
        ("lift", ["cameras.azimuth=0,90,180"], "cameras.azimuth"),
        ("lift", ["cameras.azimuth=0,720"], "whole circle"),
        ("lift", ["guidance.decided=0.7,0.5"], "guidance.decided=[0.7, 0.5] must be two numbers"),
        ("lift", ["finish.share=0.07"], "guidance.adapter_warmup=0.076 must be less than finish.share=0.07; or"),
        ("lift", ["guidance.objective=vsd", "guidance.adapter_warmup=0.95"], "must be less than 1 - coloring.share"),
        ("lift", ["guidance.objective=sds", "optim.resolutions=31,63"], "guidance.stride=2 must divide each of"),
        ("lift", ["coloring.t=0.9"], "coloring.t=[0.9] must be two numbers"),
        ("lift", ["losses.ramp=0.5"], "losses.ramp=[0.5] must be two numbers"),
        ("lift", ["losses.entropy_ramp=0.5,0.2"], "losses.entropy_ramp=[0.5, 0.2] must be two numbers"),
        ("lift", ["renderer.background=solid", "renderer.background_color=0.5"], "red, green, blue"),
        (
            "lift",
            ["renderer.grid.base_resolution=8", "renderer.grid.finest_resolution=4"],
            "renderer.grid.base_resolution=8",
        ),
        ("lift", ["optim.resolutions=64", "optim.resolution_steps=0,0.5"], "optim.resolution_steps"),
        ("lift", ["optim.resolutions=32,64", "optim.resolution_steps=0.5,0"], "start at 0"),
    ],
)
def test_values_must_fit_each_other(tmp_path: Path, system: str, overrides: list[str], words: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"system: {system}\n")
    with pytest.raises(UserError) as error:
        load_config(path, overrides)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: x\n", ["no key 'system'", "lift"]),
        ("system: lift\nseed: 1\nseed: 2\n", ["found duplicate key seed", "line 3"]),
        ("system: lift\noptim: [\n", ["not readable as YAML"]),
        ("- lift\n", ["key: value"]),
        ("", ["no key 'system'"]),
        ("system: lift\noptim:\n  stepz: 5\n", ["unknown key 'optim.stepz'", "config.yaml", "optim.steps"]),
        ("system: lift\nseed: [1, 2]\n", ["seed=['1', '2']", "must be a whole number"]),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        load_config(path)
    for word in ["config.yaml", *words]:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("configs/statue_of_librty.yaml", "configs/statue_of_liberty.yaml or configs/paper/statue_of_liberty.yaml"),
        ("configs/paper/stonehnge.yaml", "configs/paper/stonehenge.yaml or configs/stonehenge.yaml"),
        ("stonehenge", "configs/stonehenge.yaml or configs/paper/stonehenge.yaml"),
        ("paris", "configs/gps2img_paris.yaml or configs/paper/gps2img_paris.yaml"),
        ("refine_statue_of_liberty.yml", "configs/refine_statue_of_liberty.yaml"),
    ],
)
def test_a_mistyped_file_is_answered_with_the_nearest(path: str, meant: str) -> None:
    with pytest.raises(UserError) as error:
        load_config(path)
    assert str(error.value) == f"no config file {path}; did you mean {meant}?"


def test_a_missing_file_like_no_other_is_answered_with_where_they_are() -> None:
    with pytest.raises(UserError, match=r"configs/nothing\.yaml; .*configs/statue_of_liberty\.yaml; docs/configs\.md"):
        load_config("configs/nothing.yaml")


def test_what_cannot_be_extended_is_told_with_the_file_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("extends: configs/statue_of_liberty.yaml\n")
    with pytest.raises(UserError, match=r"mine\.yaml: 'extends' names .*/statue_of_liberty\.yaml, which is not"):
        load_config(path)
    path.write_text("extends: [a.yaml, b.yaml]\n")
    with pytest.raises(UserError, match=r"mine\.yaml: 'extends' takes the path of one config, not \['a\.yaml'"):
        load_config(path)


def test_a_file_extends_another_relative_to_itself(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("system: lift\nseed: 1\noptim: {steps: 10, lr: 0.5}\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "more.yaml").write_text("extends: ../base.yaml\noptim:\n  steps: 20\n")
    config = load_config(tmp_path / "sub" / "more.yaml", ["seed=3"])
    assert isinstance(config, LiftConfig)
    assert (config.seed, config.optim.steps, config.optim.lr) == (3, 20, 0.5)


def test_files_that_extend_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extends: b.yaml\n")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\n")
    with pytest.raises(UserError, match="leads back"):
        load_config(tmp_path / "a.yaml")


SHIPPED = ("gps2img_paris", "gps2img_new_york", "angle2img_stonehenge", "angle2img_own_landmark")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_base_model_is_not_trained_as_a_compact_prior_is(name: str, tmp_path: Path) -> None:
    config = load_config(f"configs/{name}.yaml", ["prior.base=a/b", "optim.lr=2e-6"])
    assert isinstance(config, ImagePriorConfig)
    optim = config.optim
    assert (optim.optimizer, optim.lr, optim.timestep_power, optim.place_weight) == ("adamw", 2e-6, 1, 0)
    assert (optim.steps, optim.gradient_checkpointing, config.backbone.image_size) == (4000, True, 512)
    assert (config.prior.start, config.backbone.pooled_text, config.data.cache_latents) == ("", False, True)
    save_config(config, tmp_path / "saved.yaml")
    assert load_config(tmp_path / "saved.yaml") == config


def test_the_file_that_sets_a_base_goes_over_the_settings_for_finetuning(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("system: image_prior\noptim: {steps: 9, lr: 0.5}\n")
    (tmp_path / "on.yaml").write_text("extends: base.yaml\nprior: {base: a/b}\noptim: {steps: 10}\n")
    (tmp_path / "more.yaml").write_text("extends: on.yaml\nseed: 1\n")
    for overrides in ([], ["prior.base=/another"]):
        config = load_config(tmp_path / "more.yaml", overrides)
        assert isinstance(config, ImagePriorConfig)
        assert (config.seed, config.optim.steps, config.optim.lr, config.optim.optimizer) == (1, 10, 1e-5, "adamw")
    assert load_config(tmp_path / "base.yaml", ["prior.base=compact"]) == load_config(tmp_path / "base.yaml")


def test_the_steps_for_embedded_photos_are_not_those_for_a_folder_of_few(tmp_path: Path) -> None:
    def steps(path: str | Path, *overrides: str) -> int:
        config = load_config(path, overrides)
        assert isinstance(config, ImagePriorConfig)
        return config.optim.steps

    statue, folder = "configs/angle2img_statue_of_liberty.yaml", "data.photos=/my/photos"
    assert steps(statue) == steps(statue, "data.photos=embedded") == 12500
    assert steps(statue, folder) == steps("configs/angle2img_stonehenge.yaml", folder) == 0  # by their number
    assert steps(statue, folder, "optim.steps=700") == 700
    (tmp_path / "mine.yaml").write_text(f"extends: {REPOSITORY / statue}\ndata: {{photos: /a}}\noptim: {{steps: 9}}\n")
    assert steps(tmp_path / "mine.yaml") == steps(tmp_path / "mine.yaml", folder) == 9
    assert steps(statue, folder, "prior.base=a/b") == 4000
    assert steps("configs/paper/angle2img_statue_of_liberty.yaml", folder) == 800


def test_the_papers_cities_are_trained_alike() -> None:
    paris, new_york = (load_config(f"configs/paper/gps2img_{city}.yaml") for city in ("paris", "new_york"))
    assert {line.split()[0] for line in differences(paris, new_york)} == {"name", "city"}


@pytest.mark.parametrize(
    ("section", "path", "ours"),
    [("Prior", "angle2img_statue_of_liberty", {"optim.place_lr=0"}), ("Lifting", "stonehenge", set())],
)
def test_the_papers_configs_set_what_the_documents_name(section: str, path: str, ours: set[str]) -> None:
    rows = (REPOSITORY / "docs/paper.md").read_text().partition(f"## {section}\n")[2].partition("\n## ")[0]
    last = " ".join(row.split("|")[-2] for row in rows.splitlines() if row.startswith("|"))
    named = set(re.findall(r"(?<=[` ])[a-z_.]+=[\w.,]+", last)) - ours
    assert len(named) > 5
    assert (
        differences(load_config(f"configs/paper/{path}.yaml"), load_config(f"configs/paper/{path}.yaml", [*named]))
        == []
    )


def test_a_lift_has_no_base_model(lift_file: Path) -> None:
    with pytest.raises(UserError, match=r"unknown key 'prior\.base'"):
        load_config(lift_file, ["prior.base=a/b"])


def test_a_saved_config_loads_as_it_was(prior_file: Path, tmp_path: Path) -> None:
    overrides = ["name=no", "optim.lr=1e-7", "sample.prompt=a: 'b' # ü", "sample.azimuth=1.5,2", "place.elevation=no"]
    config = load_config(prior_file, [*overrides, "data.embedded_shape="])
    save_config(config, tmp_path / "saved.yaml")
    assert load_config(tmp_path / "saved.yaml") == config


def test_differences_name_the_keys_that_changed(prior_file: Path) -> None:
    before = load_config(prior_file, ["optim.lr=0.001", "seed=0"])
    after = load_config(prior_file, ["optim.lr=0.5", "seed=4"])
    assert differences(before, after) == ["seed 0 -> 4", "optim.lr 0.001 -> 0.5"]
    assert differences(before, before) == []


def test_paths_are_found_from_the_repository_whatever_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve_path("configs/statue_of_liberty.yaml") == REPOSITORY / "configs/statue_of_liberty.yaml"
    assert load_config("configs/statue_of_liberty.yaml").name == "statue_of_liberty"
    assert resolve_path("no/such/file") == Path("no/such/file")
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "statue_of_liberty.yaml").write_text("system: lift\nname: mine\n")
    assert load_config("configs/statue_of_liberty.yaml").name == "mine"


@pytest.mark.parametrize("path", sorted((REPOSITORY / "configs").rglob("*.yaml")), ids=lambda path: path.name)
def test_every_shipped_config_loads(path: Path) -> None:
    config = load_config(path)
    assert config.name.endswith(path.stem)

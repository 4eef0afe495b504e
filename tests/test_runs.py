"""Run folders: names, what is written, which run to go on from, damaged checkpoints, a full disk."""

import errno
import json
import os
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from gpslift.checkpoint_files import checkpoints_of, is_whole, last_checkpoint
from gpslift.config import load_config
from gpslift.errors import UserError
from gpslift.geo.landmarks import load_landmark
from gpslift.runs import (
    Run,
    forget_unstarted,
    go_on_command,
    last_run,
    next_command,
    open_run,
    record_start,
    runs_of,
    start_run,
    write_status,
)
from gpslift.schema.lift import LiftConfig
from gpslift.schema.run import RunConfig
from gpslift.storage import replace_text, saving


def config_for(tmp_path: Path, **values: object) -> LiftConfig:
    return LiftConfig(name="tower", output=str(tmp_path / "outputs"), **values)  # type: ignore[arg-type]


def put_checkpoint(run: Run, step: int, *, whole: bool = True, newest: bool = True) -> Path:
    """A file that looks like a checkpoint (torch writes zip archives); cut in half where it is not to be whole."""
    path = run.checkpoints / f"step_{step:08d}.ckpt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", bytes(range(256)) * 8)
    if not whole:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    if newest:
        (run.checkpoints / "last").write_text(path.name)
    return path


def test_a_new_run_has_a_folder_of_its_own_even_within_a_second(tmp_path: Path) -> None:
    runs = [start_run(config_for(tmp_path)) for _ in range(12)]
    assert len({run.folder for run in runs}) == 12
    assert all(run.folder.parent == tmp_path / "outputs" / "tower" for run in runs)
    assert [run.folder for run in runs_of(str(tmp_path / "outputs"), "tower")] == [run.folder for run in runs]


def test_a_run_records_config_versions_seed_and_command(tmp_path: Path) -> None:
    config = config_for(tmp_path, seed=7)
    run = start_run(config)
    assert load_config(run.config) == config
    (start,) = json.loads((run.folder / "versions.json").read_text())
    assert start["seed"] == 7
    assert start["packages"]["torch"]
    assert start["command"] and start["python"]
    assert run.checkpoints.is_dir() and run.previews.is_dir()
    assert run.resume_from is None


def test_resume_last_takes_the_newest_run_with_a_checkpoint(tmp_path: Path) -> None:
    first, second, _ = (start_run(config_for(tmp_path)) for _ in range(3))
    put_checkpoint(first, 5)
    newest = put_checkpoint(second, 5)
    told: list[str] = []
    run = start_run(config_for(tmp_path, resume="last"), told.append)
    assert (run.folder, run.resume_from) == (second.folder, newest)
    assert any("going on from" in line for line in told)


def test_resume_takes_a_run_folder_or_a_checkpoint(tmp_path: Path) -> None:
    run = start_run(config_for(tmp_path))
    early, late = put_checkpoint(run, 5), put_checkpoint(run, 10)
    assert start_run(config_for(tmp_path, resume=str(run.folder))).resume_from == late
    resumed = start_run(config_for(tmp_path, resume=str(early)))
    assert (resumed.folder, resumed.resume_from) == (run.folder, early)


def test_the_pointer_says_which_checkpoint_is_newest(tmp_path: Path) -> None:
    run = start_run(config_for(tmp_path))
    steps = [put_checkpoint(run, step) for step in (5, 15, 10)]  # gone on from step 5 after 15 had been reached
    assert checkpoints_of(run.checkpoints) == [steps[1], steps[0], steps[2]]  # the course given up goes first
    assert last_checkpoint(run.checkpoints) == steps[2]
    (run.checkpoints / "last").unlink()
    assert last_checkpoint(run.checkpoints) == steps[1]


def test_resume_last_falls_back_from_a_damaged_checkpoint_and_says_so(tmp_path: Path) -> None:
    run = start_run(config_for(tmp_path))
    good = put_checkpoint(run, 5)
    put_checkpoint(run, 10, whole=False)
    told: list[str] = []
    assert start_run(config_for(tmp_path, resume="last"), told.append).resume_from == good
    assert any("warning" in line and "step_00000010.ckpt is damaged" in line for line in told)


def test_a_named_folder_with_a_damaged_checkpoint_is_refused_with_the_good_one(tmp_path: Path) -> None:
    run = start_run(config_for(tmp_path))
    put_checkpoint(run, 5)
    put_checkpoint(run, 10, whole=False)
    with pytest.raises(UserError, match=r"step_00000010\.ckpt is damaged.*resume=.*step_00000005\.ckpt"):
        start_run(config_for(tmp_path, resume=str(run.folder)))


def test_damage_in_the_middle_is_found(tmp_path: Path) -> None:
    run = start_run(config_for(tmp_path))
    path = put_checkpoint(run, 5)
    assert is_whole(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert not is_whole(path)
    with pytest.raises(UserError, match="start anew"):
        last_checkpoint(run.checkpoints)


@pytest.mark.parametrize(
    ("resume", "words"),
    [
        ("last", "no run named 'tower'"),
        ("nowhere", "no run folder nowhere"),
        (".", "has no config.yaml"),
    ],
)
def test_a_resume_that_cannot_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resume: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=words):
        start_run(config_for(tmp_path, resume=resume))


def test_runs_without_checkpoints_are_counted_in_the_error(tmp_path: Path) -> None:
    run = start_run(config_for(tmp_path))
    with pytest.raises(UserError, match="none of the 1 runs"):
        start_run(config_for(tmp_path, resume="last"))
    with pytest.raises(UserError, match="no checkpoint"):
        start_run(config_for(tmp_path, resume=str(run.folder)))
    with pytest.raises(UserError, match="runs there: tower"):
        last_run(str(tmp_path / "outputs"), "bridge")


def test_a_run_of_another_system_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "prior.yaml"
    path.write_text(f"system: image_prior\nname: tower\noutput: {tmp_path / 'outputs'}\n")
    put_checkpoint(start_run(load_config(path)), 5)
    with pytest.raises(UserError, match="system=image_prior"):
        start_run(config_for(tmp_path, resume="last"))


def test_a_run_of_another_landmark_is_refused(tmp_path: Path) -> None:
    run = start_run(config_for(tmp_path, landmark="stonehenge"))
    put_checkpoint(run, 5)
    with pytest.raises(UserError, match="is a run of Stonehenge, this config is of Space Needle; leave resume= out"):
        start_run(config_for(tmp_path, landmark="space_needle", resume="last"))
    assert load_config(run.config).landmark == "stonehenge"


def test_a_run_that_never_began_is_forgotten_one_that_did_is_not(tmp_path: Path) -> None:
    never, began = start_run(config_for(tmp_path)), start_run(config_for(tmp_path))
    write_status(began, "failed", 0, 10)
    put_checkpoint(resumed := replace(began, resume_from=began.checkpoints), 5)
    for run in (never, began, resumed):
        forget_unstarted(run)
    assert not never.folder.exists() and began.folder.exists()


def test_keys_that_differ_from_the_run_so_far_are_told(tmp_path: Path) -> None:
    run = start_run(config_for(tmp_path))
    put_checkpoint(run, 5)
    told: list[str] = []
    config = config_for(tmp_path, resume="last", seed=3)
    resumed = start_run(config, told.append)
    assert "warning: unlike the run so far: seed 0 -> 3" in told
    assert load_config(run.config).seed == 0  # until its checkpoint is loaded
    record_start(resumed, config)
    assert load_config(run.config).seed == 3
    assert [start["seed"] for start in json.loads((run.folder / "versions.json").read_text())] == [0, 3]


OWN = "name: Mill\nlatitude: 52\nlongitude: 5\nheight: {}\n"


def test_a_run_keeps_its_own_landmark_wherever_the_folder_goes(tmp_path: Path) -> None:
    file = tmp_path / "mill.yaml"
    file.write_text(OWN.format(20))
    run = start_run(config_for(tmp_path, landmark=str(file)))
    assert "landmark: landmark.yaml" in run.config.read_text()
    moved = run.folder.rename(tmp_path / "elsewhere")
    file.unlink()
    found = load_config(moved / "config.yaml").landmark
    assert found == str((moved / "landmark.yaml").resolve())
    assert load_landmark(found).height_m == 20


def test_a_resume_tells_of_a_landmark_only_where_its_file_says_something_else(tmp_path: Path) -> None:
    file = tmp_path / "mill.yaml"
    file.write_text(OWN.format(20))
    config = config_for(tmp_path, landmark=str(file))
    put_checkpoint(start_run(config), 10)
    said: list[str] = []
    start_run(replace(config, resume="last"), said.append)
    assert not [line for line in said if "landmark" in line]
    file.write_text(OWN.format(20) + "ground_altitude_m: 3\n")
    run = start_run(replace(config, resume="last"), said.append)
    record_start(run, config)
    assert [line for line in said if "unlike the run so far: landmark" in line]
    assert load_landmark(load_config(run.config).landmark).ground_altitude_m == 3
    go_on = replace(load_config(run.config), resume=str(run.folder))
    record_start(start_run(go_on), go_on)
    assert load_landmark(load_config(run.config).landmark).ground_altitude_m == 3


def test_a_landmark_that_was_moved_or_has_grown_is_another_one(tmp_path: Path) -> None:
    file = tmp_path / "mill.yaml"
    file.write_text(OWN.format(20))
    config = config_for(tmp_path, landmark=str(file))
    put_checkpoint(start_run(config), 10)
    grown, moved = OWN.format(25), OWN.replace("52", "53").format(20)
    for changed, told in ((grown, "half_extent_m"), (moved, "latitude 52.0 -> 53.0")):
        file.write_text(changed)
        with pytest.raises(UserError, match=f"is a run of another Mill .{told}"):
            start_run(replace(config, resume="last"))


def test_a_wrong_landmark_leaves_no_run_behind(tmp_path: Path) -> None:
    (tmp_path / "mill.yaml").write_text(OWN.format("tall"))
    with pytest.raises(UserError, match="height=tall must be a number"):
        start_run(config_for(tmp_path, landmark=str(tmp_path / "mill.yaml")))
    with pytest.raises(UserError, match="eiffel"):
        start_run(config_for(tmp_path, landmark="eiffel"))
    assert not runs_of(str(tmp_path), "test") and not [path for path in tmp_path.rglob("*") if path.is_dir()]


def test_the_next_command_is_by_the_launch_py_that_was_called(monkeypatch: pytest.MonkeyPatch) -> None:
    for called, script in (("/a b/launch.py", "'/a b/launch.py'"), ("/usr/bin/pytest", "launch.py")):
        monkeypatch.setattr(sys, "argv", [called, "--train"])
        assert next_command("--config", "x y.yaml") == f"python {script} --config 'x y.yaml'"


def test_go_on_command_repeats_the_command_line_with_another_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = Run(tmp_path / "outputs" / "tower" / "now")
    given = ["launch.py", "--config", "c.yaml", "--train", "resume=last", "sample.prompt=a bench"]
    expected = "python launch.py --config c.yaml --train 'sample.prompt=a bench' resume=outputs/tower/now"
    assert go_on_command(run, given) == expected


def test_status_says_how_far_a_run_came(tmp_path: Path) -> None:
    run = start_run(config_for(tmp_path))
    write_status(run, "interrupted", 3, 10, "why")
    status = json.loads(run.status.read_text())
    assert {key: status[key] for key in ("state", "step", "steps", "message")} == {
        "state": "interrupted",
        "step": 3,
        "steps": 10,
        "message": "why",
    }
    assert open_run(run.folder) == run


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "disk is full"), (errno.EACCES, "may not be written"), (errno.ENOTDIR, "in, a file and no folder")],
)
def test_a_full_or_locked_disk_is_told_with_the_folder(tmp_path: Path, number: int, words: str) -> None:
    with pytest.raises(UserError, match=words) as error, saving(tmp_path):
        raise OSError(number, os.strerror(number))
    assert str(tmp_path) in str(error.value)
    with pytest.raises(OSError, match="something else"), saving(tmp_path):
        raise OSError(errno.EIO, "something else")


def test_a_full_disk_at_the_start_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(config: RunConfig, path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("gpslift.runs.save_config", full)
    with pytest.raises(UserError, match="the disk is full"):
        start_run(config_for(tmp_path))


def test_a_small_file_is_replaced_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last"
    replace_text(path, "old")

    def killed(source: object, target: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        replace_text(path, "new")
    assert path.read_text() == "old"

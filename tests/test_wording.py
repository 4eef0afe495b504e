"""Numbers in messages, where there is only one of a thing too."""

from pathlib import Path

from rich.console import Console

from gpslift.priors.schedule import in_words
from gpslift.schema.image_prior import ImagePriorConfig
from gpslift.storage import names
from gpslift.wording import clock, counted
from systems.sampling.common import show_where


def test_one_thing_is_singular() -> None:
    assert [counted(count, "photo") for count in (0, 1, 2)] == ["0 photos", "1 photo", "2 photos"]


def test_times_are_minutes_and_seconds() -> None:
    assert [clock(seconds) for seconds in (0, 59.9, 392, 6000)] == ["0:00", "0:59", "6:32", "100:00"]


def test_messages_of_one_thing() -> None:
    config = ImagePriorConfig()
    config.optim.steps, config.optim.patience, config.optim.held_out_every_steps = 1, 1, 1
    said = in_words(config, 1)
    assert said.startswith("1 photo: 1 step") and said.endswith("has not fallen for 1 step")
    console = Console(record=True, width=200)
    show_where(console, 1, Path("samples"))
    assert console.export_text().startswith("1 picture: samples")


def test_of_a_full_folder_a_few_names_are_told(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number:02}.jpg").touch()
    assert names(tmp_path).startswith("00.jpg, 01.jpg,") and names(tmp_path).endswith("11.jpg, ... (30 in all)")
    assert names(tmp_path / "none") == "nothing"

"""Cache files, made by one process while others wait."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from gpslift.errors import UserError
from gpslift.photos.files import made_once


def test_what_two_look_for_at_once_is_made_by_one(tmp_path: Path) -> None:
    both_found_nothing, made = Barrier(2), []

    def one() -> str:
        looked = []

        def find() -> str | None:
            looked.append(True)
            if len(looked) == 1:
                both_found_nothing.wait(60)
                return None
            return made[0] if made else None

        return made_once(tmp_path / "cache" / "photos", find, lambda: made.append("made"))

    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(one) for _ in range(2)]
        assert [each.result(60) for each in found] == ["made", "made"]
    assert made == ["made"]


def test_what_is_there_needs_no_place_to_write(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir(mode=0o500)
    assert made_once(tmp_path / "cache" / "photos", lambda: "there", lambda: None) == "there"
    assert not list((tmp_path / "cache").iterdir())


def test_who_waits_is_told_what_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "photos"
    with ThreadPoolExecutor(1) as pool:

        def make_while_another_waits() -> None:
            others.append(pool.submit(made_once, path, lambda: path.is_file() or None, lambda: None))
            said = ""
            while "waiting for another process, which is making" not in said:
                said += capsys.readouterr().out
            path.touch()

        others: list[Future[bool]] = []
        assert made_once(path, lambda: path.is_file() or None, make_while_another_waits)
        assert others[0].result(60)


def test_what_cannot_be_read_back_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read back .*photos: the disk that holds data.cache"):
        made_once(tmp_path / "photos", lambda: None, lambda: None)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(UserError, match=r"cannot write .*photos.*data.cache sets where it goes"):
        made_once(tmp_path / "cache" / "photos", lambda: None, lambda: None)

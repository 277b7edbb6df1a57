"""Dead letters are bounded, for their owner alone, and never the application's trouble."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tracing_proxies.delivery.spool.dead import DeadLetters


@pytest.fixture
def ticking() -> list[int]:
    return [10**18]


def letters(folder: Path, ticking: list[int], **bounds: int) -> DeadLetters:
    def wall() -> int:
        ticking[0] += 1
        return ticking[0]

    return DeadLetters(folder, wall=wall, **bounds)


def contents(dead: DeadLetters) -> list[bytes]:
    return [dead.read(letter) for letter in dead.letters()]


def test_what_is_buried_can_be_read_in_order_and_removed(tmp_path: Path, ticking: list[int]) -> None:
    dead = letters(tmp_path / "spool", ticking)
    assert dead.letters() == []
    assert all(dead.bury(request, "http_400") for request in (b"one", b"two", b"three"))
    assert contents(dead) == [b"one", b"two", b"three"]
    dead.remove(dead.letters()[1])
    assert contents(dead) == [b"one", b"three"]
    assert dead.status() == {"folder": str(tmp_path / "spool" / "dead"), "spans": 3, "trouble": ""}
    for file in dead.folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_oldest_go_where_there_are_too_many(tmp_path: Path, ticking: list[int]) -> None:
    dead = letters(tmp_path, ticking, most_letters=5)
    for number in range(12):
        assert dead.bury(b"%d" % number, "http_400")
    assert contents(dead) == [b"7", b"8", b"9", b"10", b"11"]


def test_the_oldest_go_where_they_take_too_much(tmp_path: Path, ticking: list[int]) -> None:
    dead = letters(tmp_path, ticking, most_bytes=1_000)
    for number in range(10):
        assert dead.bury(b"%d" % number * 300, "http_413")
    assert [content[:1] for content in contents(dead)] == [b"7", b"8", b"9"]
    assert not dead.bury(b"x" * 1_001, "http_413"), "and what alone is too large is not kept"
    assert dead.trouble
    assert len(contents(dead)) == 3


def test_another_process_counts_to_the_bounds_as_well(tmp_path: Path, ticking: list[int]) -> None:
    first, second = (letters(tmp_path, ticking, most_letters=3) for _ in range(2))
    for number in range(4):
        assert (first, second)[number % 2].bury(b"%d" % number, "http_400")
    assert contents(first) == [b"1", b"2", b"3"]
    child = os.fork()
    if child == 0:
        os._exit(0 if first.status()["spans"] == 0 else 1)
    assert os.waitpid(child, 0)[1] == 0, "a child has buried nothing yet"


@pytest.mark.parametrize("obstacle", ["file", "link"])
def test_something_else_in_the_folders_place_is_told_and_left_alone(
    tmp_path: Path, ticking: list[int], obstacle: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if obstacle == "link":
        (tmp_path / "dead").symlink_to(elsewhere)
    else:
        (tmp_path / "dead").write_text("mine")
    dead = letters(tmp_path, ticking)
    assert not dead.bury(b"one", "http_400")
    assert dead.trouble
    assert list(elsewhere.iterdir()) == []


def test_files_of_others_are_neither_read_nor_kept_for_ever(tmp_path: Path, ticking: list[int]) -> None:
    dead = letters(tmp_path, ticking, most_letters=2)
    assert dead.bury(b"one", "http_400")
    (dead.folder / "left-by-a-killed-process.gz.new").write_bytes(b"half")
    assert contents(dead) == [b"one"]
    assert dead.bury(b"two", "http_400")
    assert dead.bury(b"three", "http_400")
    assert contents(dead) == [b"two", b"three"]
    assert len(list(dead.folder.iterdir())) == 2

"""What of a folder is read, and what is left alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.scanning.support import plant, scan
from tracing_proxies.scanning.files import DEEPEST, find_files
from tracing_proxies.scanning.survey import survey

SKIPPED = [
    ".hidden/a.py", ".venv/lib/a.py", "env/a.py", "other/pyvenv.cfg", "other/lib/a.py", "node_modules/a.py",
    "build/a.py", "dist/a.py", "__pycache__/a.py", "shop.egg-info/a.py", "tests/a.py", "test/a.py",
    "shop/test_agents.py", "shop/agents_test.py", "conftest.py", "setup.py", "notes.txt", "shop/.#agents.py",
]  # fmt: skip


def names(folder: Path, most: int = 100) -> list[str]:
    return [str(file.relative_to(folder)) for file in find_files(folder, most).found]


def test_environments_tests_and_build_output_are_left_out(tmp_path: Path) -> None:
    plant(tmp_path, dict.fromkeys([*SKIPPED, "shop/agents.py", "app.py"], ""))
    assert names(tmp_path) == ["app.py", "shop/agents.py"]


def test_what_is_named_is_read_whatever_it_is_called(tmp_path: Path) -> None:
    plant(tmp_path, {"site-packages/tests/shop.py": "", "setup.py": ""})
    assert names(tmp_path / "site-packages") == []
    assert names(tmp_path / "site-packages" / "tests") == ["shop.py"]
    assert [file.name for file in find_files(tmp_path / "setup.py").found] == ["setup.py"]


def test_folders_behind_symbolic_links_are_not_entered(tmp_path: Path) -> None:
    plant(tmp_path, {"shop/agents.py": ""})
    (tmp_path / "shop" / "again").symlink_to(tmp_path)
    (tmp_path / "loop.py").symlink_to(tmp_path / "loop.py")
    found = survey([tmp_path])
    assert found.files == 1
    assert [file for file, _ in found.unread] == [f"{tmp_path.name}/loop.py"]


def test_a_named_symbolic_link_is_followed(tmp_path: Path) -> None:
    plant(tmp_path, {"real/agents.py": ""})
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert names(tmp_path / "link") == ["agents.py"]


def test_the_number_of_files_and_their_depth_are_bounded_and_it_says_so(tmp_path: Path) -> None:
    plant(tmp_path, {f"m{i:02}.py": "" for i in range(20)})
    found = find_files(tmp_path, 5)
    assert len(found.found) == 5
    assert found.left_out == ("files after the first 5",)
    deep = "/".join(["d"] * (DEEPEST + 3))
    plant(tmp_path / "deep", {f"{deep}/a.py": ""})
    assert "folders below" in find_files(tmp_path / "deep").left_out[0]


def test_files_after_the_time_is_up_are_counted(tmp_path: Path) -> None:
    plant(tmp_path, {"a.py": "", "b.py": ""})
    found = survey([tmp_path], longest=-1.0)
    assert (found.files, found.left_out) == (0, ("2 files that were not read when the time was up",))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    plant(tmp_path, {"closed/a.py": ""})
    (tmp_path / "closed").chmod(0)
    try:
        assert "closed" in find_files(tmp_path).left_out[0]
    finally:
        (tmp_path / "closed").chmod(0o700)


def test_nothing_is_neither_a_folder_nor_a_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        find_files(tmp_path / "nothing")


def test_progress_counts_the_files(tmp_path: Path) -> None:
    plant(tmp_path, {"a.py": "", "b.py": ""})
    told: list[tuple[int, int]] = []
    survey([tmp_path], progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    scan(tmp_path, "class MyAgent:\n    def run(self): return 1\n")
    assert survey([tmp_path, tmp_path / "app.py"]).files == 1

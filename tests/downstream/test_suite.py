"""A library's tests import the library that is installed, not the one in its unpacked sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.downstream.suite import Library, Suite


def suite(folder: Path, *files: str, **entry: Any) -> Suite:
    for file in files:
        (folder / "lib" / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / "lib" / file).touch()
    (folder / "lib" / "env" / "lib" / "python3.11" / "site-packages").mkdir(parents=True, exist_ok=True)
    return Suite(Library("lib", "lib==1", ("lib",), **entry), folder, "python")


SITE = "env/lib/python3.11/site-packages"


@pytest.mark.parametrize("place", ["lib/__init__.py", "lib.py", "src/lib/__init__.py"])
def test_a_package_in_the_sources_is_moved_away(tmp_path: Path, place: str) -> None:
    files = (f"source/lib-1/{place}", "source/lib-1/tests/test_it.py", f"{SITE}/{place.removeprefix('src/')}")
    made = suite(tmp_path, *files, pytest=("tests", "-k", "not slow"))
    made._hide()
    made._hide()
    assert not (made.source / place).exists()
    assert (made.folder / "hidden" / place).exists()
    assert [made._argument(argument) for argument in made.library.pytest] == ["tests", "-k", "not slow"]


def test_tests_within_the_package_are_those_that_are_installed(tmp_path: Path) -> None:
    names = ("lib/tests/test_it.py", "lib/tests/test_other.py")
    files = [f"{place}/{name}" for name in names for place in ("source/lib-1", SITE)]
    given = ("lib", "lib/tests/test_it.py", "--ignore=lib/tests/test_other.py", "-q")
    made = suite(tmp_path, *files, pytest=given)
    made._hide()
    other = tmp_path / "lib" / SITE / names[1]
    assert [made._argument(argument) for argument in given] == ["lib", "lib.tests.test_it", f"--ignore={other}", "-q"]


def test_tests_that_are_not_installed_are_added(tmp_path: Path) -> None:
    files = ("source/lib-1/lib/tests/test_it.py", "source/lib-1/lib/__init__.py", f"{SITE}/lib/__init__.py")
    made = suite(tmp_path, *files, pytest=("lib/tests",))
    (made.source / "lib" / "__init__.py").write_text("1")
    made._hide()
    assert not (made.source / "lib").exists()
    assert made._argument("lib/tests") == "lib.tests"
    assert made._moved("lib/tests/test_it.py").exists()
    assert made._moved("lib/__init__.py").read_text() == ""


def test_what_is_not_installed_stays(tmp_path: Path) -> None:
    made = suite(tmp_path, "source/lib-1/lib/__init__.py", pytest=("tests",))
    made._hide()
    assert (made.source / "lib").exists()

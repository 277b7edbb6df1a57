"""Which files of a folder are an application's source, within bounds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

MOST_FILES: Final = 5_000
DEEPEST: Final = 24

_OTHERS: Final = frozenset(
    "venv env virtualenv site-packages dist-packages node_modules build dist __pycache__ tests test testing docs "
    "migrations".split()
)
_SUFFIXES: Final = (".egg-info", ".dist-info")


@attrs.frozen
class Files:
    """The files to read.

    Args:
        root: the folder that was asked for, or that of the file.
        found: absolute, in the order of their paths.
        left_out: what a bound kept out, in words.
    """

    root: Path
    found: tuple[Path, ...]
    left_out: tuple[str, ...] = ()


def find_files(path: Path, most: int = MOST_FILES) -> Files:
    """Find the source files of a folder, or take the one file that is named.

    Virtual environments, tests, hidden folders, build output and folders that are symbolic links are left out; the
    folder itself may be any of these.

    Args:
        path: a folder or a file.
        most: how many files are taken.

    Raises:
        FileNotFoundError: there is neither a folder nor a file.
    """
    path = Path(os.path.abspath(path))
    if path.is_file():
        return Files(path.parent, (path,))
    if not path.is_dir():
        raise FileNotFoundError(path)
    found: list[Path] = []
    left_out: list[str] = []
    for file in _walk(path, left_out):
        if len(found) >= most:
            left_out.append(f"files after the first {most:,}")
            break
        found.append(file)
    return Files(path, tuple(found), tuple(left_out))


def _walk(root: Path, left_out: list[str]) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        left_out.append(f"{error.filename}: {error.strerror}")

    for folder, folders, names in os.walk(root, onerror=unreadable):
        here = Path(folder)
        if len(here.parts) - len(root.parts) >= DEEPEST:
            if folders:
                left_out.append(f"folders below {here}")
            folders.clear()
        folders[:] = sorted(name for name in folders if _is_of_the_application(here / name))
        for name in sorted(names):
            if name.endswith(".py") and not _is_a_test(name):
                yield here / name


def _is_of_the_application(folder: Path) -> bool:
    name = folder.name
    if name.startswith(".") or name in _OTHERS or name.endswith(_SUFFIXES):
        return False
    return not folder.is_symlink() and not (folder / "pyvenv.cfg").exists()


def _is_a_test(name: str) -> bool:
    return name.startswith((".", "test_")) or name.endswith("_test.py") or name in ("conftest.py", "setup.py")

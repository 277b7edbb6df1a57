"""The facts of all modules of a folder, read within bounds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import attrs

from tracing_proxies.scanning.facts import ModuleFacts
from tracing_proxies.scanning.files import MOST_FILES, Files, find_files
from tracing_proxies.scanning.names import MAIN, Named, name_modules
from tracing_proxies.scanning.reading import place_module, read_module
from tracing_proxies.scanning.source import UnreadableError, parse_file

LONGEST: Final = 60.0
Progress = Callable[[int, int], None]


@attrs.frozen
class Modules:
    """What was read.

    Args:
        read: the facts, in the order of the files.
        folders: the folders that have to be on the path, each with the modules that are imported from it.
        unread: files that could not be read, each with the reason.
        left_out: what the bounds kept out.
    """

    read: tuple[ModuleFacts, ...]
    folders: tuple[tuple[Path, frozenset[str]], ...]
    unread: tuple[tuple[str, str], ...]
    left_out: tuple[str, ...]


def read_modules(
    sources: Sequence[Path],
    *,
    most_files: int = MOST_FILES,
    longest: float = LONGEST,
    progress: Progress | None = None,
) -> Modules:
    """Read the modules in folders, and single files.

    Args:
        most_files: how many files are read of each.
        longest: seconds after which no more files are read.
        progress: told how many files of how many are read.

    Raises:
        FileNotFoundError: one of them is neither a folder nor a file.
    """
    files = [find_files(source, most_files) for source in sources]
    return _Reading(files, longest, progress).read()


class _Reading:
    def __init__(self, files: Sequence[Files], longest: float, progress: Progress | None) -> None:
        self._found = list(dict.fromkeys(file for each in files for file in each.found))
        self._roots = [each.root for each in files]
        self._until = time.monotonic() + longest
        self._progress = progress
        self._steps = 0
        self._late = 0
        self._unread: list[tuple[str, str]] = []
        self._left_out = [reason for each in files for reason in each.left_out]

    def read(self) -> Modules:
        """Read every file, then name the modules: a name depends on what all of them import."""
        read = {file: facts for file in self._found if (facts := self._read_file(file)) is not None}
        imported = {file: [*facts.uses, *facts.imports.values()] for file, facts in read.items()}
        named = name_modules(list(read), imported)
        if self._late:
            self._left_out.append(f"{self._late:,} files that were not read when the time was up")
        folders: dict[Path, set[str]] = {}
        for each in named:
            folders.setdefault(each.folder, set()).add(each.name)
        return Modules(
            read=tuple(
                place_module(read[each.file], each.name, is_package=each.file.name == "__init__.py")
                for each in self._named_once(named)
            ),
            folders=tuple((folder, frozenset(names)) for folder, names in folders.items()),
            unread=tuple(self._unread),
            left_out=tuple(self._left_out),
        )

    def _named_once(self, named: list[Named]) -> list[Named]:
        """Leave out a second script whose name cannot be imported: both would be ``__main__``."""
        scripts = [each for each in named if each.name == MAIN]
        for each in scripts[1:]:
            self._left_out.append(f"{self._shown(each.file)}: its name cannot be imported; scan it on its own")
        return [each for each in named if each.name != MAIN or each is scripts[0]]

    def _read_file(self, file: Path) -> ModuleFacts | None:
        if time.monotonic() > self._until:
            self._late += 1
            return None
        self._steps += 1
        if self._progress is not None:
            self._progress(self._steps, len(self._found))
        try:
            return read_module(parse_file(file), self._shown(file))
        except UnreadableError as error:
            self._unread.append((self._shown(file), str(error)))
            return None

    def _shown(self, file: Path) -> str:
        """Name a file as from the working directory, or else from the folder that the scanned one lies in."""
        for folder in (Path.cwd(), *(root.parent for root in self._roots)):
            if file.is_relative_to(folder) and folder != folder.parent:
                return str(file.relative_to(folder))
        return str(file)

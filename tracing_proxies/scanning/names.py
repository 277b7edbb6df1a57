"""The name that each file has as a module once the application runs, and the folders it is imported from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

MAIN: Final = "__main__"
_INSTALLED: Final = ("site-packages", "dist-packages")
_HIGHEST: Final = 8


@attrs.frozen
class Named:
    """A file with its module's name.

    Args:
        name: ``__main__`` for a script whose name cannot be imported.
        folder: what has to be on the path for the name to be importable.
    """

    file: Path
    name: str
    folder: Path


def name_modules(files: Sequence[Path], imported: Mapping[Path, Iterable[str]]) -> list[Named]:
    """Name each file as the application itself would import or start it.

    A file in a package is named from the package's topmost folder on. Any other one may be part of a namespace
    package, or a script whose own folder is on the path: what the files import decides.

    Args:
        files: absolute.
        imported: the dotted names that each file imports, relative ones with their leading dots.
    """
    naming = _Naming(files, imported)
    return [naming.name(file) for file in files]


class _Naming:
    def __init__(self, files: Sequence[Path], imported: Mapping[Path, Iterable[str]]) -> None:
        self._wanted: set[str] = set()
        for names in imported.values():
            for name in names:
                while name and name not in self._wanted:
                    self._wanted.add(name)
                    name = name.rpartition(".")[0]
        self._relative = {file.parent for file, names in imported.items() if any(n.startswith(".") for n in names)}
        self._members: dict[Path, set[str]] = defaultdict(set)
        for file in files:
            self._members[file.parent].add(file.stem)
            if file.name == "__init__.py":
                self._members[file.parent.parent].add(file.parent.name)
        self._tops: dict[Path, Path] = {}

    def name(self, file: Path) -> Named:
        folder = file.parent
        while _is_package(folder):
            folder = folder.parent
        if folder not in self._tops:
            self._tops[folder] = self._top_of(folder)
        top = self._tops[folder]
        parts = list(file.relative_to(top).with_suffix("").parts)
        if parts[-1] == "__init__" and len(parts) > 1:
            parts.pop()
        importable = all(part.isidentifier() for part in parts)
        return Named(file, ".".join(parts) if importable else MAIN, top)

    def _top_of(self, folder: Path) -> Path:
        """Return the highest folder from which the files import what lies in this one."""
        installed = next((above for above in (folder, *folder.parents) if above.name in _INSTALLED), None)
        if installed is not None:
            return installed
        for top in [*reversed(folder.parents)][-_HIGHEST:]:
            names = folder.relative_to(top).parts
            if all(name.isidentifier() for name in names) and self._is_imported_from(top, folder):
                return top
        return folder

    def _is_imported_from(self, top: Path, folder: Path) -> bool:
        dotted = ".".join(folder.relative_to(top).parts)
        if top == folder.parent and folder in self._relative:
            return True
        return any(f"{dotted}.{member}" in self._wanted for member in self._members[folder])


def _is_package(folder: Path) -> bool:
    return folder.name.isidentifier() and (folder / "__init__.py").is_file()

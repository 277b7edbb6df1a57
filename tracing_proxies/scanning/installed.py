"""What the version of a library that is installed here defines, read without importing it."""

from __future__ import annotations

from functools import lru_cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from tracing_proxies.registry.pointcut import Pointcut, glob_matches
from tracing_proxies.scanning.facts import FunctionFacts, ModuleFacts
from tracing_proxies.scanning.reading import read_module
from tracing_proxies.scanning.source import UnreadableError, parse_file


def find_installed(pattern: str) -> FunctionFacts | None:
    """Read the first function that a pattern of one class or module names, if it is installed and defined there."""
    pointcut = Pointcut.parse(pattern)
    module = _read(pointcut.module)
    if module is None or pointcut.name is None:
        return None
    cls = module.classes.get(pointcut.cls) if pointcut.cls is not None else None
    functions = module.functions if pointcut.cls is None else cls.methods if cls is not None else {}
    return next((function for name, function in functions.items() if glob_matches(pointcut.name, name)), None)


@lru_cache(maxsize=256)
def _read(module: str) -> ModuleFacts | None:
    file = _find_source(module)
    if file is None:
        return None
    try:
        return read_module(parse_file(file), str(file))
    except UnreadableError:
        return None


def find_package(name: str) -> Path | None:
    """Find the folder of a package, or the file of a module, that is installed under a name."""
    if not all(part.isidentifier() for part in name.split(".")):
        return None
    spec = _find_spec(name)
    if spec is None:
        return None
    folders = list(spec.submodule_search_locations or ())
    if folders:
        return Path(folders[0])
    return Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None


def _find_source(module: str) -> Path | None:
    spec = _find_spec(module)
    return Path(spec.origin) if spec is not None and spec.origin and spec.origin.endswith(".py") else None


def _find_spec(module: str) -> ModuleSpec | None:
    search: list[str] | None = None
    spec = None
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        if count > 1 and not search:
            return None
        try:
            spec = PathFinder.find_spec(".".join(parts[:count]), search)
        except (ImportError, ValueError):
            return None
        if spec is None:
            return None
        search = list(spec.submodule_search_locations or ())
    return spec

"""Reads modules without running their code: a lazy module loads when it is asked for anything."""

from __future__ import annotations

import sys
from pathlib import PurePath
from types import ModuleType
from typing import Any

from tracing_proxies.registry.fields import is_subtype
from tracing_proxies.weaving.contents import items_of

_entries_of: Any = vars(ModuleType)["__dict__"].__get__
MAIN = ("__main__", "__mp_main__")  # the latter is what multiprocessing calls it in a spawned process


def is_module(found: Any) -> bool:
    """Tell whether an object is a module, whatever it says of itself."""
    kind = type(found)
    return kind is ModuleType or is_subtype(ModuleType, kind)


def entries_of(module: Any) -> dict[str, Any]:
    """Return a module's namespace."""
    entries: dict[str, Any] = _entries_of(module)
    return entries


def exports_lazily(package: str, name: str, home: str) -> bool:
    """Tell whether a package may answer a name with what a module holds (PEP 562), without asking it.

    Args:
        home: the module; a package may have kept what it has answered once.
    """
    entries, own = loaded_entries(package), loaded_entries(home)
    return "__getattr__" in entries and (name not in entries or entries[name] is own.get(name))


def loaded_entries(name: str) -> dict[str, Any]:
    """Return the namespace of a module by its name, an empty one where it is not loaded."""
    module = sys.modules.get(name)
    return entries_of(module) if module is not None and is_module(module) else {}


def spec_of(module: Any) -> Any:
    """Return a module's spec, None if it has none."""
    return entries_of(module).get("__spec__")


def is_loading(module: Any) -> bool:
    """Tell whether a module's body is still running, in this thread or another."""
    return is_initializing(_entries_of(module).get("__spec__"))


def is_initializing(spec: Any) -> bool:
    """Tell by a module's spec whether the module's body is still running."""
    return bool(getattr(spec, "_initializing", False))


def loaded_modules() -> list[tuple[str, Any]]:
    """List the modules that are there, with the names that they are imported by."""
    return [(name, module) for name, module in items_of(sys.modules) if type(name) is str and is_module(module)]


def main_name() -> str:
    """Return what the main module would be called if it were imported: ``app`` for ``python app.py``."""
    main = sys.modules.get("__main__")
    if main is None or not is_module(main):
        return "__main__"
    named = getattr(spec_of(main), "name", None)
    if type(named) is str and named not in MAIN:
        return named
    file = entries_of(main).get("__file__")
    return PurePath(file).stem if type(file) is str else "__main__"


def public_name(module: str) -> str:
    """Return the name that rules know a module by."""
    return main_name() if module in MAIN else module

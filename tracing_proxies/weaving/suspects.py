"""The names by which a library's own code may reach a function that looks at frames: nearly always there are none."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from tracing_proxies.registry.fields import is_subtype, namespace_of
from tracing_proxies.weaving.contents import items_of
from tracing_proxies.weaving.frame_code import is_taker, names_in, own_need, takes_by_alias
from tracing_proxies.weaving.modules import is_loading
from tracing_proxies.weaving.proxies import is_woven, raw_of

_NONE: frozenset[str] = frozenset()


class Suspects:
    """Keeps, by library, the names of functions that look at frames, and of all that call them by these names."""

    def __init__(self) -> None:
        self._modules = 0
        self._arrived: set[str] = set()
        self._seen: set[int] = set()
        # By library: each function's names in it, and its code.
        self._functions: dict[str, list[tuple[str, CodeType]]] = {}
        # And what is named in it, once that is asked for: tuples of texts, which the collector soon passes by.
        self._called: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        self._looking: dict[str, set[str]] = {}
        self._names: dict[str, frozenset[str]] = {}

    def arrived(self, module: str) -> None:
        """Count a module in whose body has just ended, although it is still marked as loading."""
        self._arrived.add(module)
        self._names.pop(library_of(module), None)

    def of(self, library: str) -> frozenset[str]:
        """Return the names for one library, the modules counted in that have been loaded by now."""
        if len(sys.modules) != self._modules:
            self._modules = len(sys.modules)
            self._names.clear()
        names = self._names.get(library)
        if names is None:
            names = self._names[library] = self._find(library)
        return names

    def _find(self, library: str) -> frozenset[str]:
        functions = self._functions.setdefault(library, [])
        looking = self._looking.setdefault(library, set())
        for name, module in items_of(sys.modules):
            if library_of(name) == library and type(module) is ModuleType and id(module) not in self._seen:
                if is_loading(module) and name not in self._arrived:
                    continue
                self._seen.add(id(module))
                new = list(_functions_of(module))
                functions += new
                looking.update(name for name, code in new if own_need(code))
                if any(is_taker(name, found) for name, found in items_of(vars(module))):
                    looking.update(name for name, code in new if takes_by_alias(code, vars(module)))
        if not looking:
            return _NONE
        found = set(looking)
        called = self._called.setdefault(library, [])
        called += [(name, tuple(names_in(code))) for name, code in functions[len(called) :]]
        left = [(name, names) for name, names in called if name not in found]
        while callers := {name for name, names in left if not found.isdisjoint(names)}:
            found |= callers
            left = [(name, names) for name, names in left if name not in callers]
        return frozenset(found)


def library_of(module: Any) -> str:
    """Return the top-level name of a module's name, "" for what is no name."""
    return module.partition(".")[0] if type(module) is str else ""


def _functions_of(module: ModuleType) -> Iterator[tuple[str, CodeType]]:
    for name, held in items_of(vars(module)):
        raw = raw_of(held) if is_woven(held) else held
        if type(raw) is FunctionType:
            yield name, raw.__code__
        elif is_subtype(type, type(raw)) and namespace_of(raw).get("__module__") == module.__name__:
            for key, entry in items_of(namespace_of(raw)):
                inner = entry.__func__ if type(entry) in (classmethod, staticmethod) else entry
                inner = raw_of(inner) if is_woven(inner) else inner
                if type(inner) is FunctionType:
                    # A class is called by its own name.
                    yield name if key in ("__init__", "__new__") else key, inner.__code__

"""Keeps references elsewhere in step with what is woven, and searches each namespace about once.

When a module has run its body, what can hold its raw functions is: the module itself; what was loaded meanwhile and
imported it back (a circle); and registries in other modules that it has put itself into. Whatever is loaded later gets
what stands for them already.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterable, Iterator, Set
from types import FunctionType, SimpleNamespace
from typing import Any

from tracing_proxies.failures import contain
from tracing_proxies.lasting import settle
from tracing_proxies.registry.fields import module_of
from tracing_proxies.weaving.advice import JoinPoint
from tracing_proxies.weaving.candidates import is_class
from tracing_proxies.weaving.kinds import proxy_of
from tracing_proxies.weaving.ledger import Ledger
from tracing_proxies.weaving.modules import entries_of, is_loading, is_module, loaded_modules
from tracing_proxies.weaving.points import Points
from tracing_proxies.weaving.references import Search, holding_keys

_OURS = "tracing_proxies"
_MOST_REGISTRIES = 64


class Reach:
    """Searches for references to what is woven.

    Args:
        points: what is woven.
        ledger: records every change.
    """

    def __init__(self, points: Points, ledger: Ledger) -> None:
        self.looked = 0
        self.beyond: dict[str, str] = {}
        self._points = points
        self._ledger = ledger
        self._seen: dict[str, weakref.ref[Any]] = {}
        self._tops: set[str] = set()
        self._suspects: dict[str, set[str]] = {}
        self._holding: dict[str, tuple[int, list[str]]] = {}

    def search_all(self) -> None:
        """Search everything that is loaded."""
        self.beyond.clear()
        targets = self._points.targets()
        self._tops = {_top(target.module) for target in targets}
        modules = {target.module for target in targets}
        search = self._begin(self._near(modules))
        self._search_modules(search, modules)
        self._seen.clear()
        self.fresh()
        self._conclude(search)

    def restore(self, points: Iterable[JoinPoint]) -> None:
        """Put raw objects back wherever the application itself holds what stood for them."""
        held = [point for point in points if _is_held(point)]
        if held:
            made = {id(made) for point in held for made in (point.entry, proxy_of(point.entry)) if made is not None}
            modules = {point.target.module for point in held}
            search = Search(made, self._points.restored, near=self._near(modules))
            self._search_modules(search, modules)

    def restore_all(self) -> None:
        """Do so for everything that is woven, and forget it."""
        for point in self._points:
            point.mutations.clear()
        self.restore(self._points)
        for known in (self.beyond, self._seen, self._tops, self._suspects, self._holding):
            known.clear()

    def begun(self, name: str) -> None:
        """Learn that the body of a module of interest runs."""
        self._suspects.setdefault(name, set())

    def search_arrived(self, name: str, module: Any, fresh: list[tuple[str, Any]]) -> None:
        """Search what can hold functions of a module whose body has ended.

        Args:
            fresh: the modules that were loaded since the last arrival.
        """
        self._tops.add(_top(name))
        search = self._begin({id(module)})
        todo = {key: entries_of(found) for key, found in fresh}
        if module is not None and is_module(module):
            todo[name] = entries_of(module)
        for suspect in self._suspects.pop(name, ()):
            found = sys.modules.get(suspect)
            if found is not None and is_module(found):
                todo[suspect] = entries_of(found)
        for key, entries in todo.items():
            _look(search, key, entries, _top(key) in self._tops)
            if self._suspects:
                self._suspect(key, entries)
        if name in todo:
            for key, entries in self._registries(todo[name], todo):
                search.depths(key, entries, self._keys_of(key, entries))
        self._conclude(search)

    def search_entries(self, name: str, entries: dict[str, Any]) -> None:
        """Search one namespace."""
        search = self._begin()
        search.names(name, entries)
        search.depths(name, entries)
        self._conclude(search)

    def search_class(self, cls: type) -> None:
        """Search one class."""
        search = self._begin()
        search.class_body(cls)
        self._conclude(search)

    def fresh(self) -> list[tuple[str, Any]]:
        """List the modules that have been loaded since this was last asked."""
        found = []
        # The import system puts a module last once its body has ended, so what was seen comes before what was not.
        for name in reversed(list(sys.modules)):
            module = sys.modules.get(name)
            if type(name) is not str or module is None or not is_module(module):
                continue
            seen = self._seen.get(name)
            if seen is not None and seen() is module:
                break
            if not is_loading(module):
                self._seen[name] = known = weakref.ref(module)
                settle(known)
                if _top(name) != _OURS:
                    found.append((name, module))
        return found

    def _begin(self, near: Set[int] = frozenset()) -> Search:
        return Search(self._points.raws.keys(), self._points.woven, self._ledger, near)

    def _conclude(self, search: Search) -> None:
        self.looked += search.looked
        self.beyond.update(search.beyond)

    def _near(self, targets: set[str]) -> set[int]:
        """Return the ids of what a module holds that has to do with some woven modules."""
        packages = {".".join(parts[:n]) for parts in (t.split(".") for t in targets) for n in range(1, len(parts) + 1)}
        near = {id(sys.modules[name]) for name in packages if name in sys.modules} | self._points.owners()
        near.update(self._points.entries)  # what a name holds already, something deeper in its module may hold raw
        return near

    def _search_modules(self, search: Search, targets: set[str]) -> None:
        tops = {_top(name) for name in targets}
        for name, module in loaded_modules():
            if _top(name) != _OURS:
                _look(search, name, entries_of(module), _top(name) in tops or name == "__main__")

    def _suspect(self, name: str, entries: dict[str, Any]) -> None:
        """Note a module that has imported from one whose body still runs: it may hold functions of its own of that."""
        under_way = {id(entries_of(m)): n for n in self._suspects if is_module(m := sys.modules.get(n))}
        for value in list(entries.values()):
            if type(value) is FunctionType:
                home = under_way.get(id(value.__globals__))
            elif is_module(value):
                home = under_way.get(id(entries_of(value)))
            elif is_class(value):
                named = module_of(value)
                home = named if type(named) is str and named in self._suspects else None
            else:
                continue
            if home is not None and home != name:
                self._suspects[home].add(name)

    def _registries(self, entries: dict[str, Any], done: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the modules that a module's names come from: what it has registered itself with is there."""
        names: dict[str, None] = {}
        for value in list(entries.values()):
            if type(value) is FunctionType:
                named: Any = value.__module__
            elif is_module(value):
                named = entries_of(value).get("__name__")
            elif is_class(value):
                named = module_of(value)
            else:
                continue
            if type(named) is str and named not in done and _top(named) not in sys.stdlib_module_names:
                names[named] = None
        for name in list(names)[:_MOST_REGISTRIES]:
            module = sys.modules.get(name)
            if module is not None and is_module(module) and _top(name) != _OURS:
                yield name, entries_of(module)

    def _keys_of(self, name: str, entries: dict[str, Any]) -> list[str]:
        known = self._holding.get(name)
        if known is None or known[0] != len(entries):
            known = self._holding[name] = (len(entries), holding_keys(entries))
            self.looked += len(entries)
        return known[1]


def _look(search: Search, name: str, entries: dict[str, Any], deep: bool) -> None:
    """Search one of several namespaces: what fails in it is no reason to leave out the others."""
    try:
        if search.names(name, entries) or deep:
            search.depths(name, entries)
    except Exception as exc:
        contain("weave", exc)


def _top(name: str) -> str:
    return name.partition(".")[0]


def _is_held(point: Any) -> bool:
    """Tell whether anything but the join point itself holds what stands for its callable."""
    entry = point.entry
    if entry is None:
        return False
    kind = type(entry)
    model: Any = kind(lambda: None) if kind is staticmethod or kind is classmethod else SimpleNamespace()
    if sys.getrefcount(entry) > _count_of_unheld():
        return True
    proxy = proxy_of(entry)
    if proxy is entry or proxy is None:
        return False
    inner: Any = model.__func__ if kind is staticmethod or kind is classmethod else None
    return inner is not None and sys.getrefcount(proxy) > sys.getrefcount(inner)


def _count_of_unheld() -> int:
    point = SimpleNamespace(entry=SimpleNamespace())
    entry = point.entry
    return sys.getrefcount(entry)

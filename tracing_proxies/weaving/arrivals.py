"""Hears of every module of interest: loaded, loading, lazy, or the main one, which never ends before it runs."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any, Protocol

from tracing_proxies.weaving.contents import items_of
from tracing_proxies.weaving.finder import Finder, release
from tracing_proxies.weaving.main_module import MainWatch
from tracing_proxies.weaving.modules import entries_of, is_loading, is_module, loaded_modules, main_name, spec_of

_Lazy: Any = getattr(importlib.util, "_LazyModule", None)


class Listener(Protocol):
    """Who is told."""

    def is_wanted(self, name: str) -> bool:
        """Tell whether a module is of interest."""

    def module_begun(self, name: str) -> None:
        """Learn that a module's body runs."""

    def module_loaded(self, name: str) -> None:
        """Learn that a module's body has ended."""

    def consider_module(self, name: str, module: Any) -> None:
        """Look at a module that is there already."""

    def consider_main(self, entries: dict[str, Any]) -> None:
        """Look at what the main module has defined so far."""


class Arrivals:
    """Tells a listener of modules.

    Args:
        listener: told of each module of interest.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._finder = Finder(listener.is_wanted, listener.module_begun, self._ended)
        self._main = MainWatch(listener.consider_main, self._wants_main)
        self.follows_main = False

    def begin(self) -> None:
        """Tell of what is there, and listen for the rest; again to have another look."""
        self._finder.install()
        for name, module in items_of(sys.modules):
            if type(name) is str and name != "__main__" and module is not None and self._listener.is_wanted(name):
                self.approach(name, module)
        self.look_at_main()
        if self._wants_main() or self._main.is_to_come():
            self.follows_main = self._main.begin()
        elif self.follows_main:
            self._main.end()
            self.follows_main = False

    def end(self) -> None:
        """Listen no more, and leave no trace of having listened."""
        self._finder.remove()
        self._main.end()
        for _, module in loaded_modules():
            spec = spec_of(module)
            if spec is not None and not is_loading(module):
                release(spec)

    def approach(self, name: str, module: Any) -> None:
        """Look at a module, now or when its body has ended."""
        if not is_module(module):
            self._listener.consider_module(name, module)
        elif _Lazy is not None and type(module) is _Lazy:
            self._finder.watch_loader(spec_of(module))
        elif is_loading(module):
            if self._finder.watch(spec_of(module)):
                self._listener.module_begun(name)
        else:
            release(spec_of(module))
            self._listener.consider_module(name, module)

    def _wants_main(self) -> bool:
        return self._listener.is_wanted(main_name()) or self._listener.is_wanted("__main__")

    def _ended(self, name: str) -> None:
        module = sys.modules.get(name)
        self.look_at_main()
        if module is not None and _Lazy is not None and type(module) is _Lazy and is_unloaded(module):
            self._finder.watch_loader(spec_of(module))
            return
        self._listener.module_loaded(name)

    def look_at_main(self) -> None:
        """Tell of what the main module has defined so far."""
        main = sys.modules.get("__main__")
        if main is not None and is_module(main):
            self._listener.consider_main(entries_of(main))


def is_unloaded(module: Any) -> bool:
    """Tell whether a lazy module has not been used yet."""
    entries = entries_of(module)
    return all(name.startswith("__") for name in entries)

"""Tells when a module of interest has been imported, without changing how it is found, loaded or seen."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import wrapt

from tracing_proxies.failures import contain


class Finder:
    """Stands first in ``sys.meta_path``, lets the others find a module, and listens to its loading.

    Args:
        wanted: tells by name whether a module is of interest.
        loaded: called with each such module when its body has run; also after ``importlib.reload``.
    """

    def __init__(self, wanted: Callable[[str], bool], loaded: Callable[[ModuleType], None]) -> None:
        self._wanted = wanted
        self._loaded = loaded

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module as the other finders do."""
        try:
            if not self._wanted(fullname):
                return None
        except Exception as exc:
            contain("finder", exc)
            return None
        for finder in list(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            if finder is self or find is None or isinstance(finder, Finder):
                continue
            spec: ModuleSpec | None = find(fullname, path, target)
            if spec is None:
                continue
            if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                spec.loader = _Listening(spec.loader, spec, self._loaded)  # type: ignore[assignment]
            return spec
        return None

    def install(self) -> None:
        """Begin to listen."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """Stop listening."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)


class _Listening(wrapt.ObjectProxy):  # type: ignore[misc,type-arg,unused-ignore]
    """A loader that gives way to the real one before the module's body runs."""

    def __init__(self, loader: Any, spec: ModuleSpec, loaded: Callable[[ModuleType], None]) -> None:
        super().__init__(loader)
        self._self_tp_spec = spec
        self._self_tp_loaded = loaded

    def exec_module(self, module: ModuleType) -> None:
        __tracebackhide__ = True
        loader = self.__wrapped__
        self._self_tp_spec.loader = loader
        if getattr(module, "__loader__", None) is self:
            module.__loader__ = loader
        loader.exec_module(module)
        try:
            # The body may have put another object in its place (lazy modules do).
            self._self_tp_loaded(sys.modules.get(module.__name__, module))
        except Exception as exc:
            contain("weave", exc)

"""Tells when a module of interest has been imported, without changing how it is found, loaded or seen.

The import system sets ``_initializing`` on a module's spec before the body runs, and clears it afterwards. For that
time the spec has a class that listens to this one attribute. Its loader stays the loader, and no frame of ours stands
between the import and the body. Only a reload sets no such mark; there a stand-in for the loader gives way at once. And
of what is loaded past the import system, or found by a finder before ours, the loader's method tells (see ``bodies``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import wrapt

from tracing_proxies.failures import contain
from tracing_proxies.registry.fields import namespace_of
from tracing_proxies.weaving import bodies
from tracing_proxies.weaving.internal import all_internal, aside, cut_frame
from tracing_proxies.weaving.modules import entries_of, is_initializing

Told = Callable[[str], None]

_classes: dict[type, type] = {}


@all_internal
class Finder:
    """Stands first in ``sys.meta_path``, lets the others find a module, and listens to its loading.

    Args:
        wanted: tells by name whether a module is of interest.
        begun: called with the name of each such module as its body begins.
        ended: called with the name when the body has run, before any other code can see the module as loaded.
    """

    def __init__(self, wanted: Callable[[str], bool], begun: Told, ended: Told) -> None:
        self._wanted = wanted
        self.begun = begun
        self.ended = ended
        self.stood_in: list[str] = []

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module as the other finders do."""
        if not self._is_wanted(fullname):
            return None
        for finder in list(sys.meta_path):
            if finder is self or isinstance(finder, Finder):
                continue
            find = getattr(finder, "find_spec", None)
            if find is None:
                if hasattr(finder, "find_module") and sys.version_info < (3, 12):
                    return None  # one of the old kind, whose turn it is: the import system knows how to ask it
                continue
            spec: ModuleSpec | None = find(fullname, path, target)
            if spec is not None:
                self._listen(spec, target)
                return spec
        return None

    def install(self) -> None:
        """Begin to listen."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)
        bodies.listen(self)

    def remove(self) -> None:
        """Stop listening."""
        bodies.listen_no_more(self)
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def watch(self, spec: Any) -> bool:
        """Listen for the end of a body: one that is to run, or that is running already.

        Returns:
            Whether that is possible: somebody's own kind of spec may refuse it.
        """
        kind = type(spec)
        if not _listens(spec):
            if ModuleSpec not in kind.__mro__:
                return False
            listening = _classes.get(kind)
            if listening is None:
                body = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "_initializing": _mark}
                listening = _classes[kind] = type(kind.__name__, (kind,), body)
            spec.__class__ = listening
        vars(spec)[_FINDER] = self
        return True

    def watch_loader(self, spec: Any) -> None:
        """Listen for the end of a body that is run by the loader alone: on reload, or when a lazy module is used."""
        if spec.loader is not None and hasattr(spec.loader, "exec_module") and type(spec.loader) is not _Loader:
            spec.loader = _Loader(spec.loader, spec, self)

    def body_begun(self, name: str, spec: Any) -> bool:
        """Learn that a loader runs the body of a module; answers whether its end is to be told."""
        if not self._wanted(name) or name in self.stood_in:
            return False
        if not is_initializing(spec):
            self.begun(name)
            return True
        if not _listens(spec) and self.watch(spec):  # another finder has found it
            self.begun(name)
        return False

    def body_ended(self, name: str, spec: Any) -> None:
        """Learn that it has run."""
        release(spec)
        self.ended(name)

    @aside
    def _listen(self, spec: Any, target: Any) -> None:
        try:
            if target is not None:
                self.watch_loader(spec)
            else:
                self.watch(spec)
        except Exception as exc:
            contain("finder", exc)

    @aside
    def _is_wanted(self, name: str) -> bool:
        try:
            return self._wanted(name)
        except Exception as exc:
            contain("finder", exc)
            return False


_FINDER = "_tracing_proxies_finder"


def release(spec: Any) -> None:
    """Make a spec what it was before it was watched."""
    if _listens(spec):
        vars(spec).pop(_FINDER, None)
        spec.__class__ = type(spec).__mro__[1]
    if type(getattr(spec, "loader", None)) is _Loader:
        spec.loader = spec.loader.__wrapped__


def _listens(spec: Any) -> bool:
    return namespace_of(type(spec)).get("_initializing") is _mark


@aside
def _is_marked(spec: Any) -> bool:
    return bool(vars(spec).get("_initializing", False))


@aside
def _set_mark(spec: Any, value: bool) -> None:
    finder: Finder | None = vars(spec).get(_FINDER)
    name: str = vars(spec).get("name", "")
    try:
        if value and finder is not None:
            finder.begun(name)
        elif not value:
            release(spec)
            if finder is not None:
                finder.ended(name)
    except Exception as exc:
        contain("weave", exc)
    finally:
        # Last: from now on other threads may use the module.
        vars(spec)["_initializing"] = value


_mark = property(_is_marked, _set_mark)


@all_internal
class _Loader(wrapt.ObjectProxy):  # type: ignore[misc,type-arg,unused-ignore]
    """A loader that gives way to the real one before the module's body runs."""

    def __init__(self, loader: Any, spec: ModuleSpec, finder: Finder) -> None:
        super().__init__(loader)
        self._self_tp_spec = spec
        self._self_tp_finder = finder

    def exec_module(self, module: ModuleType) -> None:
        __tracebackhide__ = True
        loader, finder, name = self.__wrapped__, self._self_tp_finder, self._self_tp_spec.name
        self._self_tp_spec.loader = loader
        entries = entries_of(module)
        if entries.get("__loader__") is self:
            entries["__loader__"] = loader
        _tell(finder.begun, name)
        finder.stood_in.append(name)
        try:
            loader.exec_module(module)
        except BaseException as exc:
            finder.stood_in.remove(name)
            _tell(finder.ended, name)
            cut_frame(exc)
            raise
        finder.stood_in.remove(name)
        _tell(finder.ended, name)


@aside
def _tell(told: Told, name: str) -> None:
    try:
        told(name)
    except Exception as exc:
        contain("weave", exc)

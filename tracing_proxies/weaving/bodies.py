"""Hears of modules whose bodies a loader runs without the import system's having been asked for them.

A scanner of plugins does so (``spec_from_file_location``, ``module_from_spec``, ``spec.loader.exec_module``), and so
does a finder that stands before ours. All loaders of Python's own have one method for it, around which a proxy stands
for as long as anybody listens. Where nothing is compiled it would be a frame in the sight of each module: there it is
left out, and such modules are woven at the next arrival.
"""

from __future__ import annotations

import functools
import sys
from importlib.machinery import SourceFileLoader
from typing import Any, Protocol

import wrapt

from tracing_proxies.compiled import hot
from tracing_proxies.failures import contain
from tracing_proxies.weaving.internal import aside
from tracing_proxies.weaving.modules import is_module, spec_of

_METHOD = "exec_module"
_LOADER: Any = next(base for base in SourceFileLoader.__mro__ if _METHOD in vars(base))


class Listener(Protocol):
    """Who is told."""

    def body_begun(self, name: str, spec: Any) -> bool:
        """Learn that a loader runs the body of a module; answers whether its end is to be told."""

    def body_ended(self, name: str, spec: Any) -> None:
        """Learn that it has run."""


_listeners: list[Listener] = []
_put: Any = None


def listen(listener: Listener) -> None:
    """Tell somebody of all bodies that are run."""
    global _put
    if hot is None or listener in _listeners:
        return
    _listeners.append(listener)
    if _put is None:
        _put = wrapt.FunctionWrapper(vars(_LOADER)[_METHOD], functools.partial(hot.run_body, _begun, _ended))
        setattr(_LOADER, _METHOD, _put)


def listen_no_more(listener: Listener) -> None:
    """Tell them no longer; with the last one the method is as it was, unless somebody has wrapped ours."""
    global _put
    if listener in _listeners:
        _listeners.remove(listener)
    if not _listeners and _put is not None and vars(_LOADER)[_METHOD] is _put:
        setattr(_LOADER, _METHOD, _put.__wrapped__)
        _put = None


@aside
def _begun(module: Any = None, *_: Any, **__: Any) -> tuple[Any, ...] | None:
    if not _listeners:
        return None
    try:
        spec = spec_of(module) if is_module(module) else None
        name = getattr(spec, "name", None)
        if type(name) is not str:
            return None
        told = [listener for listener in list(_listeners) if listener.body_begun(name, spec)]
        return (told, module, name, spec) if told else None
    except Exception as exc:
        contain("weave", exc)
        return None


@aside
def _ended(told: tuple[list[Listener], Any, str, Any]) -> None:
    listeners, module, name, spec = told
    try:
        # By its name it is known only where whoever loads it has put it there, before or while its body runs.
        if sys.modules.get(name) is module:
            for listener in listeners:
                listener.body_ended(name, spec)
    except Exception as exc:
        contain("weave", exc)

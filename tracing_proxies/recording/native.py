"""Leaves the OpenTelemetry spans that a woven library makes itself as they are without us.

A library from the package index that is woven by rules of its own, without a preset, may make spans and send
``traceparent`` headers. It must not find ours above: its spans would lose their place as roots, and its messages would
carry headers that nobody has asked for. What the application does itself nests under ours, but where a library has made
a span of its own, which the application finds below it untraced. Of the spans of a framework that has a preset the
preset decides.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any

from opentelemetry.trace import Span

from tracing_proxies.registry.fields import is_subtype

_PASSED_OVER = sys.stdlib_module_names - {"__main__"} | {"tracing_proxies"}
_PLACES = ("/site-packages/", "/dist-packages/")
_MOST_FRAMES = 32
_getframe = sys._getframe


@lru_cache(maxsize=1_024)
def installed_library(module: str) -> str:
    """Return the top-level name of a module that was installed from a package index, "" for the application's own."""
    top = module.partition(".")[0]
    found: Any = sys.modules.get(top)
    places = [getattr(found, "__file__", None) or "", *getattr(found, "__path__", ())]
    return top if any(part in str(place).replace("\\", "/") for place in places for part in _PLACES) else ""


def is_of_library(span: Any) -> bool:
    """Tell whether an installed library has made a span, and not the application, by the name of its tracer."""
    if not is_subtype(Span, type(span)):
        return False
    name = getattr(getattr(span, "instrumentation_scope", None), "name", None)
    return type(name) is str and installed_library(name) != ""


def asks_for_itself(library: str) -> bool:
    """Tell whether it is a library's own code that has called OpenTelemetry, which has called us.

    Other libraries in between are passed over, such as those that wrap OpenTelemetry; the application's code is not.
    """
    frame = _getframe(2)
    for _ in range(_MOST_FRAMES):
        name = frame.f_globals.get("__name__")
        top = name.partition(".")[0] if type(name) is str else ""
        if top == library:
            return True
        if not (top in _PASSED_OVER or installed_library(top)):
            return False
        if frame.f_back is None:
            break
        frame = frame.f_back
    return False

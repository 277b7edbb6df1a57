"""Finds hot leaf functions: small ones that only compute and are called in loops."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator
from typing import Final

import attrs

from tracing_proxies.scanning.application import Application
from tracing_proxies.scanning.facts import CallFacts, FunctionFacts
from tracing_proxies.scanning.idioms import last_of

_SMALL: Final = 8
_BUILTINS: Final = frozenset(vars(builtins)) - {"input", "open", "exec", "eval", "compile", "breakpoint"}
_METHODS: Final = frozenset(
    name for kind in (str, bytes, list, dict, set, tuple, int, float) for name in vars(kind) if not name.startswith("_")
)
_SLOW: Final = frozenset(
    "asyncio time subprocess socket ssl urllib http ftplib smtplib sqlite3 threading multiprocessing concurrent queue "
    "select selectors os shutil pathlib tempfile".split()
)


@attrs.frozen
class Hot:
    """One such function.

    Args:
        caller: a function that calls it in a loop.
        line: where that is.
        loops: how many loops are around the call at most.
        places: how many calls in loops there are.
    """

    function: FunctionFacts
    caller: FunctionFacts
    line: int
    loops: int
    places: int


def find_hot(application: Application) -> list[Hot]:
    """List the hot leaf functions, those in the deepest loops first."""
    return sorted(_find(application), key=lambda hot: (-hot.loops, -hot.places, hot.function.target))


def _find(application: Application) -> Iterator[Hot]:
    for function in application.functions():
        if function.statements > _SMALL or function.is_async or function.stub or function.name == "__init__":
            continue
        inside = [(caller, call) for caller, call in application.callers.get(function.key, ()) if call.loops]
        if inside and all(_computes(application, function, call) for call in function.calls):
            caller, call = max(inside, key=lambda found: (found[1].loops, -found[1].line))
            yield Hot(function, caller, call.line, call.loops, len(inside))


def _computes(application: Application, function: FunctionFacts, call: CallFacts) -> bool:
    """Tell whether a call is one of the language's own, or of its library where that waits for nothing."""
    first, dot, _ = call.name.partition(".")
    if first in application.modules[function.module].imports:
        module = application.resolve(function.module, call.name).partition(".")[0]
        return module in sys.stdlib_module_names and module not in _SLOW
    if dot:
        return last_of(call.name) in _METHODS
    return application.find_function(function.module, call.name) is None and call.name in _BUILTINS

"""Finds hot leaf functions: small ones that call nothing of the application and are called in loops."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from tracing_proxies.scanning.application import Application
from tracing_proxies.scanning.facts import FunctionFacts

_SMALL = 8


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
        if not inside or any(True for _ in application.calls_of(function)):
            continue
        caller, call = max(inside, key=lambda found: (found[1].loops, -found[1].line))
        yield Hot(function, caller, call.line, call.loops, len(inside))

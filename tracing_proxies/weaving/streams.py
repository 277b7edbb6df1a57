"""Results whose work is done later go on under their span: which proxy for which kind of result.

The kind is decided by the object that the call returned, and the kind that goes out is the kind that came in.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.weaving.generators import TracedAsyncGenerator, TracedGenerator
from tracing_proxies.weaving.steps import Steps, run_in_steps
from tracing_proxies.weaving.stream import ABANDONED, Opener, Stream


class _Pending:
    """Holds a coroutine until its first step, so that one that is never awaited warns once, as it would untraced."""

    __slots__ = ("coroutine",)

    def __init__(self, coroutine: Any) -> None:
        self.coroutine = coroutine

    def __del__(self) -> None:
        if self.coroutine is not None:
            self.coroutine.close()


async def _drive(pending: _Pending, opener: Opener) -> Any:
    __tracebackhide__ = True
    coroutine, pending.coroutine = pending.coroutine, None
    recording = opener()
    if recording is None:
        return await coroutine
    try:
        result = await run_in_steps(coroutine, Steps(recording))
    except GeneratorExit:
        recording.abandon(ABANDONED)
        raise
    except BaseException as exc:
        recording.fail(exc)
        raise
    recording.finish(result)
    return result


def trace_coroutine(coroutine: Any, opener: Opener) -> Any:
    """Return a coroutine that runs another one under its span, step by step."""
    driver = _drive(_Pending(coroutine), opener)
    driver.__name__ = coroutine.__name__  # type: ignore[attr-defined]
    driver.__qualname__ = coroutine.__qualname__  # type: ignore[attr-defined]
    return driver


Continue = Callable[[Any, Opener, Recipe, Callable[[], Any] | None], Any]

CONTINUES: dict[type, Continue] = {
    types.CoroutineType: lambda result, opener, recipe, fold: trace_coroutine(result, opener),
    types.GeneratorType: lambda result, opener, recipe, fold: TracedGenerator(result, Stream(opener, recipe, fold)),
    types.AsyncGeneratorType: lambda result, opener, recipe, fold: TracedAsyncGenerator(
        result, Stream(opener, recipe, fold)
    ),
}
"""How a result of each kind goes on under its span."""

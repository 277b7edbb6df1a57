"""Results whose work is done later go on under their span: which continuation for which kind of result.

The kind is decided by the object that the call returned, and the kind that goes out is the kind that came in.
"""

from __future__ import annotations

import inspect
import opcode
import sys
import types
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from tracing_proxies.compiled import hot
from tracing_proxies.recording.context import variable
from tracing_proxies.recording.handles import Recording
from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.weaving.generators import TracedAsyncGenerator, TracedGenerator
from tracing_proxies.weaving.internal import aside, cut_frame, internal
from tracing_proxies.weaving.managers import proceed_async_manager, proceed_manager
from tracing_proxies.weaving.steps import Steps, run_in_steps
from tracing_proxies.weaving.stream import ABANDONED, Opener, Stream
from tracing_proxies.weaving.stream_objects import proceed_with

_MAKES_GENERATOR = opcode.opmap.get("RETURN_GENERATOR")
Fold = Callable[[], Any] | None
Continue = Callable[[Any, Opener | None, Recording | None, Recipe, Fold], Any]


class _Pending:
    """Holds a coroutine until its first step.

    One that is never awaited warns once, as it would untraced, and its span, if it has one already, does not stay open.
    """

    __slots__ = ("begun", "body", "fold", "opener", "recipe")

    def __init__(
        self, body: Any, opener: Opener | None, begun: Recording | None, recipe: Recipe, fold: Fold = None
    ) -> None:
        self.body = body
        self.opener = opener
        self.begun = begun
        self.recipe = recipe
        self.fold = fold

    def start(self) -> tuple[Any, Recording | None]:
        """Hand over what is to be awaited, with its span opened in the context of this first step."""
        body, begun, opener = self.body, self.begun, self.opener
        self.body = self.begun = self.opener = None
        recording = opener() if opener is not None else begun
        return body if recording is None else run_in_steps(body, Steps(recording)), recording

    def __del__(self) -> None:
        if self.body is not None:
            self.body.close()
        if self.begun is not None:
            self.begun.abandon(ABANDONED)


if not TYPE_CHECKING and hot is not None and variable is not None:
    _Pending = hot.Pending


@internal
async def drive(pending: _Pending) -> Any:
    """Run a coroutine under its span."""
    __tracebackhide__ = True
    body, recording = pending.start()
    try:
        result = await body
    except GeneratorExit as exc:
        if recording is not None:
            _abandon(recording)
        cut_frame(exc)
        raise
    except BaseException as exc:
        if recording is not None:
            _fail(recording, exc)
        cut_frame(exc)
        raise
    if recording is None:
        return result
    if pending.fold is not None:  # it answers streams: the span lasts as long as the stream that was awaited
        proceed = _READS.get(id(type(result))) or proceed_with(type(result))
        if proceed is not None:
            return proceed(result, None, recording, pending.recipe, pending.fold)
    _finish(recording, result)
    return result


@aside
def _abandon(recording: Recording) -> None:
    recording.abandon(ABANDONED)


@aside
def _fail(recording: Recording, exc: BaseException) -> None:
    recording.fail(exc)


@aside
def _finish(recording: Recording, result: Any) -> None:
    recording.finish(result)


@types.coroutine
@internal
def _drive_generator(pending: _Pending) -> Generator[Any, Any, Any]:
    """Run a generator-based coroutine (`types.coroutine`), which stays one."""
    __tracebackhide__ = True
    try:
        return (yield from drive(pending).__await__())
    except BaseException as exc:
        cut_frame(exc)
        raise


def _proceed_coroutine(result: Any, opener: Opener | None, begun: Recording | None, recipe: Recipe, fold: Fold) -> Any:
    driver: Any = drive(_Pending(result, opener, begun, recipe, fold))
    driver.__name__, driver.__qualname__ = result.__name__, result.__qualname__
    return driver


def _proceed_generator(result: Any, opener: Opener | None, begun: Recording | None, recipe: Recipe, fold: Fold) -> Any:
    if begun is not None and inspect.getgeneratorstate(result) != inspect.GEN_CREATED:
        begun.finish(result)  # somebody else's stream, under way already: the call has only handed it on
        return result
    if result.gi_code.co_flags & inspect.CO_ITERABLE_COROUTINE:
        return _drive_generator(_Pending(result, opener, begun, recipe))
    return TracedGenerator(result, Stream(opener, begun, recipe, fold))


def _is_under_way(generator: Any) -> bool:
    frame = generator.ag_frame
    if generator.ag_running or frame is None:
        return True
    if sys.version_info >= (3, 12):
        return bool(generator.ag_suspended)
    # With Python 3.11 one that has not begun stands where it was made.
    last: int = frame.f_lasti
    return last >= 0 and generator.ag_code.co_code[last] != _MAKES_GENERATOR


def _proceed_async_generator(
    result: Any, opener: Opener | None, begun: Recording | None, recipe: Recipe, fold: Fold
) -> Any:
    if begun is not None and _is_under_way(result):
        begun.finish(result)
        return result
    return TracedAsyncGenerator(result, Stream(opener, begun, recipe, fold))


_READS: dict[int, Continue] = {
    id(types.GeneratorType): _proceed_generator,
    id(types.AsyncGeneratorType): _proceed_async_generator,
    # A traced call may return what another traced call made: both spans last as long as the stream.
    id(TracedGenerator): _proceed_generator,
    id(TracedAsyncGenerator): _proceed_async_generator,
}

# By id: a class whose metaclass defines `__eq__` may not be hashable, and hashing it would run the application's code.
CONTINUES: dict[int, Continue] = {
    id(types.CoroutineType): _proceed_coroutine,
    **_READS,
    **proceed_manager,
    **proceed_async_manager,
}
"""How a result goes on under its span, by the id of its type."""

"""Context managers whose span lasts from enter to exit, and is current in between.

Only those of `contextlib` are recognised by their result: many other objects (files, locks, clients) can be entered as
well, and mean something else when a function returns them.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable
from typing import Any

from opentelemetry.context import Context

from tracing_proxies.compiled import hot
from tracing_proxies.recording.context import SPAN_KEY, attach, current, detach, variable
from tracing_proxies.recording.handles import Recording
from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.recording.span import Span
from tracing_proxies.registry.fields import type_name
from tracing_proxies.weaving.internal import all_internal, aside, cut_frame, internal
from tracing_proxies.weaving.standin import StandIn, stands_for


class _Entered:
    """The recording of one context manager: current from enter to exit, ended once."""

    __slots__ = ("entered", "known", "opener", "outer", "recording", "token", "value")

    def __init__(self, recording: Recording, opener: Callable[[Any], Recording | None] | None) -> None:
        self.recording: Recording | None = recording
        self.opener = opener
        self.token: Any = None
        self.outer: Context | None = None
        self.entered = False
        self.known: weakref.ref[Any] | None = None
        self.value: Any = None

    @aside
    def begin(self, manager: Any) -> bool:
        """Make the span current; False if it has been entered before, which `contextlib` refuses in its own words."""
        if self.entered:
            return False
        self.entered = True
        if self.recording is None and self.opener is not None:
            self.recording = self.opener(manager)
        if self.recording is not None:
            self.outer = current()
            self.token = attach(self.recording.context)
            if isinstance(self.recording, Span):
                self.recording.outer = self.outer
        return True

    @aside
    def hold(self, value: Any) -> None:
        """Keep what was entered for the span's end, but not alive: whoever has entered it may let go of it before."""
        if self.recording is None:
            return
        try:
            self.known = weakref.ref(value)
            self.value = f"<{type_name(type(value))}>"  # should it be gone by then
        except TypeError:
            self.value = value

    @aside
    def recall(self) -> None:
        """Take what was entered, if it is there yet, before the manager lets go of it as it is left."""
        found = None if self.known is None else self.known()
        if found is not None:
            self.value = found

    @aside
    def end(self, exc: BaseException | None) -> None:
        """End the span, and restore what was current before, unless another one has been made current since.

        Managers that are left in another order than they were entered must not bring back a span that has ended.
        """
        recording, self.recording = self.recording, None
        value, self.value = self.value, None
        if recording is None:
            return
        context = recording.context
        if exc is None:
            recording.finish(value)
        else:
            recording.fail(exc)
        if current() is context:
            detach(self.token)
            restored = alive = current()
            while type(above := alive.get(SPAN_KEY)) is Span and above.stop is not None and above.outer is not None:
                alive = above.outer
            if alive is not restored:
                attach(alive)
        self.token = self.outer = None

    @aside
    def drop(self) -> None:
        """Forget a span whose manager was never entered; abandon one that was never left."""
        recording, self.recording = self.recording, None
        if recording is None:
            return
        if self.entered:
            recording.abandon("abandoned")
        elif isinstance(recording, Span):
            recording.recorder.discard(recording)


@internal
def _decorate(manager: Any, function: Any) -> Any:
    """Use a manager as a decorator: each call of the function has a span of its own."""
    if not manager._tp_state.entered:
        manager._tp_state.drop()  # the function may live for ever; the span of this one would stay open as long
    # The method of `contextlib`, with us as its self: it enters what `_recreate_cm` makes.
    return type(manager._tp_wrapped).__call__(manager, function)


@all_internal
class _TracedManager(StandIn):
    """What both kinds have in common."""

    __slots__ = ()

    def _recreate_cm(self) -> Any:
        anew = self._tp_wrapped._recreate_cm()
        opener = self._tp_state.opener
        begun = opener(anew) if opener is not None else None
        return anew if begun is None else type(self)(anew, _Entered(begun, opener))

    @aside
    def __del__(self) -> None:
        self._tp_state.drop()


@stands_for(contextlib._GeneratorContextManager)
@all_internal
class TracedContextManager(_TracedManager):
    """A context manager under its span."""

    __slots__ = ()

    def __call__(self, func: Any) -> Any:
        return _decorate(self, func)

    def __enter__(self) -> Any:
        __tracebackhide__ = True
        entered = self._tp_state
        first = entered.begin(self._tp_wrapped)
        try:
            value = self._tp_wrapped.__enter__()
        except BaseException as exc:
            if first:
                entered.end(exc)
            cut_frame(exc)
            raise
        entered.hold(value)
        return value

    def __exit__(self, kind: Any, exc: Any, traceback: Any) -> Any:
        __tracebackhide__ = True
        entered = self._tp_state
        entered.recall()
        try:
            suppressed = self._tp_wrapped.__exit__(kind, exc, traceback)
        except BaseException as error:
            entered.end(error)
            cut_frame(error)
            raise
        entered.end(None if suppressed else exc)
        return suppressed


@stands_for(contextlib._AsyncGeneratorContextManager)
@all_internal
class TracedAsyncContextManager(_TracedManager):
    """An async context manager under its span."""

    __slots__ = ()

    def __call__(self, func: Any) -> Any:
        return _decorate(self, func)

    async def __aenter__(self) -> Any:
        __tracebackhide__ = True
        entered = self._tp_state
        first = entered.begin(self._tp_wrapped)
        try:
            value = await self._tp_wrapped.__aenter__()
        except BaseException as exc:
            if first:
                entered.end(exc)
            cut_frame(exc)
            raise
        entered.hold(value)
        return value

    async def __aexit__(self, kind: Any, exc: Any, traceback: Any) -> Any:
        __tracebackhide__ = True
        entered = self._tp_state
        entered.recall()
        try:
            suppressed = await self._tp_wrapped.__aexit__(kind, exc, traceback)
        except BaseException as error:
            entered.end(error)
            cut_frame(error)
            raise
        entered.end(None if suppressed else exc)
        return suppressed


if hot is not None and variable is not None:
    for _name, _method in hot.manager_methods().items():
        setattr(TracedContextManager, _name, _method)


def _opener_for(begun: Recording, recipe: Recipe) -> Callable[[Any], Recording | None] | None:
    """Make what begins a span like this one for another manager of the same call."""
    if not isinstance(begun, Span):
        return None
    recorder, function, instance_id = begun.recorder, begun.function, begun.instance_id

    def begin(manager: Any) -> Recording | None:
        args, instance = manager.args, None
        if args and args[0] is not None and id(args[0]) == instance_id:
            instance, args = args[0], args[1:]
        return recorder.begin_later(recipe, function, instance, args, manager.kwds)

    return begin


def _proceed(result: Any, opener: Any, begun: Recording | None, recipe: Recipe, fold: Any) -> Any:
    return result if begun is None else TracedContextManager(result, _Entered(begun, _opener_for(begun, recipe)))


def _proceed_async(result: Any, opener: Any, begun: Recording | None, recipe: Recipe, fold: Any) -> Any:
    return result if begun is None else TracedAsyncContextManager(result, _Entered(begun, _opener_for(begun, recipe)))


proceed_manager = {id(contextlib._GeneratorContextManager): _proceed, id(TracedContextManager): _proceed}
proceed_async_manager = {
    id(contextlib._AsyncGeneratorContextManager): _proceed_async,
    id(TracedAsyncContextManager): _proceed_async,
}

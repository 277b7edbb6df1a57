"""Context managers whose span lasts from enter to exit, and is current in between.

Only those of `contextlib` are recognised by their result: many other objects (files, locks, clients) can be entered as
well, and mean something else when a function returns them.
"""

from __future__ import annotations

import contextlib
from typing import Any

from opentelemetry.context import Context

from tracing_proxies.recording.context import SPAN_KEY, attach, current, detach
from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.recording.recorder import Recording
from tracing_proxies.recording.span import Span
from tracing_proxies.weaving.standin import StandIn


class _Entered:
    """The recording of one context manager: current from enter to exit, ended once."""

    __slots__ = ("entered", "outer", "recording", "token", "value")

    def __init__(self, recording: Recording) -> None:
        self.recording: Recording | None = recording
        self.token: Any = None
        self.outer: Context | None = None
        self.entered = False
        self.value: Any = None

    def begin(self) -> None:
        """Make the span current."""
        self.entered = True
        if self.recording is not None:
            self.outer = current()
            self.token = attach(self.recording.context)
            if isinstance(self.recording, Span):
                self.recording.outer = self.outer

    def end(self, exc: BaseException | None) -> None:
        """End the span, and restore what was current before, unless another one has been made current since.

        Managers that are left in another order than they were entered must not bring back a span that has ended.
        """
        recording, self.recording = self.recording, None
        value, self.value = self.value, None
        if recording is None:
            return
        if exc is None:
            recording.finish(value)
        else:
            recording.fail(exc)
        if current() is recording.context:
            detach(self.token)
            restored = alive = current()
            while type(above := alive.get(SPAN_KEY)) is Span and above.stop is not None and above.outer is not None:
                alive = above.outer
            if alive is not restored:
                attach(alive)
        self.token = self.outer = None

    def drop(self) -> None:
        """Forget a span whose manager was never entered; abandon one that was never left."""
        recording, self.recording = self.recording, None
        if recording is None:
            return
        if self.entered:
            recording.abandon("abandoned")
        elif isinstance(recording, Span):
            recording.recorder.discard(recording)


class TracedContextManager(StandIn):
    """A context manager under its span; used as a decorator it works as untraced."""

    def __call__(self, function: Any) -> Any:
        return self._tp_wrapped(function)

    def __enter__(self) -> Any:
        __tracebackhide__ = True
        entered = self._tp_state
        entered.begin()
        try:
            entered.value = self._tp_wrapped.__enter__()
        except BaseException as exc:
            entered.end(exc)
            raise
        return entered.value

    def __exit__(self, kind: Any, exc: Any, traceback: Any) -> Any:
        __tracebackhide__ = True
        entered = self._tp_state
        try:
            suppressed = self._tp_wrapped.__exit__(kind, exc, traceback)
        except BaseException as error:
            entered.end(error)
            raise
        entered.end(None if suppressed else exc)
        return suppressed

    def __del__(self) -> None:
        self._tp_state.drop()


class TracedAsyncContextManager(StandIn):
    """An async context manager under its span; used as a decorator it works as untraced."""

    def __call__(self, function: Any) -> Any:
        return self._tp_wrapped(function)

    async def __aenter__(self) -> Any:
        __tracebackhide__ = True
        entered = self._tp_state
        entered.begin()
        try:
            entered.value = await self._tp_wrapped.__aenter__()
        except BaseException as exc:
            entered.end(exc)
            raise
        return entered.value

    async def __aexit__(self, kind: Any, exc: Any, traceback: Any) -> Any:
        __tracebackhide__ = True
        entered = self._tp_state
        try:
            suppressed = await self._tp_wrapped.__aexit__(kind, exc, traceback)
        except BaseException as error:
            entered.end(error)
            raise
        entered.end(None if suppressed else exc)
        return suppressed

    def __del__(self) -> None:
        self._tp_state.drop()


def _proceed(result: Any, opener: Any, begun: Recording | None, recipe: Recipe, fold: Any) -> Any:
    return result if begun is None else TracedContextManager(result, _Entered(begun))


def _proceed_async(result: Any, opener: Any, begun: Recording | None, recipe: Recipe, fold: Any) -> Any:
    return result if begun is None else TracedAsyncContextManager(result, _Entered(begun))


proceed_manager = {id(contextlib._GeneratorContextManager): _proceed}
proceed_async_manager = {id(contextlib._AsyncGeneratorContextManager): _proceed_async}

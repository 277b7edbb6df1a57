"""Activation around the steps of a coroutine or generator, and never across one of its yields.

A token that is held across a yield leaks our span into whoever consumes the stream, and cannot be reset when another
task closes it. So the span is current during each step only. What the body itself has made current (baggage, spans of
other libraries) is kept from step to step, as if the body had a context of its own.
"""

from __future__ import annotations

import types
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context

from tracing_proxies.compiled import hot
from tracing_proxies.recording.context import attach, current, detach, variable, with_own_span, with_span
from tracing_proxies.recording.handles import Recording
from tracing_proxies.recording.span import Span
from tracing_proxies.recording.unrecorded import Unrecorded
from tracing_proxies.weaving.internal import aside, internal


class Steps:
    """The context of a body that runs in steps.

    Attributes:
        maps: kept by what is compiled (hot/stays.c), unset else.
    """

    __slots__ = ("inner", "maps", "outer", "span")

    def __init__(self, recording: Recording) -> None:
        kind = type(recording)
        # By the type first: asking whether it is an instance of an abstract class is a call.
        own: Any = recording
        self.span = own if kind is Span or kind is Unrecorded or isinstance(own, Span) else own.span
        self.inner: Context = recording.context
        self.outer: Context = current()

    @aside
    def enter(self) -> Any:
        """Make the body's context current; returns the token for ``leave``, None where the consumer's is the body's."""
        outer = current()
        if outer is not self.outer:
            self.move(outer)
        return None if self.inner is outer else attach(self.inner)

    def move(self, outer: Context) -> None:
        """Follow the consumer, who has changed its own context meanwhile: the body sees that, with our span in it."""
        if self.inner is self.outer:
            self.inner = self.outer = outer
        elif outer is not self.outer:
            self.outer = outer
            self.inner = with_own_span(outer, self.span) if type(self.span) is Span else with_span(outer, self.span)

    @aside
    def leave(self, token: Any) -> None:
        """Keep what the body has made current, and restore the consumer's context."""
        if token is not None:
            self.inner = current()
            detach(token)


@types.coroutine
@internal
def run_in_steps(body: Any, steps: Steps) -> Generator[Any, Any, Any]:
    """Await a coroutine or awaitable step by step.

    Args:
        body: anything with ``send`` and ``throw``.
        steps: its context.

    Returns:
        What it returns; whatever it raises passes unchanged.
    """
    __tracebackhide__ = True
    value: Any = None
    thrown: BaseException | None = None
    try:
        while True:
            token = steps.enter()
            try:
                yielded = body.send(value) if thrown is None else body.throw(thrown)
            except StopIteration as stop:
                steps.leave(token)
                return stop.value
            except BaseException:
                steps.leave(token)
                raise
            steps.leave(token)
            value = thrown = None
            try:
                value = yield yielded
            except BaseException as exc:
                thrown = exc
    finally:
        value = thrown = None  # an exception that a frame of its own traceback holds is a cycle


if not TYPE_CHECKING and hot is not None and variable is not None:
    run_in_steps = hot.in_steps

"""Generators and async generators whose steps run under their span."""

from __future__ import annotations

from types import AsyncGeneratorType, GeneratorType
from typing import Any

from tracing_proxies import clocks
from tracing_proxies.compiled import hot
from tracing_proxies.recording.context import attach, current, detach, variable
from tracing_proxies.weaving.internal import all_internal, aside, cut_frame
from tracing_proxies.weaving.standin import StandIn, stands_for

_clock = clocks.perf_counter_ns


@stands_for(GeneratorType)
@all_internal
class TracedGenerator(StandIn):
    """A generator whose steps run under its span."""

    __slots__ = ()

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        __tracebackhide__ = True
        stream, generator = self._tp_state, self._tp_wrapped
        steps = stream.steps
        if steps is None:
            try:
                return stream.step(generator, generator.__next__)
            except BaseException as exc:
                cut_frame(exc)
                raise
        # `Stream.step` in one function, for streams of many items: 0.9 us an item, not 1.8.
        outer = current()
        if outer is not steps.outer:
            steps.move(outer)
        token = None if steps.inner is outer else attach(steps.inner)
        try:
            item = next(generator)
        except BaseException as exc:
            steps.leave(token)
            stream.end_step(generator, exc)
            cut_frame(exc)
            raise
        if token is not None:
            steps.inner = current()
            detach(token)
        stream.left = _clock()
        stream.add(item)
        return item

    # The arguments go on as they came: what does not fit is refused by the generator, in its own words.
    def send(self, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        generator = self._tp_wrapped
        try:
            return self._tp_state.step(generator, generator.send, *args, **kwargs)
        except BaseException as exc:
            cut_frame(exc)
            raise

    def throw(self, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        generator = self._tp_wrapped
        try:
            return self._tp_state.step(generator, generator.throw, *args, **kwargs)
        except BaseException as exc:
            cut_frame(exc)
            raise

    def close(self) -> Any:
        __tracebackhide__ = True
        try:
            return self._tp_state.close(self._tp_wrapped)
        except BaseException as exc:
            cut_frame(exc)
            raise

    def __del__(self) -> None:
        self._tp_state.drop()


@stands_for(AsyncGeneratorType)
@all_internal
class TracedAsyncGenerator(StandIn):
    """An async generator whose steps run under its span.

    The generator's own methods are called at once, as untraced: that is when it makes itself known to the event loop,
    which closes it in the end.
    """

    __slots__ = ()

    def __aiter__(self) -> Any:
        return self

    def __anext__(self) -> Any:
        generator = self._tp_wrapped
        return _step(generator.__anext__(), self._tp_state, generator, False)

    @aside
    def asend(self, *args: Any, **kwargs: Any) -> Any:
        generator = self._tp_wrapped
        return _step(generator.asend(*args, **kwargs), self._tp_state, generator, False)

    @aside
    def athrow(self, *args: Any, **kwargs: Any) -> Any:
        generator = self._tp_wrapped
        return _step(generator.athrow(*args, **kwargs), self._tp_state, generator, False)

    @aside
    def aclose(self) -> Any:
        generator = self._tp_wrapped
        return _step(generator.aclose(), self._tp_state, generator, True)

    def __del__(self) -> None:
        self._tp_state.drop()


@all_internal
class _Step(StandIn):
    """The awaitable of one step of an async generator; like the interpreter's own it is no coroutine.

    The original of what is compiled (hot/steps.c).
    """

    __slots__ = ()

    def __await__(self) -> Any:
        return self

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        __tracebackhide__ = True
        stream, generator, last = self._tp_state
        try:
            return stream.async_step(generator, last, self._tp_wrapped.__next__)
        except BaseException as exc:
            cut_frame(exc)
            raise

    def send(self, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        stream, generator, last = self._tp_state
        try:
            return stream.async_step(generator, last, self._tp_wrapped.send, *args, **kwargs)
        except BaseException as exc:
            cut_frame(exc)
            raise

    def throw(self, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        stream, generator, last = self._tp_state
        try:
            return stream.async_step(generator, last, self._tp_wrapped.throw, *args, **kwargs)
        except BaseException as exc:
            cut_frame(exc)
            raise

    def close(self) -> Any:
        __tracebackhide__ = True
        stream, generator, _ = self._tp_state
        try:
            return stream.async_close(generator, self._tp_wrapped)
        except BaseException as exc:
            cut_frame(exc)
            raise


def _make_step(awaitable: Any, stream: Any, generator: Any, last: bool) -> Any:
    return _Step(awaitable, (stream, generator, last))


_step: Any = _make_step
if hot is not None and variable is not None:
    _step = hot.generator_step
    TracedAsyncGenerator.__anext__ = hot.next_step  # type: ignore[method-assign]
    TracedAsyncGenerator.__aiter__ = hot.itself  # type: ignore[method-assign]
    TracedAsyncGenerator.__del__ = hot.drop  # type: ignore[method-assign]
    TracedGenerator.__next__ = hot.next_item  # type: ignore[method-assign]
    TracedGenerator.__iter__ = hot.itself  # type: ignore[method-assign]
    TracedGenerator.__del__ = hot.drop  # type: ignore[method-assign]
    for _name, _method in hot.generator_methods().items():
        setattr(TracedGenerator, _name, _method)

"""Streams that are no generators: an object of a library's own class that is iterated, closed and entered.

Only where a rule has a `fold`, which says that its target answers streams: any other iterator is the application's own
object, which it may compare by identity, and is handed on untouched. The object is proxied attribute by attribute and
never read by us; its proxy has the special methods that its class has, and no other.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable
from typing import Any

from tracing_proxies.recording.handles import Recording
from tracing_proxies.recording.recipe import Recipe
from tracing_proxies.registry.fields import mro_of, namespace_of
from tracing_proxies.weaving.internal import all_internal, aside, cut_frame, internal
from tracing_proxies.weaving.standin import StandIn
from tracing_proxies.weaving.steps import run_in_steps
from tracing_proxies.weaving.stream import Opener, Stream

Proceed = Callable[[Any, "Opener | None", "Recording | None", Recipe, "Callable[[], Any] | None"], Any]


def proceed_with(kind: type) -> Proceed | None:
    """Tell how a result goes on under its span if its class makes it a stream; None if it does not.

    A model of fields can be iterated as well, and is none: a stream is an iterator, or can be closed.
    """
    names = {name for base in mro_of(kind) for name in namespace_of(base)}
    if "__next__" in names or "__anext__" in names:
        return _proceed
    if ("__iter__" in names and "close" in names) or ("__aiter__" in names and not names.isdisjoint(_CLOSES)):
        return _proceed
    return None


def _proceed(
    result: Any, opener: Opener | None, begun: Recording | None, recipe: Recipe, fold: Callable[[], Any] | None
) -> Any:
    return _class_for(type(result))(result, Stream(opener, begun, recipe, fold))


@all_internal
class _StreamObject(StandIn):
    """What the proxies of all classes have in common; `_TRACED` and forwarders are added as the class has them."""

    __slots__ = ()

    @aside
    def __del__(self) -> None:
        self._tp_state.drop()


@all_internal
class _Iteration(StandIn):
    """An iterator that a stream object has made; the stream is not over while somebody holds it."""

    __slots__ = ()

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        __tracebackhide__ = True
        try:
            return self._tp_state._tp_state.step(None, self._tp_wrapped.__next__)
        except BaseException as exc:
            cut_frame(exc)
            raise


@all_internal
class _AsyncIteration(StandIn):
    """The same of an async one."""

    __slots__ = ()

    def __aiter__(self) -> Any:
        return self

    def __anext__(self) -> Any:
        return _await_step(self._tp_state._tp_state, self._tp_wrapped.__anext__())


@internal
def _iter(self: Any) -> Any:
    iterator = self._tp_wrapped.__iter__()
    return self if iterator is self._tp_wrapped else _Iteration(iterator, self)


@internal
def _next(self: Any) -> Any:
    __tracebackhide__ = True
    try:
        return self._tp_state.step(None, self._tp_wrapped.__next__)
    except BaseException as exc:
        cut_frame(exc)
        raise


@internal
def _aiter(self: Any) -> Any:
    iterator = self._tp_wrapped.__aiter__()
    return self if iterator is self._tp_wrapped else _AsyncIteration(iterator, self)


@internal
def _anext(self: Any) -> Any:
    return _await_step(self._tp_state, self._tp_wrapped.__anext__())


@internal
async def _await_step(stream: Stream, awaitable: Any) -> Any:
    __tracebackhide__ = True
    if not stream.started:
        stream.start()
    steps = stream.steps
    body = awaitable if inspect.iscoroutine(awaitable) else awaitable.__await__()
    try:
        # An awaitable that is no coroutine may lack `send`; what it does is then not below the span.
        item = await (awaitable if steps is None or not hasattr(body, "send") else run_in_steps(body, steps))
    except StopAsyncIteration as stop:
        stream.finish()
        cut_frame(stop)
        raise
    except BaseException as exc:
        stream.fail(exc)
        cut_frame(exc)
        raise
    stream.touch()
    stream.add(item)
    return item


@internal
def _enter(self: Any) -> Any:
    try:
        entered = self._tp_wrapped.__enter__()
    except BaseException as exc:
        cut_frame(exc)
        raise
    return self if entered is self._tp_wrapped else entered


@internal
def _exit(self: Any, kind: Any, exc: Any, traceback: Any) -> Any:
    __tracebackhide__ = True
    try:
        suppressed = self._tp_wrapped.__exit__(kind, exc, traceback)
    except BaseException as error:
        self._tp_state.fail(error)
        cut_frame(error)
        raise
    _left(self._tp_state, exc, suppressed)
    return suppressed


@internal
async def _aenter(self: Any) -> Any:
    try:
        entered = await self._tp_wrapped.__aenter__()
    except BaseException as exc:
        cut_frame(exc)
        raise
    return self if entered is self._tp_wrapped else entered


@internal
async def _aexit(self: Any, kind: Any, exc: Any, traceback: Any) -> Any:
    __tracebackhide__ = True
    try:
        suppressed = await self._tp_wrapped.__aexit__(kind, exc, traceback)
    except BaseException as error:
        self._tp_state.fail(error)
        cut_frame(error)
        raise
    _left(self._tp_state, exc, suppressed)
    return suppressed


@aside
def _left(stream: Stream, exc: BaseException | None, suppressed: Any) -> None:
    if exc is None or suppressed:
        stream.abandon()
    else:
        stream.fail(exc)


@internal
def _closing(name: str) -> Any:
    def close(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            closed = getattr(self._tp_wrapped, name)(*args, **kwargs)
        except BaseException as exc:
            cut_frame(exc)
            raise
        if inspect.iscoroutine(closed):
            return _close_later(closed, self)
        self._tp_state.abandon()
        return closed

    return close


@internal
async def _close_later(closing: Any, proxy: Any) -> Any:
    try:
        closed = await closing
    except BaseException as exc:
        cut_frame(exc)
        raise
    proxy._tp_state.abandon()
    return closed


_CLOSES = ("close", "aclose")
_TRACED: dict[str, Any] = {
    **{"__iter__": _iter, "__next__": _next, "__aiter__": _aiter, "__anext__": _anext},
    **{"__enter__": _enter, "__exit__": _exit, "__aenter__": _aenter, "__aexit__": _aexit},
    **{name: _closing(name) for name in _CLOSES},
}
_NOT_FORWARDED = frozenset(
    name
    for base in (object, StandIn, _StreamObject)
    for name in namespace_of(base)
    if name not in ("__eq__", "__hash__")
) | {"__slots__", "__set_name__", "__class_getitem__", "__annotations__", "__dict__", "__weakref__", "__await__"}

# By id: hashing a class may run its metaclass's code. With a weak reference, since a new one may get a dead one's id.
_classes: dict[int, tuple[weakref.ref[type], Any]] = {}


def _class_for(kind: type) -> Any:
    known = _classes.get(id(kind))
    if known is not None and known[0]() is kind:
        return known[1]
    namespace: dict[str, Any] = {"__slots__": ()}
    for base in mro_of(kind)[:-1]:
        for name in namespace_of(base):
            if name in _TRACED:
                namespace[name] = _TRACED[name]
            elif name.startswith("__") and name.endswith("__") and name not in _NOT_FORWARDED:
                namespace[name] = _forward(name)
    made = type("StreamObject", (_StreamObject,), namespace)
    key = id(kind)
    _classes[key] = (weakref.ref(kind, lambda _: _classes.pop(key, None)), made)
    return made


@internal
def _forward(name: str) -> Any:
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return getattr(self._tp_wrapped, name)(*args, **kwargs)
        except BaseException as exc:
            cut_frame(exc)
            raise

    return forward

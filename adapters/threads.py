"""Carries the current span into threads and thread pools, which otherwise start without any."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from functools import partial
from types import BuiltinMethodType
from typing import Any

from opentelemetry.context import Context as OtelContext

from tracing_proxies.compiled import hot
from tracing_proxies.recording.context import SPAN_KEY, attach, current, detach, variable
from tracing_proxies.registry.model import Preset
from tracing_proxies.weaving.hooks import Hooks

_CARRIED = "_tracing_proxies_context"
# What runs in a context of its own takes nothing from the thread's, where a context variable holds what is current.
_SELF_CARRYING: Any = None if variable is None else Context

# Past a thread's own `__setattr__`, and past its `__dict__`, which the interpreter would have to make for it.
_put, _get, _delete = object.__setattr__, object.__getattribute__, object.__delattr__


def install(hooks: Hooks, preset: Preset) -> None:
    """Wrap what starts a thread or hands work to one."""
    if _CARRIED in vars(threading.Thread.start):
        return
    start, body, submit = threading.Thread.start, threading.Thread._bootstrap_inner, ThreadPoolExecutor.submit  # type: ignore[attr-defined]

    def carrying_start(self: threading.Thread) -> None:
        __tracebackhide__ = True
        context = current()
        if SPAN_KEY in context:
            _put(self, _CARRIED, context)
        try:
            start(self)
        except BaseException:
            _take(self)
            raise

    def carried_body(self: threading.Thread) -> None:
        context = _take(self)
        (body if context is None else _carry(context, body))(self)

    def carrying_submit(self: ThreadPoolExecutor, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if type(fn) is partial and type(fn.func) is BuiltinMethodType and type(fn.func.__self__) is _SELF_CARRYING:
            return submit(self, fn, *args, **kwargs)  # as `asyncio.to_thread` hands it over: by `Context.run`
        # Also without a span: the pool's thread may have been started, and so be bound, under another submitter's.
        return submit(self, _carry(current(), fn), *args, **kwargs)

    setattr(carrying_start, _CARRIED, True)
    hooks.replace(threading.Thread, "start", carrying_start)
    hooks.replace(threading.Thread, "_bootstrap_inner", carried_body)
    hooks.replace(ThreadPoolExecutor, "submit", carrying_submit)


def _take(thread: threading.Thread) -> Any:
    try:
        context = _get(thread, _CARRIED)
        _delete(thread, _CARRIED)
    except AttributeError:
        return None
    return context


def carry(context: OtelContext, function: Any) -> Any:
    """Bind a function to a context, under which it runs in whatever thread it is called."""

    def carried(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        token = attach(context)
        try:
            return function(*args, **kwargs)
        finally:
            detach(token)

    return carried


_carry: Any = carry if hot is None or variable is None else hot.carried

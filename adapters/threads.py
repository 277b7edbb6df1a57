"""Carries the current span into threads and thread pools, which otherwise start without any."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tracing_proxies.recording.context import SPAN_KEY, attach, current, detach
from tracing_proxies.registry.model import Preset
from tracing_proxies.weaving.hooks import Hooks

_CARRIED = "_tracing_proxies_context"


def install(hooks: Hooks, preset: Preset) -> None:
    """Wrap what starts a thread or hands work to one."""
    if _CARRIED in vars(threading.Thread.start):
        return
    start, body, submit = threading.Thread.start, threading.Thread._bootstrap_inner, ThreadPoolExecutor.submit  # type: ignore[attr-defined]

    def carrying_start(self: threading.Thread) -> None:
        __tracebackhide__ = True
        context = current()
        if SPAN_KEY in context:
            self.__dict__[_CARRIED] = context
        try:
            start(self)
        except BaseException:
            self.__dict__.pop(_CARRIED, None)
            raise

    def carried_body(self: threading.Thread) -> None:
        context = self.__dict__.pop(_CARRIED, None)
        if context is None:
            body(self)
            return
        token = attach(context)
        try:
            body(self)
        finally:
            detach(token)

    def carrying_submit(self: ThreadPoolExecutor, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        # Also without a span: the pool's thread may have been started, and so be bound, under another submitter's.
        context = current()

        def carried(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            token = attach(context)
            try:
                return fn(*args, **kwargs)
            finally:
                detach(token)

        return submit(self, carried, *args, **kwargs)

    setattr(carrying_start, _CARRIED, True)
    hooks.replace(threading.Thread, "start", carrying_start)
    hooks.replace(threading.Thread, "_bootstrap_inner", carried_body)
    hooks.replace(ThreadPoolExecutor, "submit", carrying_submit)

"""Traces the requests of an ASGI application: each has a span from its arrival to the end of its response.

No event loop is asked for anything, so it is all the same which one runs the application.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tracing_proxies.adapters.http_served import Served, begin_served
from tracing_proxies.failures import contain
from tracing_proxies.recording.propagation import TRACEPARENT, TRACESTATE, read_headers
from tracing_proxies.weaving.internal import cut_frame, internal
from tracing_proxies.weaving.steps import Steps, run_in_steps

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

_PARENT, _STATE = TRACEPARENT.encode(), TRACESTATE.encode()
_IDENTITY = ("type", "method", "path", "query_string", "headers")
_BODIES = ("http.response.body", "http.response.zerocopysend", "http.response.pathsend")
_SWITCHING = 101
_FORBIDDEN = 403


class TracingMiddleware:
    """Traces an application whose framework no preset knows: ``app = TracingMiddleware(app)``.

    A request that passes several of them, or a framework that the preset `http` traces, has one span.

    Args:
        app: the ASGI 3 application.
    """

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope."""
        __tracebackhide__ = True
        await serve(self.app, scope, receive, send)


@internal
async def serve(app: Application, scope: Scope, receive: Receive, send: Send) -> None:
    """Let an application serve one scope, under a span of its own if it is a request or a websocket.

    An incoming ``traceparent`` is the parent of that span; its trace goes on here.
    """
    __tracebackhide__ = True
    served = _begin(scope)
    if served is None:
        try:
            await app(scope, receive, send)
        except BaseException as exc:
            cut_frame(exc)
            raise
        return
    note = _note_websocket if scope["type"] == "websocket" else _note_response

    async def noting(message: Message) -> None:
        __tracebackhide__ = True
        last = _contained(note, served, message)
        await send(message)
        if last:
            served.answered()

    token = served.enter()
    try:
        await run_in_steps(_serve(app, scope, receive, noting), Steps(served.span))
    except BaseException as exc:
        served.end(exc)
        cut_frame(exc)
        raise
    finally:
        served.leave(token)
    served.end()


@internal
async def _serve(app: Application, scope: Scope, receive: Receive, send: Send) -> None:
    __tracebackhide__ = True
    try:
        await app(scope, receive, send)
    except BaseException as exc:
        cut_frame(exc)
        raise


def _begin(scope: Scope) -> Served | None:
    try:
        kind = scope.get("type")
        if kind not in ("http", "websocket"):
            return None
        headers, parent = scope.get("headers"), None
        if isinstance(headers, (list, tuple)):  # anything else might be read only once
            parents = [value.decode("latin-1") for name, value in headers if name.lower() == _PARENT]
            states = [value.decode("latin-1") for name, value in headers if name.lower() == _STATE]
            parent = read_headers(parents, states)
        method = scope["method"] if kind == "http" else "WEBSOCKET"
        return begin_served(scope, functools.partial(_is_same, scope), method, scope["path"], parent)
    except Exception as exc:
        contain("http", exc)
        return None


def _is_same(scope: Scope, outer: Scope) -> bool:
    # Layers hand on the scope itself or a copy, and frameworks copy its headers as well.
    return scope is outer or all(scope.get(key) == outer.get(key) for key in _IDENTITY)


def _note_response(served: Served, message: Message) -> bool:
    """Take note of a message; returns whether it is the last one of the response."""
    kind = message["type"]
    if kind == "http.response.start":
        served.status = int(message["status"])
        return False
    return kind in _BODIES and not message.get("more_body", False)


def _note_websocket(served: Served, message: Message) -> bool:
    kind = message["type"]
    if kind == "websocket.accept":
        served.status = _SWITCHING
    elif kind == "websocket.http.response.start":
        served.status = int(message["status"])
    elif kind == "websocket.close" and served.status is None:
        served.status = _FORBIDDEN
    return False


def _contained(note: Callable[[Served, Message], bool], served: Served, message: Message) -> bool:
    try:
        return note(served, message)
    except Exception as exc:
        contain("http", exc)
        return False

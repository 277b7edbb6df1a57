"""Traces the requests of a WSGI application: each has a span from its arrival to the end of its response."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable
from typing import Any

from tracing_proxies.adapters.http_served import Served, begin_served
from tracing_proxies.failures import contain
from tracing_proxies.recording.context import attach, detach
from tracing_proxies.recording.propagation import read_headers
from tracing_proxies.weaving.internal import cut_frame, internal
from tracing_proxies.weaving.standin import StandIn
from tracing_proxies.weaving.steps import Steps

Environ = dict[str, Any]
Application = Callable[[Any, Any], Iterable[bytes]]


class TracingMiddleware:
    """Traces an application whose framework no preset knows: ``app = TracingMiddleware(app)``.

    A request that passes several of them, or a framework that the preset `http` traces, has one span.

    Args:
        app: the WSGI application.
    """

    def __init__(self, app: Application) -> None:
        self.app = app

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Serve one request."""
        __tracebackhide__ = True
        return serve(self.app, environ, start_response)


@internal
def serve(app: Application, environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Let an application serve one request under a span of its own.

    An incoming ``traceparent`` is the parent of that span; its trace goes on here.

    Returns:
        The application's response. A list and the server's own wrapper of files are returned as they are, and the span
        ends at once; anything else goes on under the span until it is exhausted or closed.
    """
    __tracebackhide__ = True
    served = _begin(environ)
    if served is None:
        try:
            return app(environ, start_response)
        except BaseException as exc:
            cut_frame(exc)
            raise
    token, known = attach(served.span.context), served.enter()
    try:
        response = app(environ, _noting(served, start_response))
    except BaseException as exc:
        served.end(exc)
        cut_frame(exc)
        raise
    finally:
        served.leave(known)
        detach(token)
    if type(response) in (list, tuple) or _is_file(response, environ):
        served.end()
        return response
    return (_SizedResponse if hasattr(response, "__len__") else _Response)(response, _Steps(served))


class _Steps:
    """The steps of one response under the span of its request."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self._steps = Steps(served.span)
        self._left = time.perf_counter_ns()

    def run(self, step: Callable[..., Any], *args: Any) -> Any:
        """Run one step; whatever it raises but the end of the iteration ends the span."""
        __tracebackhide__ = True
        token = self._steps.enter()
        try:
            return step(*args)
        except StopIteration:
            self.served.end()
            raise
        except BaseException as exc:
            self.served.end(exc)
            cut_frame(exc)
            raise
        finally:
            self._steps.leave(token)
            self._left = time.perf_counter_ns()

    def close(self, close: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Close the response, as the server does when it has sent what it wanted of it."""
        __tracebackhide__ = True
        result = self.run(functools.partial(close, *args, **kwargs))
        self.served.end()
        return result

    def drop(self) -> None:
        """End the span of a response that was neither exhausted nor closed."""
        self.served.drop(self._left)


class _Response(StandIn):
    """A response that is still to be produced, each part of it under the span of its request."""

    __slots__ = ()

    def __iter__(self) -> Any:
        __tracebackhide__ = True
        iterator = self._tp_state.run(iter, self._tp_wrapped)
        return self if iterator is self._tp_wrapped else _Parts(iterator, self)

    def __next__(self) -> Any:
        __tracebackhide__ = True
        return self._tp_state.run(next, self._tp_wrapped)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._tp_wrapped, name)
        return functools.partial(self._tp_state.close, found) if name == "close" else found

    def __del__(self) -> None:
        self._tp_state.drop()


class _SizedResponse(_Response):
    """A response that knows how many parts it has: servers tell from a single part how long the body is."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._tp_wrapped)


class _Parts(StandIn):
    """The iterator of a response, which it keeps alive: the span of one that nobody holds any more ends."""

    __slots__ = ()

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        __tracebackhide__ = True
        return self._tp_state._tp_state.run(next, self._tp_wrapped)


def _begin(environ: Environ) -> Served | None:
    try:
        parents = [environ["HTTP_TRACEPARENT"]] if "HTTP_TRACEPARENT" in environ else []
        states = [environ["HTTP_TRACESTATE"]] if "HTTP_TRACESTATE" in environ else []
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        return begin_served(
            environ,
            functools.partial(_is_same, environ),
            environ.get("REQUEST_METHOD", ""),
            path.encode("latin-1", "replace").decode("utf-8", "replace"),  # PEP 3333: bytes in the guise of text
            read_headers(parents, states),
        )
    except Exception as exc:
        contain("http", exc)
        return None


def _is_same(environ: Environ, outer: Any) -> bool:
    # Layers hand on the environ itself or a copy.
    return environ is outer or environ.get("wsgi.input", environ) is outer.get("wsgi.input")


def _noting(served: Served, start_response: Any) -> Any:
    def noting(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        try:
            status = args[0] if args else kwargs["status"]
            served.status = int(status[:3])
        except Exception as exc:
            contain("http", exc)
        return start_response(*args, **kwargs)

    return noting


def _is_file(response: Any, environ: Environ) -> bool:
    wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(wrapper, type) and isinstance(response, wrapper)

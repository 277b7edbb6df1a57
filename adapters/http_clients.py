"""Puts the current span onto the requests that leave: httpx, requests by way of urllib3, and aiohttp.

Each client is reached where it hands a request to the network, below its sessions, its authentication and its
redirects, and the header goes onto a copy: no request or header that the application holds is changed. What stands in
for the network (a mock, a transport of the application's own) is given what it would be given untraced.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, MutableMapping
from itertools import chain
from types import ModuleType
from typing import Any

from tracing_proxies import runtime
from tracing_proxies.adapters.replacing import replace
from tracing_proxies.failures import contain
from tracing_proxies.recording.context import current
from tracing_proxies.recording.propagation import TRACEPARENT, write_headers
from tracing_proxies.weaving.hooks import Hooks
from tracing_proxies.weaving.internal import cut_frame, internal


def install(hooks: Hooks) -> None:
    """Wait for the clients."""

    def on_httpx(module: ModuleType) -> None:
        replace(hooks, module.HTTPTransport, "handle_request", _carrying_send)
        replace(hooks, module.AsyncHTTPTransport, "handle_async_request", _carrying_async_send)

    def on_urllib3(module: ModuleType) -> None:
        replace(hooks, module.HTTPConnectionPool, "urlopen", _carrying_urlopen)

    def on_aiohttp(module: ModuleType) -> None:
        replace(hooks, module.ClientSession, "_request", _carrying_request)

    hooks.on_module("httpx", on_httpx)
    hooks.on_module("httpx2", on_httpx)  # its successor, with the same transports
    hooks.on_module("urllib3.connectionpool", on_urllib3)
    hooks.on_module("aiohttp.client", on_aiohttp)


@internal
def _carrying_send(send: Any) -> Any:
    @functools.wraps(send)
    def carrying(self: Any, request: Any) -> Any:
        __tracebackhide__ = True
        try:
            return send(self, _carried_by(request))
        except BaseException as exc:
            cut_frame(exc)
            raise

    return carrying


@internal
def _carrying_async_send(send: Any) -> Any:
    @functools.wraps(send)
    async def carrying(self: Any, request: Any) -> Any:
        __tracebackhide__ = True
        try:
            return await send(self, _carried_by(request))
        except BaseException as exc:
            cut_frame(exc)
            raise

    return carrying


@internal
def _carrying_urlopen(urlopen: Any) -> Any:
    @functools.wraps(urlopen)
    def carrying(self: Any, method: Any, url: Any, body: Any = None, headers: Any = None, *args: Any, **kw: Any) -> Any:
        __tracebackhide__ = True
        try:
            # A retry passes here again, with the headers of the first attempt.
            return urlopen(self, method, url, body, _with_headers(headers, self), *args, **kw)
        except BaseException as exc:
            cut_frame(exc)
            raise

    return carrying


@internal
def _carrying_request(request: Any) -> Any:
    @functools.wraps(request)
    async def carrying(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        given = kwargs.get("headers")
        headers = _with_headers(given, self, merged=True)
        if headers is not given:
            kwargs["headers"] = headers
        try:
            return await request(self, *args, **kwargs)
        except BaseException as exc:
            cut_frame(exc)
            raise

    return carrying


def _carried_by(request: Any) -> Any:
    """Copy a request of httpx with the current span on it; without a span it is returned as it is."""
    try:
        more = _headers_to_add(request.headers)
        if not more:
            return request
        # Not `copy.copy`: requests leave their stream and extensions behind there.
        copied = type(request).__new__(type(request))
        vars(copied).update(vars(request))
        copied.headers = request.headers.copy()
        copied.headers.update(more)
        return copied
    except Exception as exc:
        contain("http", exc)
        return request


def _with_headers(given: Any, client: Any, merged: bool = False) -> Any:
    """Copy a request's headers with the current span among them; without a span they are returned as they are.

    Args:
        given: the headers, or None.
        client: what has headers of its own for each request.
        merged: whether the client sends its own besides those that are given, and not in place of none.
    """
    try:
        usual = client.headers
        headers = given if given is not None else {} if merged else usual
        if merged and _are_pairs(headers):
            more = _headers_to_add((name for name, _ in headers), usual)
            return [*headers, *more.items()] if more else given
        if not isinstance(headers, Mapping):
            return given  # for the client to refuse, or to read, which may be possible only once
        more = _headers_to_add(headers, usual if merged else ())
        if not more:
            return given
        copied = headers.copy() if hasattr(headers, "copy") else None
        if not isinstance(copied, MutableMapping):
            copied = dict(headers)
        copied.update(more)
        return copied
    except Exception as exc:
        contain("http", exc)
        return given


def _are_pairs(headers: Any) -> bool:
    kinds = (list, tuple)
    return type(headers) in kinds and all(type(pair) in kinds and len(pair) == 2 for pair in headers)


def _headers_to_add(*names: Iterable[Any]) -> dict[str, str]:
    more = write_headers(current()) if runtime._runtime is not None else {}
    if not more:
        return {}
    given = {(name.decode("latin-1") if type(name) is bytes else str(name)).lower() for name in chain(*names)}
    # What the application says of its trace itself is never mixed with ours.
    return {} if TRACEPARENT in given else {name: value for name, value in more.items() if name not in given}

"""Has the applications of Starlette, FastAPI and Flask traced, and names their requests after the routes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from tracing_proxies.adapters import asgi, wsgi
from tracing_proxies.adapters.http_served import being_served
from tracing_proxies.adapters.replacing import replace
from tracing_proxies.failures import contain
from tracing_proxies.weaving.hooks import Hooks
from tracing_proxies.weaving.internal import cut_frame, internal


def install(hooks: Hooks) -> None:
    """Wait for the frameworks."""

    def on_starlette(module: ModuleType) -> None:
        # FastAPI calls this from its own `__call__`, within the span of its telemetry where that is on.
        replace(hooks, module.Starlette, "__call__", _serving_asgi)

    def on_starlette_routing(module: ModuleType) -> None:
        replace(hooks, module.Route, "handle", functools.partial(_naming, _name_route))
        replace(hooks, module.WebSocketRoute, "handle", functools.partial(_naming, _name_route))
        replace(hooks, module.Mount, "handle", functools.partial(_naming, _name_mount))

    def on_fastapi_routing(module: ModuleType) -> None:
        if "handle" in vars(module.APIRoute):  # its older versions inherit it
            replace(hooks, module.APIRoute, "handle", functools.partial(_naming, _name_route))

    def on_flask(module: ModuleType) -> None:
        # Both: middleware may wrap the one before tracing begins, or be wrapped around the other.
        replace(hooks, module.Flask, "__call__", _serving_wsgi)
        replace(hooks, module.Flask, "wsgi_app", _serving_wsgi)
        # Called when the rule is known, and before any function of the application; it is off the stack during those.
        replace(hooks, module.Flask, "preprocess_request", _naming_rule)

    hooks.on_module("starlette.applications", on_starlette)
    hooks.on_module("starlette.routing", on_starlette_routing)
    hooks.on_module("fastapi.routing", on_fastapi_routing)
    hooks.on_module("flask.app", on_flask)


@internal
def _serving_asgi(call: Any) -> Any:
    @functools.wraps(call)
    async def serving(self: Any, scope: Any, receive: Any, send: Any) -> None:
        __tracebackhide__ = True
        try:
            await asgi.serve(functools.partial(call, self), scope, receive, send)
        except BaseException as exc:
            cut_frame(exc)
            raise

    return serving


@internal
def _serving_wsgi(call: Any) -> Any:
    @functools.wraps(call)
    def serving(self: Any, environ: Any, start_response: Any) -> Any:
        __tracebackhide__ = True
        try:
            return wsgi.serve(functools.partial(call, self), environ, start_response)
        except BaseException as exc:
            cut_frame(exc)
            raise

    return serving


@internal
def _naming(name: Callable[[Any, Any], None], handle: Any) -> Any:
    @functools.wraps(handle)
    async def naming(self: Any, scope: Any, receive: Any, send: Any) -> None:
        __tracebackhide__ = True
        name(self, scope)
        try:
            await handle(self, scope, receive, send)
        except BaseException as exc:
            cut_frame(exc)
            raise

    return naming


@internal
def _naming_rule(preprocess: Any) -> Any:
    @functools.wraps(preprocess)
    def naming(self: Any, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        _name_rule()
        try:
            return preprocess(self, *args, **kwargs)
        except BaseException as exc:
            cut_frame(exc)
            raise

    return naming


def _name_route(route: Any, scope: Any) -> None:
    served = being_served()
    if served is None:
        return
    try:
        # A router of FastAPI is included with a prefix that its routes do not know.
        effective = scope.get("fastapi", {}).get("effective_route_context")
        known = effective if effective is not None and effective.original_route is route else route
        served.name_route(known.path_format)
    except Exception as exc:
        contain("http", exc)


def _name_mount(mount: Any, scope: Any) -> None:
    served = being_served()
    if served is None:
        return
    try:
        served.name_mount(mount.path_format.removesuffix("/{path}"))
    except Exception as exc:
        contain("http", exc)


def _name_rule() -> None:
    served = being_served()
    if served is None:
        return
    try:
        from flask import request

        if request.url_rule is not None:
            served.name_route(request.environ.get("SCRIPT_NAME", "") + request.url_rule.rule)
    except Exception as exc:
        contain("http", exc)

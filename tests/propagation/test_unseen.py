"""Carrying a trace over HTTP leaves no mark on warnings, tracebacks and the lifetime of objects."""

from __future__ import annotations

import asyncio
import gc
import sys
import traceback
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import aiohttp
import flask
import httpx
import pytest
import requests
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import tracing_proxies
from tests.propagation.asgi_driver import Exchange, http_scope, run
from tests.propagation.conftest import Echo, parent_of
from tests.propagation.work import outer
from tracing_proxies.adapters.asgi import TracingMiddleware
from tracing_proxies.testing import CapturedSpan, registry_from

CLOSED = "http://127.0.0.1:9/closed"


def both(ask: Callable[[], Any]) -> tuple[Any, Any]:
    """Answer a question under a span, and then untraced."""
    traced = outer(ask)
    tracing_proxies.deactivate()
    return traced, ask()


async def show(request: Any) -> PlainTextResponse:
    return PlainTextResponse("done")


def places(exc: BaseException) -> list[str]:
    found = []
    for error in (exc, exc.__cause__, exc.__context__):
        found += [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error and error.__traceback__)]
    return found


@pytest.mark.skipif(sys.version_info < (3, 11), reason="an exception gets the entry of a frame back as it passes")
@pytest.mark.parametrize("get", [httpx.get, requests.get], ids=["httpx", "requests"])
def test_the_traceback_of_a_failed_request_is_that_of_an_untraced_one(spans: list[CapturedSpan], get: Any) -> None:
    def ask() -> list[str]:
        with pytest.raises(Exception, match=r".") as caught:
            get(CLOSED)
        return places(caught.value)

    traced, untraced = both(ask)
    assert traced == untraced


@pytest.mark.skipif(sys.version_info < (3, 11), reason="an exception gets the entry of a frame back as it passes")
@pytest.mark.parametrize("path", ["/fail", "/before"])
def test_the_traceback_of_a_failed_view_is_that_of_an_untraced_one(spans: list[CapturedSpan], path: str) -> None:
    app = flask.Flask(__name__)
    app.testing = True

    @app.before_request
    def before() -> None:
        if flask.request.path == "/before":
            raise ValueError("broken")

    @app.get(path)
    def fail() -> str:
        raise ValueError("broken")

    def ask() -> list[str]:
        with pytest.raises(ValueError, match="broken") as caught:
            app.test_client().get(path)
        return places(caught.value)

    traced, untraced = both(ask)
    assert traced == untraced


def test_a_warning_about_a_request_names_the_line_that_it_names_untraced(echo: Echo, spans: list[CapturedSpan]) -> None:
    async def warn() -> None:
        async with aiohttp.ClientSession() as session:
            await session.get(echo.url, verify_ssl=False)

    def ask() -> list[tuple[str, int]]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            asyncio.run(warn())
        return [(warning.filename, warning.lineno) for warning in caught if "verify_ssl" in str(warning.message)]

    traced, untraced = both(ask)
    assert traced == untraced
    assert len(traced) == 1


def test_a_client_that_a_rule_lists_as_well_carries_the_innermost_span(echo: Echo, spans: list[CapturedSpan]) -> None:
    tracing_proxies.activate(
        registry_from(
            "version: 1\nuse: [http]\nexport: { discard: {} }\n"
            "trace: [{ match: httpx:Client.send, capture: none }, { match: 'tests.propagation.work:*' }]\n"
        )
    )
    outer(httpx.get, echo.url)
    send, _ = spans
    assert send.name == "Client.send"
    assert echo.parents == [[parent_of(send)]]


def test_an_application_that_a_rule_lists_as_well_has_its_request_above_it(spans: list[CapturedSpan]) -> None:
    tracing_proxies.activate(
        registry_from(
            "version: 1\nuse: [http]\nexport: { discard: {} }\n"
            "trace: [{ match: ['starlette.routing:Router.__call__', 'flask.app:Flask.dispatch_request'] }]\n"
        )
    )
    app = flask.Flask(__name__)
    app.add_url_rule("/there", view_func=lambda: "done")
    assert app.test_client().get("/there").text == "done"
    assert TestClient(Starlette(routes=[Route("/there", show)])).get("/there").text == "done"
    dispatch, first, second, routing = spans  # the response is complete before the router is done
    assert (dispatch.parent_id, first.name) == (first.span_id, "GET /there")
    assert (routing.parent_id, second.name) == (second.span_id, "GET /there")


@pytest.mark.parametrize("fails", [False, True])
def test_a_request_that_has_ended_is_freed_without_the_collector(spans: list[CapturedSpan], fails: bool) -> None:
    class Marked(dict[str, Any]):
        """A scope that can be referred to weakly."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if fails:
            raise ValueError("broken")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def main() -> weakref.ref[Any]:
        scope, exchange = Marked(http_scope()), Exchange()
        try:
            await TracingMiddleware(answer)(scope, exchange.receive, exchange.send)
        except ValueError:
            pass
        return weakref.ref(scope)

    gc.disable()
    try:
        assert run("asyncio", main)() is None
    finally:
        gc.enable()

"""The live page: answers the page's script from the store, and tells it when there are new spans."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Final

import anyio
import attrs
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tracing_proxies.viewer import assets
from tracing_proxies.viewer.access import Access
from tracing_proxies.viewer.agents import read_agents
from tracing_proxies.viewer.documents import Surroundings, describe_trace, describe_tracing
from tracing_proxies.viewer.flow import read_flow
from tracing_proxies.viewer.selection import SelectionError, read_selection
from tracing_proxies.viewer.spans import read_span
from tracing_proxies.viewer.store import StoreUnreadable, newest_row, open_for_reading, traces_after
from tracing_proxies.viewer.traces import read_choices, read_page

_LOOK_EVERY: Final = 0.5
_STAY_AWAKE: Final = 15.0
_MOST_LISTENERS: Final = 32

Answer = Callable[[sqlite3.Connection, Request], Any]


@attrs.define
class _Listeners:
    count: int = 0


def make_app(
    around: Surroundings,
    *,
    port: int,
    token: str | None,
    hosts: Iterable[str] | None,
    now_ns: Callable[[], int] = time.time_ns,
    ending: Callable[[], bool] = lambda: False,
) -> Access:
    """Make the ASGI application of the page over a store.

    Args:
        port: that it will be reached at.
        token: what a visitor must know; None lets in whoever reaches the port.
        hosts: names and addresses, without the port, that it may be asked by; None where any will do.
        now_ns: the wall clock, in nanoseconds.
        ending: whether the server is about to end, so that those who listen are let go.
    """

    def selected(request: Request) -> Any:
        return read_selection(request.query_params, around.oldest(now_ns()))

    def traces(connection: sqlite3.Connection, request: Request) -> Any:
        return read_page(connection, selected(request), request.query_params.get("cursor", ""))

    def span(connection: sqlite3.Connection, request: Request) -> Any:
        return read_span(connection, request.path_params["trace"], request.path_params["span"])

    def agents(connection: sqlite3.Connection, request: Request) -> Any:
        compare = "since" in request.query_params
        return read_agents(connection, selected(request), now_ns(), compare=compare)

    answers: dict[str, Answer] = {
        "/api/traces": traces,
        "/api/choices": lambda connection, request: read_choices(connection, selected(request)),
        "/api/trace/{trace}": lambda connection, request: describe_trace(
            connection, request.path_params["trace"], around, now_ns()
        ),
        "/api/trace/{trace}/{span}": span,
        "/api/flow": lambda connection, request: read_flow(connection, selected(request)),
        "/api/agents": agents,
    }

    async def tracing(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(_describe, around))

    listeners = _Listeners()

    async def live(request: Request) -> Response:
        if listeners.count >= _MOST_LISTENERS:
            return JSONResponse({"error": "too many pages are open; close some and reload"}, 503)
        return StreamingResponse(_events(around, listeners, ending), media_type="text/event-stream")

    title = f"Traces · {around.store.name}"
    routes = [
        Route("/", lambda request: HTMLResponse(assets.page(title))),
        Route("/page.js", lambda request: Response(assets.script(), media_type="text/javascript")),
        Route("/page.css", lambda request: Response(assets.style(), media_type="text/css")),
        Route("/api/tracing", tracing),
        Route("/api/live", live),
        *(Route(path, _endpoint(around, answer)) for path, answer in answers.items()),
    ]
    known = None if hosts is None else frozenset(f"{host}:{port}".lower() for host in hosts)
    return Access(Starlette(routes=routes), token, known, port)


def _endpoint(around: Surroundings, answer: Answer) -> Callable[[Request], Any]:
    def work(request: Request) -> Response:
        try:
            with open_for_reading(around.store) as connection:
                found = answer(connection, request)
        except FileNotFoundError:
            return JSONResponse({"error": f"there is no store at {around.store} yet", "missing": True}, 404)
        except SelectionError as error:
            return JSONResponse({"error": str(error)}, 400)
        except (StoreUnreadable, sqlite3.Error) as error:
            return JSONResponse({"error": f"the store cannot be read: {error}"}, 503)
        if found is None:
            return JSONResponse({"error": "the store does not hold this any more", "missing": True}, 404)
        return JSONResponse(found)

    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(work, request)

    return endpoint


def _describe(around: Surroundings) -> dict[str, Any]:
    try:
        with open_for_reading(around.store) as connection:
            return describe_tracing(connection, around)
    except (FileNotFoundError, StoreUnreadable, sqlite3.Error):
        return describe_tracing(None, around)


async def _events(around: Surroundings, listeners: _Listeners, ending: Callable[[], bool]) -> AsyncIterator[str]:
    listeners.count += 1
    try:
        row = await run_in_threadpool(_newest, around)
        yield "event: ready\ndata: {}\n\n"
        silent_since = time.monotonic()
        while not ending():
            await anyio.sleep(_LOOK_EVERY)
            newest = await run_in_threadpool(_newest, around)
            if newest > row:
                found = await run_in_threadpool(_traces_after, around, row)
                yield f"event: spans\ndata: {json.dumps(found)}\n\n"
                silent_since = time.monotonic()
            elif time.monotonic() - silent_since > _STAY_AWAKE:
                yield ": still here\n\n"  # finds out whether the page is
                silent_since = time.monotonic()
            row = newest  # a store that was replaced begins anew
    finally:
        listeners.count -= 1


def _newest(around: Surroundings) -> int:
    try:
        with open_for_reading(around.store) as connection:
            return newest_row(connection)
    except (FileNotFoundError, StoreUnreadable, sqlite3.Error):
        return 0


def _traces_after(around: Surroundings, row: int) -> dict[str, Any]:
    try:
        with open_for_reading(around.store) as connection:
            return {"traces": traces_after(connection, row)}
    except (FileNotFoundError, StoreUnreadable, sqlite3.Error):
        return {"traces": []}

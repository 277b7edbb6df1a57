"""Applications of Starlette, FastAPI and Flask are traced with the preset alone, and named after their routes."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import fastapi
import flask
import httpx
import pytest
import starlette.applications
import starlette.routing
from opentelemetry import context as otel_context
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import FileResponse, JSONResponse, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client as WsgiClient

import tracing_proxies
from tests.propagation.conftest import PARENT, SPAN, TRACE
from tests.propagation.work import inner, inner_async, outer
from tracing_proxies.adapters import asgi, wsgi
from tracing_proxies.testing import CapturedSpan, registry_from

HEADERS = {"traceparent": PARENT}


async def show(request: Any) -> JSONResponse:
    return JSONResponse({"inner": await inner_async(), **request.path_params})


def show_blocking(request: Any) -> JSONResponse:
    return JSONResponse(inner())


async def fail(request: Any) -> JSONResponse:
    raise ValueError("broken")


async def stream(request: Any) -> StreamingResponse:
    async def parts() -> Any:
        for _ in range(3):
            await inner_async()
            yield b"part"

    return StreamingResponse(parts(), background=BackgroundTask(inner_async, 9))


async def file(request: Any) -> FileResponse:
    return FileResponse(__file__)


async def talk(websocket: Any) -> None:
    await websocket.accept()
    await websocket.send_json(await inner_async(await websocket.receive_json()))
    await websocket.close()


class Passing(BaseHTTPMiddleware):
    async def dispatch(self, request: Any, call_next: Any) -> Any:
        assert "host" in request.headers  # which makes a new list of the scope's headers
        return await call_next(request)


def make_starlette(**more: Any) -> Any:
    routes = [
        Route("/items/{item:int}", show),
        Route("/blocking", show_blocking),
        Route("/fail", fail),
        Route("/stream", stream),
        Route("/file", file),
        WebSocketRoute("/talk/{room}", talk),
        Mount("/shops/{shop}", routes=[Route("/items/{item}", show)]),
        Mount("/app", app=starlette.applications.Starlette(routes=[Route("/items/{item}", show)])),
        Mount("/static", app=StaticFiles(directory="tests/propagation")),
    ]
    return starlette.applications.Starlette(routes=routes, **more)


def requests_of(spans: list[CapturedSpan]) -> list[CapturedSpan]:
    return [span for span in spans if "http.method" in span.metadata or "url.path" in span.metadata]


@pytest.mark.parametrize(
    ("path", "name", "status"),
    [
        ("/items/5?token=secret", "GET /items/{item}", 200),
        ("/shops/corner/items/5", "GET /shops/{shop}/items/{item}", 200),
        ("/app/items/5", "GET /app/items/{item}", 200),
        ("/static/work.py", "GET /static/{path}", 200),
        ("/app/nothing", "GET /app/{path}", 404),
        ("/nothing", "GET /nothing", 404),
    ],
)
def test_starlettes_requests_are_named_after_their_routes(
    spans: list[CapturedSpan], path: str, name: str, status: int
) -> None:
    client = TestClient(make_starlette(middleware=[Middleware(Passing)]))
    assert client.get(path, headers=HEADERS).status_code == status
    [request] = requests_of(spans)
    assert (request.name, request.trace_name, request.trace_id, request.parent_id) == (name, name, TRACE, SPAN)
    assert request.metadata == {
        "http.method": "GET", "url.path": path.partition("?")[0], "http.status_code": status,
    }  # fmt: skip
    for span in spans[:-1]:
        assert (span.parent_id, span.trace_name) == (request.span_id, name)


def test_endpoints_in_threads_are_below_their_request(spans: list[CapturedSpan]) -> None:
    assert TestClient(make_starlette()).get("/blocking", headers=HEADERS).json() == 1
    assert (spans[0].name, spans[0].parent_id, spans[0].trace_id) == ("inner", spans[1].span_id, TRACE)


def test_starlettes_errors_are_recorded_behind_the_response_that_it_makes_of_them(spans: list[CapturedSpan]) -> None:
    assert TestClient(make_starlette(), raise_server_exceptions=False).get("/fail").status_code == 500
    with pytest.raises(ValueError, match="broken"):
        TestClient(make_starlette()).get("/fail")
    assert [(span.level, span.status_message) for span in spans] == [("ERROR", "ValueError: broken")] * 2
    assert [span.metadata["http.status_code"] for span in spans] == [500, 500]


def test_starlettes_streams_and_files_are_part_of_their_request(spans: list[CapturedSpan]) -> None:
    client = TestClient(make_starlette())
    assert client.get("/stream").content == b"part" * 3
    *parts, request, background = spans
    assert (request.name, background.name) == ("GET /stream", "inner_async")
    assert {span.parent_id for span in (*parts, background)} == {request.span_id}
    assert client.get("/file").status_code == 200
    assert spans[-1].name == "GET /file"


def test_websockets_of_starlette_have_a_span(spans: list[CapturedSpan]) -> None:
    with TestClient(make_starlette()).websocket_connect("/talk/5", headers=dict(HEADERS)) as websocket:
        websocket.send_json(1)
        assert websocket.receive_json() == 2
    below, request = spans
    assert (request.name, request.metadata["http.status_code"]) == ("WEBSOCKET /talk/{room}", 101)
    assert (request.parent_id, below.parent_id) == (SPAN, request.span_id)


def test_starlettes_lifespan_passes_untraced(spans: list[CapturedSpan]) -> None:
    seen: list[Any] = []

    async def lifespan(app: Any) -> Any:
        seen.append(otel.get_current_span().get_span_context().is_valid)
        yield

    with TestClient(make_starlette(lifespan=contextlib.asynccontextmanager(lifespan))):
        pass
    assert (seen, spans) == ([False], [])


def make_fastapi(**more: Any) -> Any:
    app, router = fastapi.FastAPI(**more), fastapi.APIRouter(prefix="/shops")

    @router.get("/{shop}/items/{item}")
    async def read(shop: str, item: int, number: int = fastapi.Depends(inner)) -> dict[str, int]:
        return {"inner": await inner_async(number)}

    @router.websocket("/{shop}/talk")
    async def talk(websocket: fastapi.WebSocket, shop: str) -> None:
        await websocket.accept()
        await websocket.close()

    @app.post("/direct/{item}")
    def post(item: int) -> int:
        return inner(item)

    app.include_router(router, prefix="/v1")
    app.mount("/front", make_starlette())
    return app


@pytest.mark.parametrize(
    ("method", "path", "name", "status"),
    [
        ("GET", "/v1/shops/corner/items/5", "GET /v1/shops/{shop}/items/{item}", 200),
        ("GET", "/v1/shops/corner/items/five", "GET /v1/shops/{shop}/items/{item}", 422),
        ("POST", "/direct/5", "POST /direct/{item}", 200),
        ("GET", "/front/app/items/5", "GET /front/app/items/{item}", 200),
        ("GET", "/nothing", "GET /nothing", 404),
    ],
)
def test_fastapis_requests_are_named_after_their_routes(
    spans: list[CapturedSpan], method: str, path: str, name: str, status: int
) -> None:
    client = TestClient(make_fastapi())
    assert client.request(method, path, headers=HEADERS).status_code == status
    [request] = requests_of(spans)
    assert (request.name, request.trace_id, request.parent_id) == (name, TRACE, SPAN)
    assert request.metadata["http.status_code"] == status
    assert {span.parent_id for span in spans if span is not request} <= {request.span_id}


def test_websockets_of_fastapi_have_a_span(spans: list[CapturedSpan]) -> None:
    with TestClient(make_fastapi()).websocket_connect("/v1/shops/corner/talk"):
        pass
    assert [span.name for span in spans] == ["WEBSOCKET /v1/shops/{shop}/talk"]


@pytest.mark.skipif(find_spec("fastapi.telemetry") is None, reason="this FastAPI has no telemetry of its own")
@pytest.mark.parametrize("headers", [{}, HEADERS])
def test_the_telemetry_of_fastapi_itself_is_in_the_same_trace(
    spans: list[CapturedSpan], headers: dict[str, str]
) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    app = make_fastapi(telemetry={"tracer_provider": provider, "operation_spans": False})
    assert TestClient(app).post("/direct/5", headers=dict(headers)).json() == 6
    [theirs] = exporter.get_finished_spans()
    below, request = spans
    told = theirs.get_span_context()
    assert (request.trace_id, request.parent_id) == (f"{told.trace_id:032x}", f"{told.span_id:016x}")
    assert (request.trace_id == TRACE) == bool(headers)
    assert (below.trace_id, below.parent_id) == (request.trace_id, request.span_id)


@pytest.mark.parametrize("headers", [{}, HEADERS])
def test_a_middleware_that_attaches_what_it_extracts_makes_no_second_span(
    spans: list[CapturedSpan], headers: dict[str, str]
) -> None:
    app = make_starlette()

    async def attaching(scope: Any, receive: Any, send: Any) -> None:
        token = otel_context.attach(TraceContextTextMapPropagator().extract(headers))
        try:
            await app(scope, receive, send)
        finally:
            otel_context.detach(token)

    assert TestClient(asgi.TracingMiddleware(attaching)).get("/items/5", headers=dict(headers)).status_code == 200
    [request] = requests_of(spans)
    assert request.name == "GET /items/{item}"


def make_flask() -> Any:
    app = flask.Flask(__name__)
    seen: list[str] = []

    @app.before_request
    def before() -> None:
        inner(0)

    @app.get("/items/<int:item>")
    def read(item: int) -> str:
        return str(inner(item))

    @app.get("/stream")
    def stream() -> Any:
        @flask.stream_with_context
        def parts() -> Iterator[str]:
            for _ in range(3):
                inner()
                yield flask.request.path

        return parts()

    @app.get("/file")
    def file() -> Any:
        return flask.send_file(__file__)

    @app.get("/fail")
    def fail() -> str:
        raise ValueError("broken")

    @app.teardown_request
    def teardown(error: Any) -> None:
        seen.append(flask.request.path)

    blueprint = flask.Blueprint("shops", __name__, url_prefix="/shops/<shop>")

    @blueprint.get("/items/<item>")
    def read_shop(shop: str, item: str) -> str:
        return shop + item

    app.register_blueprint(blueprint)
    app.extensions["seen"] = seen
    return app


@pytest.mark.parametrize(
    ("path", "name", "status"),
    [
        ("/items/5?token=secret", "GET /items/<int:item>", 200),
        ("/shops/corner/items/5", "GET /shops/<shop>/items/<item>", 200),
        ("/nothing", "GET /nothing", 404),
        ("/static/nothing", "GET /static/<path:filename>", 404),
        ("/file", "GET /file", 200),
    ],
)
def test_flasks_requests_are_named_after_their_rules(
    spans: list[CapturedSpan], path: str, name: str, status: int
) -> None:
    with make_flask().test_client() as client:
        response = client.get(path, headers=HEADERS)
        assert response.status_code == status
        assert response.data
        response.close()
    [request] = requests_of(spans)
    assert (request.name, request.trace_name, request.trace_id, request.parent_id) == (name, name, TRACE, SPAN)
    assert request.metadata["http.status_code"] == status
    for span in spans[:-1]:
        assert (span.parent_id, span.trace_name) == (request.span_id, name)


def test_flasks_streams_are_part_of_their_request(spans: list[CapturedSpan]) -> None:
    app = make_flask()
    assert app.test_client().get("/stream").text == "/stream" * 3
    seen = list(app.extensions["seen"])
    assert [span.name for span in spans] == ["inner"] * 4 + ["GET /stream"]
    assert {span.parent_id for span in spans[:-1]} == {spans[-1].span_id}
    tracing_proxies.deactivate()
    assert app.test_client().get("/stream").text == "/stream" * 3
    assert app.extensions["seen"] == seen * 2


def test_flasks_errors_are_errors_of_the_request(spans: list[CapturedSpan]) -> None:
    app = make_flask()
    assert app.test_client().get("/fail", buffered=True).status_code == 500
    assert (spans[-1].name, spans[-1].level, spans[-1].status_message) == ("GET /fail", "ERROR", "status 500")
    app.testing = True
    with pytest.raises(ValueError, match="broken"):
        app.test_client().get("/fail")
    assert (spans[-1].level, spans[-1].status_message) == ("ERROR", "ValueError: broken")


def test_flask_is_traced_through_middleware_from_before_activation_and_when_it_is_mounted(
    spans: list[CapturedSpan],
) -> None:
    tracing_proxies.deactivate()
    app = make_flask()
    app.wsgi_app = ProxyFix(app.wsgi_app)
    mounted: Any = DispatcherMiddleware(lambda environ, start: [], {"/mounted": make_flask().wsgi_app})
    tracing_proxies.activate(registry_from("version: 1\nuse: [http]\nexport: { discard: {} }"))
    app.test_client().get("/items/1", buffered=True)
    WsgiClient(mounted).get("/mounted/items/1", buffered=True)
    WsgiClient(DispatcherMiddleware(app, {"/mounted": make_flask()})).get("/mounted/items/1", buffered=True)
    assert [span.name for span in spans] == [
        "GET /items/<int:item>", "GET /mounted/items/<int:item>",
    ]  # fmt: skip


def test_a_middleware_of_ours_around_a_framework_makes_no_second_span(spans: list[CapturedSpan]) -> None:
    assert TestClient(asgi.TracingMiddleware(make_fastapi())).post("/direct/5", headers=HEADERS).json() == 6
    app = make_flask()
    app.wsgi_app = wsgi.TracingMiddleware(app.wsgi_app)
    assert app.test_client().get("/items/5", headers=HEADERS).text == "6"
    assert [span.name for span in requests_of(spans)] == ["POST /direct/{item}", "GET /items/<int:item>"]


def test_the_span_of_a_client_in_this_process_is_the_parent(spans: list[CapturedSpan]) -> None:
    assert outer(lambda: TestClient(make_starlette()).get("/items/5")).status_code == 200
    assert outer(lambda: make_flask().test_client().get("/items/5", buffered=True)).status_code == 200
    for request in requests_of(spans):
        [client] = (span for span in spans if span.name == "outer" and span.trace_id == request.trace_id)
        assert request.parent_id == client.span_id


def test_deactivation_puts_every_frameworks_method_back() -> None:
    owners: list[tuple[Any, str]] = [
        (starlette.applications.Starlette, "__call__"),
        (starlette.routing.Route, "handle"),
        (starlette.routing.WebSocketRoute, "handle"),
        (starlette.routing.Mount, "handle"),
        (flask.Flask, "__call__"),
        (flask.Flask, "wsgi_app"),
        (flask.Flask, "preprocess_request"),
    ]
    raw = [vars(owner)[name] for owner, name in owners]
    tracing_proxies.activate(registry_from("version: 1\nuse: [http]"))
    woven = [vars(owner)[name] for owner, name in owners]
    tracing_proxies.deactivate()
    assert [vars(owner)[name] for owner, name in owners] == raw
    assert not any(before is after for before, after in zip(raw, woven, strict=True))
    for before, after in zip(raw, woven, strict=True):
        assert inspect.iscoroutinefunction(before) == asyncio.iscoroutinefunction(after)
        assert inspect.signature(before) == inspect.signature(after)


def test_requests_of_many_threads_keep_to_their_own_traces(spans: list[CapturedSpan]) -> None:
    app = make_flask()

    def ask(number: int) -> None:
        headers = {"traceparent": f"00-{number:032x}-{SPAN}-01"}
        assert app.test_client().get(f"/items/{number}", headers=headers, buffered=True).text == str(number + 1)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(1, 9):
        *below, request = (span for span in spans if span.trace_id == f"{number:032x}")
        assert (request.parent_id, len(below)) == (SPAN, 2)
        assert {span.parent_id for span in below} == {request.span_id}


def test_an_application_is_served_through_a_transport_of_httpx(spans: list[CapturedSpan]) -> None:
    with httpx.Client(transport=httpx.WSGITransport(make_flask()), base_url="http://app") as client:
        assert client.get("/items/5", headers=HEADERS).text == "6"
    assert (spans[-1].name, spans[-1].parent_id) == ("GET /items/<int:item>", SPAN)

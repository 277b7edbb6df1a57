"""Each request to an ASGI application has one span from its arrival to the end of its response."""

from __future__ import annotations

import asyncio
import gc
import inspect
import types
from typing import Any

import httpx
import pytest
import trio
from opentelemetry import trace as otel

import tracing_proxies
from tests.propagation.asgi_driver import BACKENDS, BODY, START, Exchange, http_scope, pause, run
from tests.propagation.conftest import PARENT, SPAN, TRACE, Echo, parent_of
from tests.propagation.work import inner_async, outer_async
from tracing_proxies.adapters.asgi import TracingMiddleware
from tracing_proxies.testing import CapturedSpan

each_backend = pytest.mark.parametrize("backend", BACKENDS)


async def answer(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await inner_async(1)
    await send(START)
    await send(BODY)


def serve(app: Any, scope: Any, backend: str = "asyncio") -> list[Any]:
    exchange = Exchange()
    run(backend, TracingMiddleware(app), scope, exchange.receive, exchange.send)
    return exchange.sent


@each_backend
def test_a_request_goes_on_below_the_span_that_it_came_from(backend: str, spans: list[CapturedSpan]) -> None:
    scope = http_scope("/there", ("Traceparent", PARENT), ("accept", "text/plain"))
    assert serve(answer, scope, backend) == [START, BODY]
    below, request = spans
    assert (request.trace_id, request.parent_id) == (TRACE, SPAN)
    assert (below.trace_id, below.parent_id) == (TRACE, request.span_id)
    assert (request.name, request.type, request.level, request.trace_name) == (
        "GET /there", "span", "DEFAULT", "GET /there",
    )  # fmt: skip
    assert request.metadata == {"http.method": "GET", "url.path": "/there", "http.status_code": 200}
    assert (request.input, request.output) == (None, None)


@pytest.mark.parametrize("parents", [[], ["nonsense"], [PARENT, PARENT], [f"00-{'0' * 32}-{SPAN}-01"]])
def test_without_one_valid_parent_a_request_starts_a_trace(spans: list[CapturedSpan], parents: list[str]) -> None:
    serve(answer, http_scope("/", *(("traceparent", parent) for parent in parents)))
    assert spans[1].parent_id is None
    assert spans[1].trace_id != TRACE
    assert spans[0].parent_id == spans[1].span_id


def test_a_request_that_its_sender_has_not_sampled_is_recorded_in_its_trace(spans: list[CapturedSpan]) -> None:
    serve(answer, http_scope("/", ("traceparent", f"00-{TRACE}-{SPAN}-00")))
    assert (spans[1].trace_id, spans[1].parent_id) == (TRACE, SPAN)


def test_a_remote_parent_wins_over_a_span_that_the_server_was_started_under(spans: list[CapturedSpan]) -> None:
    async def main() -> None:
        exchange = Exchange()
        scope = http_scope("/", ("traceparent", PARENT))
        await TracingMiddleware(answer)(scope, exchange.receive, exchange.send)

    run("asyncio", outer_async, main)
    assert [span.trace_id == TRACE for span in spans] == [True, True, False]


def test_a_request_within_this_process_goes_on_below_its_client(spans: list[CapturedSpan]) -> None:
    async def main() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(TracingMiddleware(answer))) as client:
            assert (await client.get("http://app/there")).text == "done"

    run("asyncio", outer_async, main)
    _, request, client = spans
    assert (request.trace_id, request.parent_id) == (client.trace_id, client.span_id)


def test_the_state_of_a_trace_is_passed_on_by_what_the_application_sends(echo: Echo, spans: list[CapturedSpan]) -> None:
    async def relay(scope: Any, receive: Any, send: Any) -> None:
        async with httpx.AsyncClient() as client:
            await client.get(echo.url)
        await answer(scope, receive, send)

    serve(relay, http_scope("/", ("traceparent", PARENT), ("tracestate", "a=1"), ("tracestate", "b=2")))
    assert echo.parents == [[parent_of(spans[-1])]]
    assert echo.values("tracestate") == [["a=1,b=2"]]


@each_backend
def test_a_streamed_response_is_part_of_the_span_and_what_follows_it_is_not(
    backend: str, spans: list[CapturedSpan]
) -> None:
    ended: list[int] = []

    async def stream(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        for _ in range(3):
            await send({"type": "http.response.body", "body": b"part", "more_body": True})
            await inner_async()
            ended.append(len([span for span in spans if span.name.startswith("GET")]))
        await send({"type": "http.response.body", "body": b""})
        ended.append(len([span for span in spans if span.name.startswith("GET")]))
        await inner_async(2)  # in the background of the response

    assert len(serve(stream, http_scope(), backend)) == 5
    assert ended == [0, 0, 0, 1]
    request = next(span for span in spans if span.name == "GET /there")
    assert {span.parent_id for span in spans if span is not request} == {request.span_id}
    assert spans[-1].start_time >= request.end_time


def test_a_response_sent_as_a_path_ends_the_span(spans: list[CapturedSpan]) -> None:
    async def send_file(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send({"type": "http.response.pathsend", "path": "/etc/hostname"})
        assert [span.name for span in spans] == ["GET /there"]

    serve(send_file, http_scope())
    assert spans[0].metadata["http.status_code"] == 200


@pytest.mark.parametrize(("status", "level"), [(200, "DEFAULT"), (404, "DEFAULT"), (499, "DEFAULT"), (503, "ERROR")])
def test_a_fault_of_the_server_is_an_error_and_one_of_the_client_is_not(
    spans: list[CapturedSpan], status: int, level: str
) -> None:
    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "status": status})
        await send(BODY)

    serve(refuse, http_scope())
    assert (spans[0].level, spans[0].metadata["http.status_code"]) == (level, status)
    assert spans[0].status_message == (f"status {status}" if level == "ERROR" else None)


@each_backend
def test_what_the_application_raises_passes_unchanged_and_is_recorded(backend: str, spans: list[CapturedSpan]) -> None:
    error = ValueError("broken")

    async def fail(scope: Any, receive: Any, send: Any) -> None:
        raise error

    with pytest.raises(ValueError) as caught:
        serve(fail, http_scope(), backend)
    assert caught.value is error
    assert (spans[0].level, spans[0].status_message) == ("ERROR", "ValueError: broken")


def test_an_error_that_is_raised_behind_its_response_is_recorded_with_it(spans: list[CapturedSpan]) -> None:
    async def fail(scope: Any, receive: Any, send: Any) -> None:
        await send({**START, "status": 500})
        await send(BODY)
        await inner_async()
        raise ValueError("broken")

    with pytest.raises(ValueError):
        serve(fail, http_scope())
    later, request = spans
    assert (request.metadata["http.status_code"], request.status_message) == (500, "ValueError: broken")
    assert request.end_time <= later.start_time


@each_backend
def test_a_cancelled_request_is_no_error(backend: str, spans: list[CapturedSpan]) -> None:
    async def hang(scope: Any, receive: Any, send: Any) -> None:
        await (trio.sleep_forever() if backend == "trio" else asyncio.sleep(3600))

    async def cancelled() -> None:
        exchange = Exchange()
        serving = TracingMiddleware(hang)
        if backend == "trio":
            with trio.move_on_after(0):
                await serving(http_scope(), exchange.receive, exchange.send)
            return
        task = asyncio.ensure_future(serving(http_scope(), exchange.receive, exchange.send))
        await pause()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(backend, cancelled)
    assert (spans[0].level, spans[0].status_message) == ("WARNING", "cancelled")


def test_a_request_that_is_dropped_leaves_one_ended_span(spans: list[CapturedSpan]) -> None:
    @types.coroutine
    def suspend() -> Any:
        yield

    async def hang(scope: Any, receive: Any, send: Any) -> None:
        await suspend()

    exchange = Exchange()
    serving = TracingMiddleware(hang)(http_scope(), exchange.receive, exchange.send)
    serving.send(None)
    assert not otel.get_current_span().get_span_context().is_valid
    del serving
    gc.collect()
    assert [(span.name, span.metadata["outcome"]) for span in spans] == [("GET /there", "abandoned")]


def test_the_span_is_current_in_the_application_and_not_around_it(spans: list[CapturedSpan]) -> None:
    seen: list[Any] = []

    async def look(scope: Any, receive: Any, send: Any) -> None:
        seen.append(otel.get_current_span())
        otel.get_current_span().set_attribute("mine", 1)
        await answer(scope, receive, send)

    async def main() -> None:
        exchange = Exchange()
        before = otel.get_current_span()
        await TracingMiddleware(look)(http_scope(), exchange.receive, exchange.send)
        assert otel.get_current_span() is before

    run("asyncio", main)
    assert f"{seen[0].get_span_context().span_id:016x}" == spans[1].span_id
    assert spans[1].metadata["mine"] == 1


def test_concurrent_requests_keep_to_their_own_traces(spans: list[CapturedSpan]) -> None:
    async def main() -> None:
        app = TracingMiddleware(answer)

        async def ask(number: int) -> None:
            exchange = Exchange()
            scope = http_scope(f"/{number}", ("traceparent", f"00-{number:032x}-{SPAN}-01"))
            await app(scope, exchange.receive, exchange.send)

        await asyncio.gather(*(ask(number) for number in range(1, 9)))

    run("asyncio", main)
    for number in range(1, 9):
        below, request = (span for span in spans if span.trace_id == f"{number:032x}")
        assert (below.parent_id, request.name) == (request.span_id, f"GET /{number}")


@each_backend
def test_a_request_that_passes_several_layers_has_one_span(backend: str, spans: list[CapturedSpan]) -> None:
    app: Any = TracingMiddleware(answer)

    async def copying(scope: Any, receive: Any, send: Any) -> None:
        scope["headers"] = list(scope["headers"])
        await app({**scope, "root_path": "/mounted"}, receive, send)

    serve(copying, http_scope("/", ("traceparent", PARENT)), backend)
    assert [span.name for span in spans] == ["inner_async", "GET /"]


def test_lifespan_passes_untraced(spans: list[CapturedSpan]) -> None:
    async def live(scope: Any, receive: Any, send: Any) -> None:
        assert not otel.get_current_span().get_span_context().is_valid
        await send(await receive())

    message, exchange = {"type": "lifespan.startup"}, Exchange({"type": "lifespan.startup"})
    run("asyncio", TracingMiddleware(live), {"type": "lifespan"}, exchange.receive, exchange.send)
    assert (exchange.sent, spans) == ([message], [])


@pytest.mark.parametrize(
    ("messages", "status"),
    [
        ([{"type": "websocket.accept"}, {"type": "websocket.send", "text": "a"}, {"type": "websocket.close"}], 101),
        ([{"type": "websocket.close"}], 403),
        ([{"type": "websocket.http.response.start", "status": 401}, {"type": "websocket.http.response.body"}], 401),
    ],
)
def test_a_websocket_has_a_span_from_its_handshake_to_its_end(
    spans: list[CapturedSpan], messages: list[Any], status: int
) -> None:
    async def talk(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)
        await inner_async()
        assert len(spans) == 1

    scope = http_scope("/talk", ("traceparent", PARENT), type="websocket")
    del scope["method"]
    assert serve(talk, scope) == messages
    below, request = spans
    assert (request.name, request.parent_id, below.parent_id) == ("WEBSOCKET /talk", SPAN, request.span_id)
    assert request.metadata["http.status_code"] == status


def test_without_activation_the_application_is_only_called() -> None:
    assert serve(answer, http_scope()) == [START, BODY]


def test_what_is_sent_after_deactivation_arrives(spans: list[CapturedSpan]) -> None:
    async def deactivating(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        tracing_proxies.deactivate()
        await send(BODY)

    assert serve(deactivating, http_scope()) == [START, BODY]


@pytest.mark.parametrize("scope", [{"type": "http"}, {"type": "unheard-of"}, {"type": "http", "headers": None}])
def test_a_scope_that_lacks_what_it_should_have_reaches_the_application(
    monkeypatch: pytest.MonkeyPatch, spans: list[CapturedSpan], scope: Any
) -> None:
    monkeypatch.delenv("TRACING_PROXIES_STRICT")
    given: list[Any] = []

    async def look(scope: Any, receive: Any, send: Any) -> None:
        given.append(scope)

    serve(look, scope)
    assert given[0] is scope


def test_messages_that_are_no_messages_reach_the_server(
    monkeypatch: pytest.MonkeyPatch, spans: list[CapturedSpan]
) -> None:
    monkeypatch.delenv("TRACING_PROXIES_STRICT")

    async def odd(scope: Any, receive: Any, send: Any) -> None:
        await send(5)
        await send({})
        await send({"type": "http.response.start", "status": "odd"})

    assert len(serve(odd, http_scope())) == 3
    assert len(spans) == 1


def test_a_middleware_is_a_coroutine_function_as_its_application_is() -> None:
    assert inspect.iscoroutinefunction(TracingMiddleware(answer).__call__)

"""Requests of httpx, requests and aiohttp carry the current span, and nothing that the application holds changes."""

from __future__ import annotations

import asyncio
import copy
import inspect
import json
import threading
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

import aiohttp
import httpx
import multidict
import pytest
import requests
import trio
import urllib3
from opentelemetry import context as otel_context
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY
from opentelemetry.sdk.trace import TracerProvider

import tracing_proxies
from tests.propagation.conftest import PARENT, Echo, parent_of
from tests.propagation.work import outer, outer_async, unsampled
from tracing_proxies.testing import CapturedSpan


def by_httpx(url: str, **given: Any) -> dict[str, Any]:
    with httpx.Client() as client:
        return client.get(url, **given).json()


def by_httpx_streaming(url: str, **given: Any) -> dict[str, Any]:
    def body() -> Iterator[bytes]:
        yield b"a"
        yield b"b"

    with httpx.Client() as client, client.stream("POST", url, content=body(), **given) as response:
        return httpx.Response(200, content=b"".join(response.iter_raw())).json()


def by_httpx_async(url: str, **given: Any) -> dict[str, Any]:
    async def get() -> dict[str, Any]:
        async with httpx.AsyncClient() as client:
            return (await client.get(url, **given)).json()

    return asyncio.run(get())


def by_httpx_async_streaming(url: str, **given: Any) -> dict[str, Any]:
    async def get() -> dict[str, Any]:
        async with httpx.AsyncClient() as client, client.stream("GET", url, **given) as response:
            return httpx.Response(200, content=b"".join([part async for part in response.aiter_raw()])).json()

    return asyncio.run(get())


def by_httpx_in_trio(url: str, **given: Any) -> dict[str, Any]:
    async def get() -> dict[str, Any]:
        async with httpx.AsyncClient() as client:
            return (await client.get(url, **given)).json()

    return trio.run(get)


def by_requests(url: str, **given: Any) -> dict[str, Any]:
    return requests.get(url, **given).json()


def by_requests_streaming(url: str, **given: Any) -> dict[str, Any]:
    with requests.Session() as session, session.post(url, data=iter([b"a", b"b"]), stream=True, **given) as response:
        return response.json()


def by_urllib3(url: str, **given: Any) -> dict[str, Any]:
    with urllib3.PoolManager() as pool:
        return json.loads(pool.request("GET", url, **given).data)


def by_aiohttp(url: str, **given: Any) -> dict[str, Any]:
    async def get() -> dict[str, Any]:
        async with aiohttp.ClientSession() as session, session.get(url, **given) as response:
            return await response.json(content_type=None)

    return asyncio.run(get())


CLIENTS = [
    by_httpx, by_httpx_streaming, by_httpx_async, by_httpx_async_streaming, by_httpx_in_trio, by_requests,
    by_requests_streaming, by_urllib3, by_aiohttp,
]  # fmt: skip
each_client = pytest.mark.parametrize("client", CLIENTS)
Client = Callable[..., dict[str, Any]]


@each_client
def test_a_request_carries_the_current_span_once(echo: Echo, spans: list[CapturedSpan], client: Client) -> None:
    assert outer(client, f"{echo.url}/there") == {"path": "/there"}
    assert echo.parents == [[parent_of(spans[0])]]
    assert echo.values("tracestate") == [[]]


@each_client
def test_without_a_span_a_request_is_what_it_is_untraced(echo: Echo, spans: list[CapturedSpan], client: Client) -> None:
    client(echo.url)
    unsampled(client, echo.url)
    tracing_proxies.deactivate()
    client(echo.url)
    assert spans == []
    assert echo.seen[0] == echo.seen[1] == echo.seen[2]


@each_client
def test_a_request_carries_nothing_else_and_every_header_of_its_own(
    echo: Echo, spans: list[CapturedSpan], client: Client
) -> None:
    given = {"X-Given": "1", "Accept": "text/plain"}
    outer(lambda: client(echo.url, headers=given))
    tracing_proxies.deactivate()
    client(echo.url, headers=given)
    assert given == {"X-Given": "1", "Accept": "text/plain"}
    traced = [header for header in echo.seen[0] if header[0] != "traceparent"]
    assert traced == echo.seen[1]
    assert len(traced) == len(echo.seen[0]) - 1


@each_client
@pytest.mark.parametrize("name", ["traceparent", "TraceParent"])
def test_a_header_that_the_application_has_set_itself_stays(
    echo: Echo, spans: list[CapturedSpan], client: Client, name: str
) -> None:
    outer(lambda: client(echo.url, headers={name: PARENT}))
    assert echo.parents == [[PARENT]]


@each_client
def test_the_current_span_of_opentelemetry_is_carried_as_well(
    echo: Echo, spans: list[CapturedSpan], client: Client
) -> None:
    tracer = TracerProvider().get_tracer("application")
    with tracer.start_as_current_span("theirs") as theirs:
        client(echo.url)
    told = theirs.get_span_context()
    assert echo.parents == [[f"00-{told.trace_id:032x}-{told.span_id:016x}-{int(told.trace_flags):02x}"]]


@each_client
def test_requests_of_exporters_carry_nothing(echo: Echo, spans: list[CapturedSpan], client: Client) -> None:
    def export() -> None:
        token = otel_context.attach(otel_context.set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
        try:
            client(echo.url)
        finally:
            otel_context.detach(token)

    outer(export)
    assert echo.parents == [[]]


@pytest.mark.parametrize("client", [by_httpx, by_requests, by_aiohttp, by_urllib3])
def test_each_request_of_a_redirect_carries_the_span_once(
    echo: Echo, spans: list[CapturedSpan], client: Client
) -> None:
    given = {"follow_redirects": True} if client is by_httpx else {}
    assert outer(lambda: client(f"{echo.url}/redirect", **given)) == {"path": "/landed"}
    assert echo.parents == [[parent_of(spans[0])]] * 2


def test_a_request_of_httpx_that_is_sent_again_carries_the_span_of_that_time(
    echo: Echo, spans: list[CapturedSpan]
) -> None:
    seen: list[Any] = []

    def send() -> httpx.Response:
        before = copy.copy(request.headers.raw)
        response = client.send(request)
        assert request.headers.raw == before
        assert response.request is request
        return response

    with httpx.Client(event_hooks={"request": [seen.append], "response": [seen.append]}) as client:
        request = client.build_request("GET", echo.url)
        responses = [outer(send), outer(send)]
    assert echo.parents == [[parent_of(span)] for span in spans]
    assert seen == [request, responses[0], request, responses[1]]


def test_a_request_of_requests_that_is_sent_again_carries_the_span_of_that_time(
    echo: Echo, spans: list[CapturedSpan]
) -> None:
    with requests.Session() as session:
        prepared = session.prepare_request(requests.Request("GET", echo.url))
        before = dict(prepared.headers)
        responses = [outer(session.send, prepared), outer(session.send, prepared)]
    assert echo.parents == [[parent_of(span)] for span in spans]
    assert all(response.request is prepared for response in responses)
    assert prepared.headers == before


def test_headers_of_a_session_or_pool_stay_what_they_are(echo: Echo, spans: list[CapturedSpan]) -> None:
    async def by_session() -> None:
        async with aiohttp.ClientSession(headers={"X-Session": "1"}) as session:
            before = session.headers.copy()
            async with session.get(echo.url):
                assert session.headers == before

    with urllib3.HTTPConnectionPool(echo.url.removeprefix("http://"), headers={"X-Pool": "1"}) as pool:
        outer(pool.urlopen, "GET", "/")
        assert pool.headers == {"X-Pool": "1"}
    outer(asyncio.run, by_session())
    assert echo.values("x-pool") == [["1"], []]
    assert echo.values("x-session") == [[], ["1"]]
    assert echo.parents == [[parent_of(span)] for span in spans]


def test_a_session_that_sends_a_parent_of_its_own_keeps_it(echo: Echo, spans: list[CapturedSpan]) -> None:
    async def by_session() -> None:
        async with aiohttp.ClientSession(headers={"traceparent": PARENT}) as session, session.get(echo.url):
            pass

    outer(asyncio.run, by_session())
    with httpx.Client(headers={"traceparent": PARENT}) as client:
        outer(client.get, echo.url)
    with requests.Session() as session:
        session.headers["traceparent"] = PARENT
        outer(session.get, echo.url)
    assert echo.parents == [[PARENT]] * 3


@pytest.mark.parametrize(
    "headers",
    [
        [("X-A", "1"), ("X-A", "2")],
        (("X-A", "1"), ("X-A", "2")),
        multidict.CIMultiDict([("X-A", "1"), ("X-A", "2")]),
        multidict.CIMultiDictProxy(multidict.CIMultiDict([("X-A", "1"), ("X-A", "2")])),
        multidict.MultiDict([("X-A", "1"), ("X-A", "2")]),
    ],
    ids=lambda headers: type(headers).__name__,
)
def test_repeated_headers_of_aiohttp_all_arrive(echo: Echo, spans: list[CapturedSpan], headers: Any) -> None:
    outer(lambda: by_aiohttp(echo.url, headers=headers))
    assert echo.values("x-a") == [["1", "2"]]
    assert echo.parents == [[parent_of(spans[0])]]


def test_headers_that_cannot_be_changed_are_carried_on(echo: Echo, spans: list[CapturedSpan]) -> None:
    frozen = MappingProxyType({"X-A": "1"})
    for client in (by_httpx, by_requests, by_urllib3, by_aiohttp):
        outer(lambda client=client: client(echo.url, headers=frozen))
    assert echo.values("x-a") == [["1"]] * 4
    assert echo.parents == [[parent_of(span)] for span in spans]


@pytest.mark.parametrize("client", [by_httpx, by_requests, by_urllib3, by_aiohttp])
@pytest.mark.parametrize("headers", [5, ["X-A"], {"X-A": None}, {"X-A": 5}])
def test_headers_that_a_client_refuses_are_refused_in_its_own_words(
    echo: Echo, spans: list[CapturedSpan], client: Client, headers: Any
) -> None:
    def ask() -> Any:
        try:
            return client(echo.url, headers=headers)
        except Exception as exc:
            return type(exc), str(exc)

    traced = outer(ask)
    tracing_proxies.deactivate()
    assert traced == ask()


@pytest.mark.parametrize("client", [by_httpx, by_httpx_async, by_requests, by_urllib3, by_aiohttp])
def test_a_failed_request_raises_what_it_does_untraced(spans: list[CapturedSpan], client: Client) -> None:
    def ask() -> tuple[type[BaseException], list[str]]:
        with pytest.raises(Exception, match=r".") as caught:
            client("http://127.0.0.1:9/closed")
        return caught.type, [type(cause).__name__ for cause in (caught.value.__cause__, caught.value.__context__)]

    traced = outer(ask)
    tracing_proxies.deactivate()
    assert traced == ask()


def test_an_error_of_httpx_and_of_requests_names_the_applications_request(spans: list[CapturedSpan]) -> None:
    def by_httpx() -> None:
        with httpx.Client() as client:
            request = client.build_request("GET", "http://127.0.0.1:9/closed")
            with pytest.raises(httpx.ConnectError) as caught:
                client.send(request)
            assert caught.value.request is request

    def by_requests() -> None:
        with requests.Session() as session:
            prepared = session.prepare_request(requests.Request("GET", "http://127.0.0.1:9/closed"))
            with pytest.raises(requests.ConnectionError) as caught:
                session.send(prepared)
            assert caught.value.request is prepared

    outer(by_httpx)
    outer(by_requests)


def test_a_retry_carries_the_span_once(echo: Echo, spans: list[CapturedSpan]) -> None:
    retries = urllib3.Retry(total=2, status_forcelist=[200], backoff_factor=0, raise_on_status=False)
    with urllib3.PoolManager(retries=retries) as pool:
        outer(pool.request, "GET", echo.url)
    assert echo.parents == [[parent_of(spans[0])]] * 3


def test_a_mock_of_the_network_is_given_what_it_is_given_untraced(spans: list[CapturedSpan]) -> None:
    given: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        given.append(request)
        return httpx.Response(200)

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        request = client.build_request("GET", "http://nowhere")
        outer(client.send, request)
    assert given == [request]
    assert "traceparent" not in given[0].headers


def test_websockets_of_aiohttp_carry_the_span(echo: Echo, spans: list[CapturedSpan]) -> None:
    async def connect() -> None:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(echo.url)

    outer(asyncio.run, connect())
    assert echo.parents == [[parent_of(spans[0])]]


def test_concurrent_tasks_carry_each_its_own_span(echo: Echo, spans: list[CapturedSpan]) -> None:
    async def main() -> None:
        async with httpx.AsyncClient() as one, aiohttp.ClientSession() as other:

            async def ask(number: int) -> None:
                await one.get(echo.url, headers={"X-Number": str(number)})
                async with other.get(echo.url, headers={"X-Number": str(number)}):
                    pass

            await asyncio.gather(*(outer_async(ask, number) for number in range(8)))

    asyncio.run(main())
    sent: dict[str, set[str]] = {}
    for [number], [parent] in zip(echo.values("x-number"), echo.parents, strict=True):
        sent.setdefault(number, set()).add(parent)
    assert sorted(next(iter(parents)) for parents in sent.values()) == sorted(parent_of(span) for span in spans)
    assert [len(parents) for parents in sent.values()] == [1] * 8


def test_a_thread_without_a_span_sends_nothing_of_another_threads(echo: Echo, spans: list[CapturedSpan]) -> None:
    go = threading.Event()

    def ask() -> None:
        go.wait()
        by_requests(echo.url)

    thread = threading.Thread(target=ask)
    thread.start()

    def let_go() -> None:
        go.set()
        thread.join()

    outer(let_go)
    assert echo.parents == [[]]


def test_deactivation_puts_every_clients_method_back() -> None:
    owners: list[tuple[Any, str]] = [
        (httpx.HTTPTransport, "handle_request"),
        (httpx.AsyncHTTPTransport, "handle_async_request"),
        (urllib3.HTTPConnectionPool, "urlopen"),
        (aiohttp.ClientSession, "_request"),
    ]
    raw = [vars(owner)[name] for owner, name in owners]
    for _ in range(2):
        tracing_proxies.activate(tracing_proxies.testing.registry_from("version: 1\nuse: [http]"))
        woven = [vars(owner)[name] for owner, name in owners]
        tracing_proxies.reload()
        tracing_proxies.deactivate()
        assert [vars(owner)[name] for owner, name in owners] == raw
        assert not any(before is after for before, after in zip(raw, woven, strict=True))
        assert [inspect.iscoroutinefunction(entry) for entry in woven] == [False, True, False, True]
        assert [entry.__name__ for entry in woven] == [name for _, name in owners]

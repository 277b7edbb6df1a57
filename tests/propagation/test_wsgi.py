"""Each request to a WSGI application has one span from its arrival to the end of its response."""

from __future__ import annotations

import gc
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import httpx
import pytest
from opentelemetry import trace as otel

import tracing_proxies
from tests.propagation.conftest import PARENT, SPAN, TRACE, Echo, parent_of
from tests.propagation.work import inner, outer
from tracing_proxies.adapters.wsgi import TracingMiddleware
from tracing_proxies.testing import CapturedSpan

Start = Callable[..., Any]


def environ(path: str = "/there", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"PATH_INFO": path, "QUERY_STRING": "token=secret"}
    setup_testing_defaults(made)
    return {**made, **more}


def call(app: Any, given: dict[str, Any]) -> Any:
    return TracingMiddleware(app)(given, lambda status, headers, exc_info=None: None)


def answering(response: Any, status: str = "200 OK") -> Any:
    def answer(environ: Any, start_response: Start) -> Any:
        inner(1)
        start_response(status, [("Content-Type", "text/plain")])
        return response

    return answer


@contextmanager
def served(app: Any) -> Iterator[str]:
    """Serve an application on the loopback."""

    class Handler(WSGIRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = make_server("127.0.0.1", 0, app, handler_class=Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_request_goes_on_below_the_span_that_it_came_from(spans: list[CapturedSpan]) -> None:
    response = [b"done"]
    assert call(answering(response), environ(HTTP_TRACEPARENT=PARENT)) is response
    below, request = spans
    assert (request.trace_id, request.parent_id) == (TRACE, SPAN)
    assert (below.trace_id, below.parent_id) == (TRACE, request.span_id)
    assert (request.name, request.type, request.level, request.trace_name) == (
        "GET /there", "span", "DEFAULT", "GET /there",
    )  # fmt: skip
    assert request.metadata == {"http.method": "GET", "url.path": "/there", "http.status_code": 200}
    assert (request.input, request.output) == (None, None)


@pytest.mark.parametrize("parent", [None, "nonsense", f"{PARENT},{PARENT}"])
def test_without_one_valid_parent_a_request_starts_a_trace(spans: list[CapturedSpan], parent: str | None) -> None:
    call(answering([]), environ(**({} if parent is None else {"HTTP_TRACEPARENT": parent})))
    assert spans[1].parent_id is None
    assert spans[0].parent_id == spans[1].span_id


def test_one_trace_goes_from_a_client_through_a_server(spans: list[CapturedSpan]) -> None:
    with served(TracingMiddleware(validator(answering([b"done"])))) as url:
        assert outer(httpx.get, f"{url}/there").text == "done"
    by_name = {span.name: span for span in spans}
    assert by_name["GET /there"].parent_id == by_name["outer"].span_id
    assert by_name["inner"].parent_id == by_name["GET /there"].span_id
    assert len({span.trace_id for span in spans}) == 1


def test_the_state_of_a_trace_is_passed_on_by_what_the_application_sends(echo: Echo, spans: list[CapturedSpan]) -> None:
    def relay(environ: Any, start_response: Start) -> Any:
        httpx.get(echo.url)
        return answering([])(environ, start_response)

    call(relay, environ(HTTP_TRACEPARENT=PARENT, HTTP_TRACESTATE="a=1,b=2"))
    assert echo.parents == [[parent_of(spans[-1])]]
    assert echo.values("tracestate") == [["a=1,b=2"]]


class Parts:
    """A response that is an iterator, and counts how often it is closed."""

    def __init__(self, *parts: bytes) -> None:
        self._parts = list(parts)
        self.closed = 0

    def __iter__(self) -> Parts:
        return self

    def __next__(self) -> bytes:
        inner()
        if not self._parts:
            raise StopIteration
        return self._parts.pop(0)

    def close(self) -> None:
        inner()
        self.closed += 1


class Sized:
    """A response that is iterable again and again, and has a length."""

    def __init__(self, *parts: bytes) -> None:
        self._parts = parts

    def __len__(self) -> int:
        return len(self._parts)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._parts)


def generate(*parts: bytes) -> Iterator[bytes]:
    for part in parts:
        inner()
        yield part


@pytest.mark.parametrize("make", [Parts, Sized, generate], ids=lambda make: make.__name__)
def test_a_streamed_response_is_part_of_the_span(make: Any, spans: list[CapturedSpan]) -> None:
    response = call(answering(make(b"a", b"b")), environ())
    assert "GET /there" not in [span.name for span in spans]
    assert list(response) == [b"a", b"b"]
    request = spans[-1]
    assert request.name == "GET /there"
    assert {span.parent_id for span in spans[:-1]} == {request.span_id}
    assert not otel.get_current_span().get_span_context().is_valid


@pytest.mark.parametrize("make", [Parts, Sized, generate], ids=lambda make: make.__name__)
def test_a_response_that_only_its_iterator_holds_is_part_of_the_span(make: Any, spans: list[CapturedSpan]) -> None:
    parts = iter(call(answering(make(b"a", b"b")), environ()))
    gc.collect()
    assert "GET /there" not in [span.name for span in spans]
    assert list(parts) == [b"a", b"b"]
    assert (spans[-1].name, "outcome" in spans[-1].metadata) == ("GET /there", False)


@pytest.mark.parametrize("make", [Parts, Sized, generate], ids=lambda make: make.__name__)
def test_a_response_is_of_the_kind_that_the_application_returned(make: Any, spans: list[CapturedSpan]) -> None:
    plain, traced = make(b"a"), call(answering(make(b"a")), environ())
    assert isinstance(traced, type(plain))
    for name in ("close", "__len__", "send", "throw", "__getitem__", "fileno", "read"):
        assert hasattr(traced, name) == hasattr(plain, name), name
    assert (iter(plain) is plain) == (iter(traced) is traced)
    if hasattr(plain, "__len__"):
        assert len(traced) == 1


def test_a_response_is_closed_by_the_server_and_by_nobody_else(spans: list[CapturedSpan]) -> None:
    response = Parts(b"a", b"b")
    with served(TracingMiddleware(answering(response))) as url:
        assert httpx.get(url).content == b"ab"
    assert response.closed == 1
    assert len([span for span in spans if span.name == "GET /"]) == 1


def test_a_response_that_is_closed_early_ends_the_span(spans: list[CapturedSpan]) -> None:
    parts = Parts(b"a", b"b")
    response = call(answering(parts), environ())
    next(response)
    response.close()
    request = spans[-1]
    assert (request.name, parts.closed) == ("GET /there", 1)
    assert {span.parent_id for span in spans[:-1]} == {request.span_id}
    response.close()
    assert parts.closed == 2
    assert [span.name for span in spans].count("GET /there") == 1


def test_a_response_that_is_dropped_leaves_one_ended_span(spans: list[CapturedSpan]) -> None:
    parts = Parts(b"a", b"b")
    response = call(answering(parts), environ())
    assert next(response) == b"a"
    del response
    gc.collect()
    assert (spans[-1].name, spans[-1].metadata["outcome"], parts.closed) == ("GET /there", "abandoned", 0)


@pytest.mark.parametrize("response", [[b"a"], (b"a",), []])
def test_a_list_is_returned_as_it_is_and_the_span_ends(response: Any, spans: list[CapturedSpan]) -> None:
    assert call(answering(response), environ()) is response
    assert spans[-1].name == "GET /there"


def test_a_servers_own_wrapper_of_files_is_returned_as_it_is(spans: list[CapturedSpan]) -> None:
    file = io.BytesIO(b"content")
    wrapped = FileWrapper(file)
    given = environ(**{"wsgi.file_wrapper": FileWrapper})
    assert call(answering(wrapped), given) is wrapped
    assert spans[-1].name == "GET /there"
    assert not file.closed


def test_a_file_is_served_through_the_servers_wrapper_and_closed_once(
    spans: list[CapturedSpan], tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    closed: list[Any] = []

    class Counted(io.FileIO):
        def close(self) -> None:
            if not self.closed:
                closed.append(self)
            super().close()

    def answer(environ: Any, start_response: Start) -> Any:
        start_response("200 OK", [("Content-Length", "100000")])
        return environ["wsgi.file_wrapper"](Counted(tmp_path / "file"))

    with served(TracingMiddleware(answer)) as url:
        assert len(httpx.get(url).content) == 100_000
    assert len(closed) == 1
    assert spans[0].metadata["http.status_code"] == 200


@pytest.mark.parametrize(("status", "level"), [("200 OK", "DEFAULT"), ("404 Not Found", "DEFAULT"), ("503 -", "ERROR")])
def test_a_fault_of_the_server_is_an_error_and_one_of_the_client_is_not(
    spans: list[CapturedSpan], status: str, level: str
) -> None:
    call(answering([], status), environ())
    assert (spans[-1].level, spans[-1].metadata["http.status_code"]) == (level, int(status[:3]))


def test_what_the_application_raises_passes_unchanged_and_is_recorded(spans: list[CapturedSpan]) -> None:
    error = ValueError("broken")

    def fail(environ: Any, start_response: Start) -> Any:
        raise error

    with pytest.raises(ValueError) as caught:
        call(fail, environ())
    assert caught.value is error
    assert (spans[0].level, spans[0].status_message) == ("ERROR", "ValueError: broken")


def test_what_a_response_raises_passes_unchanged_and_is_recorded(spans: list[CapturedSpan]) -> None:
    error = ValueError("broken")

    def fail(environ: Any, start_response: Start) -> Any:
        start_response("200 OK", [])
        yield b"a"
        raise error

    response = call(fail, environ())
    assert next(response) == b"a"
    with pytest.raises(ValueError) as caught:
        next(response)
    assert caught.value is error
    assert (spans[-1].level, spans[-1].status_message) == ("ERROR", "ValueError: broken")
    assert spans[-1].metadata["http.status_code"] == 200


def test_what_starts_a_response_is_given_what_the_application_says(spans: list[CapturedSpan]) -> None:
    given: list[Any] = []

    def start_response(*args: Any, **kwargs: Any) -> Any:
        given.append((args, kwargs))
        return given.append

    def answer(environ: Any, start_response: Start) -> Any:
        write = start_response("200 OK", [], exc_info=None)
        write(b"a")
        start_response(status="201 -", headers=[])
        return []

    assert TracingMiddleware(answer)(environ(), start_response) == []
    assert given == [(("200 OK", []), {"exc_info": None}), b"a", ((), {"status": "201 -", "headers": []})]
    assert spans[0].metadata["http.status_code"] == 201


def test_the_path_is_that_of_the_whole_application_and_read_as_utf_8(spans: list[CapturedSpan]) -> None:
    path = "/straße".encode().decode("latin-1")
    call(answering([]), environ(path, SCRIPT_NAME="/mounted"))
    call(answering([]), environ("/\xff"))
    assert [span.metadata["url.path"] for span in spans[1::2]] == ["/mounted/straße", "/�"]


def test_a_request_that_passes_several_layers_has_one_span(spans: list[CapturedSpan]) -> None:
    app = TracingMiddleware(answering([b"a"]))

    def mounting(given: Any, start_response: Start) -> Any:
        return app({**given, "SCRIPT_NAME": "/mounted", "PATH_INFO": "/"}, start_response)

    call(mounting, environ("/mounted/", HTTP_TRACEPARENT=PARENT))
    assert [span.name for span in spans] == ["inner", "GET /mounted/"]


def test_without_activation_the_application_is_only_called() -> None:
    response = generate(b"a")
    assert call(answering(response), environ()) is response


def test_a_response_that_outlives_tracing_goes_on(spans: list[CapturedSpan]) -> None:
    response = call(answering(generate(b"a", b"b")), environ())
    assert next(response) == b"a"
    tracing_proxies.deactivate()
    assert list(response) == [b"b"]


def test_odd_environs_and_statuses_reach_application_and_server(
    monkeypatch: pytest.MonkeyPatch, spans: list[CapturedSpan]
) -> None:
    monkeypatch.delenv("TRACING_PROXIES_STRICT")
    assert call(answering([], "odd"), {}) == []
    assert call(answering([], 5), {"PATH_INFO": None}) == []  # type: ignore[arg-type]

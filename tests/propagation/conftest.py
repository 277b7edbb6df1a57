"""A server on the loopback that tells what it was sent, and the preset `http` in this process."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

import tracing_proxies
from tracing_proxies import runtime
from tracing_proxies.testing import CapturedSpan, capture_spans, registry_from

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
REGISTRY = """
version: 1
use: [http]
export: { discard: {} }
trace:
  - match: tests.propagation.work:*
  - match: tests.propagation.work:unsampled
    sample: never
"""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        if self.headers.get("transfer-encoding") == "chunked":
            while int(self.rfile.readline(), 16):
                self.rfile.readline()
            self.rfile.readline()
        self.rfile.read(length)
        self.server.seen.append(  # type: ignore[attr-defined]
            [(name.lower(), value) for name, value in self.headers.items()]
        )
        redirected = self.path == "/redirect"
        body = json.dumps({"path": self.path}).encode()
        self.send_response(302 if redirected else 200)
        if redirected:
            self.send_header("location", "/landed")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_HEAD = _answer

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Echo:
    """The server: where it is, and the headers of each request that it was sent, in lower case and their order."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.seen: list[list[tuple[str, str]]] = server.seen  # type: ignore[attr-defined]

    def values(self, name: str) -> list[list[str]]:
        """Return, per request, the values of one header."""
        return [[value for key, value in headers if key == name] for headers in self.seen]

    @property
    def parents(self) -> list[list[str]]:
        return self.values("traceparent")


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.seen = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield Echo(server)
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[CapturedSpan]]:
    """Trace with the preset `http`, and collect the spans."""
    monkeypatch.setenv("TRACING_PROXIES_STRICT", "1")
    with capture_spans() as found:
        tracing_proxies.activate(registry_from(REGISTRY))
        try:
            yield found
            active = runtime._runtime
            assert active is None or (active.recorder.open, active.recorder.traces) == ({}, {})
        finally:
            tracing_proxies.deactivate()


def parent_of(span: CapturedSpan) -> str:
    """Return the header that a request sends when a span is current."""
    return f"00-{span.trace_id}-{span.span_id}-01"

"""One exchange with a server: deadlines, limits and secrets."""

from __future__ import annotations

import gzip
import socket
import threading
import tracemalloc
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.server import PUBLIC_KEY, SECRET_KEY, TRACES, ContractServer
from tests.delivery.support import observation
from tracing_proxies.delivery import compression
from tracing_proxies.delivery.compression import compress
from tracing_proxies.delivery.encoder import encode_resource, encode_scope, encode_span, frame_request
from tracing_proxies.delivery.reply import Verdict
from tracing_proxies.delivery.sinks.langfuse import langfuse_headers
from tracing_proxies.delivery.transport import Transport

HEADERS = langfuse_headers(PUBLIC_KEY, SECRET_KEY)


def body() -> list[bytes]:
    return frame_request([encode_span(observation())], encode_resource("retail"), encode_scope(""))


@pytest.fixture
def transport(server: ContractServer) -> Iterator[Transport]:
    made = Transport(server.url, HEADERS, read_timeout=1.0)
    yield made
    made.close()


def test_a_body_arrives_compressed_with_the_headers_of_the_contract(
    server: ContractServer, transport: Transport
) -> None:
    assert transport.post(TRACES, compress(body())).verdict is Verdict.DELIVERED
    headers = server.requests()[0]["headers"]
    assert headers["content-encoding"] == "gzip"
    assert headers["content-type"] == "application/x-protobuf"
    assert headers["x-langfuse-ingestion-version"] == "4"
    assert len(server.observations()) == 1


def test_one_connection_serves_many_requests(server: ContractServer, transport: Transport) -> None:
    for _ in range(5):
        transport.post(TRACES, compress(body()))
    assert len({request["connection"] for request in server.requests()}) == 1


def test_a_server_that_closes_after_each_reply_is_read_all_the_same(
    server: ContractServer, transport: Transport
) -> None:
    server.rules(always={"status": 200, "headers": {"Connection": "close"}, "body": {}, "accept": True})
    for _ in range(3):
        assert transport.post(TRACES, compress(body())).verdict is Verdict.DELIVERED
    assert len(server.observations()) == 3


def test_a_connection_that_died_while_idle_is_replaced_at_once(own_server: ContractServer) -> None:
    transport = Transport(own_server.url, HEADERS)
    assert transport.post(TRACES, compress(body())).verdict is Verdict.DELIVERED
    own_server.restart()
    assert transport.post(TRACES, compress(body())).verdict is Verdict.DELIVERED
    transport.close()


def test_a_silent_server_is_left_at_the_deadline(server: ContractServer, transport: Transport) -> None:
    server.script([{"hang": 5}])
    reply = transport.post(TRACES, compress(body()))
    assert (reply.verdict, reply.reachable) == (Verdict.RETRY, False)


def test_in_haste_it_is_left_sooner(server: ContractServer) -> None:
    transport = Transport(server.url, HEADERS, read_timeout=60.0)
    server.script([{"stall": 4}, {"stall": 2}])
    transport.hasten(0.1)
    assert "did not answer in time" in transport.post(TRACES, compress(body())).reason
    transport.hasten(None)
    assert "broke the connection off" in transport.post(TRACES, compress(body())).reason
    transport.close()


def test_a_server_that_drips_its_reply_is_left_at_the_deadline(server: ContractServer, transport: Transport) -> None:
    server.script([{"drip": 20}])
    reply = transport.post(TRACES, compress(body()))
    assert (reply.verdict, reply.reachable) == (Verdict.RETRY, False)


@pytest.mark.parametrize(
    "fault", [{"close": True}, {"reset": True}, {"html": True}, {"redirect": "http://127.0.0.1:9/"}]
)
def test_a_broken_or_foreign_reply_is_no_success(
    server: ContractServer, transport: Transport, fault: dict[str, object]
) -> None:
    server.script([fault, fault])
    assert transport.post(TRACES, compress(body())).verdict is Verdict.RETRY
    assert server.observations() == []
    server.script([])
    assert transport.post(TRACES, compress(body())).verdict is Verdict.DELIVERED


def test_a_reply_that_comes_before_the_body_was_read_is_heard(server: ContractServer) -> None:
    server.rules(max_length=1_000)
    transport = Transport(server.url, HEADERS)
    for _ in range(3):
        assert transport.post(TRACES, bytes(30_000_000)).verdict is Verdict.TOO_LARGE
    transport.close()


def test_an_endless_reply_is_read_to_its_limit_only(server: ContractServer, transport: Transport) -> None:
    server.script([{"endless": 10_000_000, "accept": True}])
    assert transport.post(TRACES, compress(body())).verdict is Verdict.DELIVERED
    assert transport.post(TRACES, compress(body())).verdict is Verdict.DELIVERED


def test_credentials_do_not_follow_a_redirect(server: ContractServer, own_server: ContractServer) -> None:
    transport = Transport(server.url, HEADERS)
    server.script([{"redirect": own_server.url + TRACES}])
    assert transport.post(TRACES, compress(body())).verdict is Verdict.RETRY
    assert own_server.requests() == []
    transport.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://no-such-host.invalid"])
def test_nobody_there_is_told_and_not_raised(url: str) -> None:
    reply = Transport(url, HEADERS).post(TRACES, compress([b"x"]))
    assert (reply.verdict, reply.reachable) == (Verdict.RETRY, False)


def test_a_server_without_tls_behind_an_https_address_is_told(server: ContractServer) -> None:
    reply = Transport(server.url.replace("http:", "https:"), HEADERS).post(TRACES, compress([b"x"]))
    assert (reply.verdict, reply.reachable) == (Verdict.RETRY, False)


@pytest.mark.parametrize("url", ["ftp://host", "host", "http://", "", "file:///etc/passwd"])
def test_an_address_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        Transport(url, HEADERS)


def test_the_proxy_of_the_environment_is_asked_for_a_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def refuse() -> None:
        connection, _ = listener.accept()
        heard.append(connection.recv(4096))
        connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
        connection.close()

    thread = threading.Thread(target=refuse)
    thread.start()
    monkeypatch.setenv("https_proxy", f"http://user:pass@127.0.0.1:{listener.getsockname()[1]}")
    monkeypatch.setenv("no_proxy", "")
    reply = Transport("https://langfuse.example", HEADERS).post(TRACES, compress([b"x"]))
    thread.join()
    listener.close()
    assert reply.verdict is Verdict.RETRY
    assert heard[0].startswith(b"CONNECT langfuse.example:443")
    assert b"Proxy-Authorization: Basic" in heard[0]
    assert b"\nAuthorization" not in heard[0]  # ours is for the server behind the tunnel


def test_no_text_holds_the_secret(server: ContractServer) -> None:
    transport = Transport(server.url.replace("//", "//user:sk-in-the-url@"), HEADERS)
    server.script([{"status": 500}, {"close": True}])
    texts = [repr(transport), str(transport), transport.origin]
    texts += [repr(transport.post(TRACES, compress([b"x"]))) for _ in range(3)]
    assert not any(SECRET_KEY in text or "sk-in-the-url" in text for text in texts)
    transport.close()


@pytest.mark.parametrize("chosen", [None, zlib.compressobj], ids=["isal", "where it is not installed"])
@pytest.mark.parametrize("size", [0, 1, 4_095, 65_536, 1_000_000])
def test_compression_gives_the_same_gzip_each_time(chosen: Any, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "_chosen", chosen)
    parts = [b"span %d " % number + b"x" * size for number in range(3)]
    packed = compress(parts)
    assert packed == compress(iter(parts))
    assert gzip.decompress(packed) == b"".join(parts)


def test_a_request_is_compressed_without_being_made_as_a_whole() -> None:
    spans = [encode_span(observation(input=f"{number} " * 1_000)) for number in range(400)]
    compress(frame_request(spans[:1], b"", b""))
    tracemalloc.start()
    try:
        parts = frame_request(spans, b"", b"")
        size = sum(map(len, parts))
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        packed = compress(parts)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 10 * len(packed)
    assert peak - before < size / 3

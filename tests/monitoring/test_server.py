"""The HTTP server: for this machine only, bounded, and never in the way of the application."""

from __future__ import annotations

import os
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from tests.monitoring.test_workers import until
from tests.ports import free_port
from tracing_proxies.monitoring.server import Answer, Server

HELLO = {"/hello": lambda accept: ("text/plain", b"hello " + accept.encode())}


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server(HELLO, lambda: None)
    found.listen_at(free_port())
    yield found
    found.close()


def _ask(port: int | None, asked: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port or 0), timeout=10) as connection:
        connection.sendall(asked)
        found = b""
        while piece := connection.recv(65_536):
            found += piece
        return found


def _get(path: str, host: str = "localhost", method: str = "GET", more: str = "") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode()


def test_it_answers_what_it_has_routes_for(server: Server) -> None:
    told = _ask(server.port, _get("/hello?x=1", more="Accept: text/plain\r\n"))
    assert told.startswith(b"HTTP/1.1 200 OK\r\n")
    assert told.endswith(b"\r\n\r\nhello text/plain")
    assert _ask(server.port, _get("/hello", method="HEAD")).endswith(b"\r\n\r\n")
    assert b" 404 " in _ask(server.port, _get("/other"))
    assert b" 405 " in _ask(server.port, _get("/hello", method="POST"))


def test_a_route_may_say_that_something_is_wrong(server: Server) -> None:
    server.routes["/ready"] = lambda accept: Answer("503 Service Unavailable", "text/plain", b"not yet\n")
    assert _ask(server.port, _get("/ready")).startswith(b"HTTP/1.1 503 Service Unavailable")


@pytest.mark.parametrize("host", ["localhost", "localhost:9464", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:9464"])
def test_who_asks_for_this_machine_is_answered(server: Server, host: str) -> None:
    assert b" 200 " in _ask(server.port, _get("/hello", host))


@pytest.mark.parametrize(
    "host", ["example.com", "example.com:9464", "127.0.0.1.example.com", "localhost.example.com:80"]
)
def test_a_page_of_somebody_elses_is_not_answered(server: Server, host: str) -> None:
    assert b" 403 " in _ask(server.port, _get("/hello", host))


def test_nobody_beyond_this_machine_can_connect(server: Server) -> None:
    found = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in found - {"127.0.0.1", "127.0.1.1"}:
        with pytest.raises(OSError), socket.create_connection((address, server.port or 0), timeout=2):
            pass


def test_who_says_nothing_or_too_much_is_hung_up_on_and_keeps_nobody_waiting(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port or 0), timeout=10) as silent:
        silent.sendall(b"GET /hello HT")
        assert b" 200 " in _ask(server.port, _get("/hello"))
        assert silent.recv(10) == b""  # after two seconds
    with socket.create_connection(("127.0.0.1", server.port or 0), timeout=10) as talker:
        try:
            for _ in range(100):
                talker.sendall(b"x" * 1_000)
            assert talker.recv(10) == b""
        except ConnectionError:
            pass
    waiting = [socket.create_connection(("127.0.0.1", server.port or 0), timeout=10) for _ in range(40)]
    assert b" 200 " in _ask(server.port, _get("/hello"))
    for connection in waiting:
        connection.close()


def test_a_large_answer_arrives_whole(server: Server) -> None:
    body = os.urandom(3_000_000)
    server.routes["/large"] = lambda accept: ("application/octet-stream", body)
    assert _ask(server.port, _get("/large")).partition(b"\r\n\r\n")[2] == body


def test_of_two_servers_one_has_the_port_and_the_other_takes_it_over(server: Server) -> None:
    port, second = server.port, Server(HELLO, lambda: None)
    second.listen_at(port)
    assert second.port is None
    server.close()
    second.listen()
    try:
        assert second.port == port
        assert b" 200 " in _ask(port, _get("/hello"))
    finally:
        second.close()
    with pytest.raises(OSError):
        _ask(port, _get("/hello"))


def test_it_rests_for_a_fork_and_the_child_has_nothing_of_it(server: Server) -> None:
    port = server.port
    server.rest()
    child = os.fork()
    if child == 0:
        server.forget()
        os._exit(server.port is not None)
    assert os.waitpid(child, 0)[1] == 0
    with socket.create_connection(("127.0.0.1", port or 0), timeout=10) as early:
        early.sendall(_get("/hello"))
        server.go_on()
        assert b" 200 " in early.recv(65_536)
    assert b" 200 " in _ask(port, _get("/hello"))


def test_another_port_or_none_takes_effect_at_once(server: Server) -> None:
    before, after = server.port, free_port()
    server.listen_at(after)
    assert b" 200 " in _ask(after, _get("/hello"))
    with pytest.raises(OSError):
        _ask(before, _get("/hello"))
    server.listen_at(None)
    assert server.port is None
    until(lambda: _refuses(after))


def _refuses(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/hello", timeout=5):
            time.sleep(0.05)
            return False
    except urllib.error.URLError:
        return True


def test_a_route_that_fails_is_an_error_of_its_own(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRACING_PROXIES_STRICT", raising=False)

    def fail(accept: str) -> tuple[str, bytes]:
        raise ValueError("secret")

    server.routes["/fails"] = fail
    told = _ask(server.port, _get("/fails"))
    assert b" 500 " in told
    assert b"secret" not in told
    assert b" 200 " in _ask(server.port, _get("/hello"))

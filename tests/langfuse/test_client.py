"""The client asks one server within its patience, repeats what a busy one did not take, and tells no key."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.contract.certificates import Authority
from tests.contract.proxy import Proxy
from tests.contract.server import ContractServer, start_server
from tracing_proxies.errors import ActivationError
from tracing_proxies.langfuse.client import ApiError, LangfuseClient, connect

SECRET = "sk-lf-a-secret"
PROJECTS = "/api/public/projects"


class Told:
    """A server that answers one after another what it was told to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.asked: list[tuple[str, str, str | None]] = []
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                told.asked.append((self.command, self.path, self.headers.get("Authorization")))
                status, headers, body = told.answers.pop(0)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_PATCH = do_DELETE = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                """Write nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, status: int, body: Any = None, **headers: str) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.append((status, {name.replace("_", "-"): value for name, value in headers.items()}, raw))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def told() -> Iterator[Told]:
    server = Told()
    yield server
    server.close()


def client_of(server: Told, patience: float = 5.0) -> LangfuseClient:
    return LangfuseClient(server.url, "pk-lf-a", SECRET, patience=patience)


def test_reads_are_repeated_while_the_server_is_busy(told: Told) -> None:
    told.answer(503, {})
    told.answer(429, {}, Retry_After="0")
    told.answer(200, {"data": []})
    assert client_of(told).get(PROJECTS) == {"data": []}
    assert len(told.asked) == 3


def test_what_creates_something_is_repeated_only_when_it_surely_was_not_taken(told: Told) -> None:
    told.answer(429, {}, Retry_After="0")
    told.answer(503, {"message": "later"})
    with pytest.raises(ApiError) as error:
        client_of(told).send("POST", "/api/public/x", {})
    assert (error.value.status, len(told.asked)) == (503, 2)


def test_a_pause_of_an_hour_is_not_waited_for(told: Told) -> None:
    told.answer(429, {"message": "slow down"}, Retry_After="3600")
    with pytest.raises(ApiError, match="HTTP 429 to GET /api/public/x: slow down"):
        client_of(told).get("/api/public/x", page=1)


def test_a_redirect_is_not_followed(told: Told) -> None:
    told.answer(302, {}, Location=told.url + "/elsewhere")
    with pytest.raises(ApiError, match="HTTP 302"):
        client_of(told).get(PROJECTS)
    assert [path for _, path, _ in told.asked] == [PROJECTS]


@pytest.mark.parametrize("body", [b"<html>sign in</html>", b"\xff\xfe", b'{"half'], ids=["page", "no text", "half"])
def test_what_is_no_json_is_told(told: Told, body: bytes) -> None:
    told.answer(200, body)
    with pytest.raises(ApiError, match="something else than JSON"):
        client_of(told).get(PROJECTS)


def test_a_path_before_the_api_is_kept(told: Told) -> None:
    told.answer(200, {})
    LangfuseClient(told.url + "/langfuse/", "pk", SECRET).get(PROJECTS)
    assert told.asked[0][1] == "/langfuse" + PROJECTS


def test_no_key_is_in_a_repr_or_an_error(told: Told) -> None:
    told.answer(401, {"message": "Invalid credentials"})
    client = client_of(told)
    with pytest.raises(ApiError) as error:
        client.get(PROJECTS)
    token = str(told.asked[0][2]).removeprefix("Basic ")
    assert len(token) > 20
    for text in (repr(client), str(error.value), repr(error.value), repr(client.__class__)):
        assert SECRET not in text
        assert token not in text


def test_pages_are_read_to_the_end(told: Told) -> None:
    for page in (1, 2, 3):
        told.answer(200, {"data": [page], "meta": {"page": page, "limit": 100, "totalItems": 3, "totalPages": 3}})
    assert client_of(told).pages("/api/public/x") == [1, 2, 3]
    told.answer(200, {"data": "none"})
    with pytest.raises(ApiError, match="no list"):
        client_of(told).pages("/api/public/x")


@pytest.mark.parametrize("address", ["", "localhost:3000", "ftp://x", "http://", "http://x:port", "http://[x"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ActivationError):
        LangfuseClient(address, "pk", SECRET)


def test_the_environment_names_the_server_unless_the_registry_does(monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"LANGFUSE_HOST": "http://old:1", "LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": SECRET}
    assert connect(environ).origin == "http://old:1"
    assert connect({**environ, "LANGFUSE_BASE_URL": "http://new:2"}).origin == "http://new:2"
    assert connect(environ, "https://registry").origin == "https://registry:443"


def test_certificates_are_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    server = start_server(authority.issue("localhost"))
    try:
        with pytest.raises(ApiError, match="certificate is not valid"):
            LangfuseClient(server.url, server.public_key, server.secret_key).get(PROJECTS)
        trusting = LangfuseClient(server.url, server.public_key, server.secret_key, tls=authority.trust())
        assert trusting.get(PROJECTS)["data"][0]["name"] == "test"
    finally:
        server.stop()


def test_the_proxy_of_the_environment_is_used(
    server: ContractServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    proxy = Proxy("user:word")
    tls = start_server(Authority(tmp_path).issue("localhost"))
    try:
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.setenv("HTTP_PROXY", f"http://user:word@{proxy.address}")
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:word@{proxy.address}")
        plain = LangfuseClient(server.url, server.public_key, server.secret_key)
        assert plain.get(PROJECTS)["data"][0]["name"] == "test"
        with pytest.raises(ApiError, match="certificate"):  # through the tunnel, and verified all the same
            LangfuseClient(tls.url, tls.public_key, tls.secret_key).get(PROJECTS)
        assert [asked["method"] for asked in proxy.seen()] == ["GET", "CONNECT"]
    finally:
        proxy.stop()
        tls.stop()

"""Proxies of the environment are used, those that NO_PROXY exempts are not, and nobody learns what is not for him."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.certificates import Authority
from tests.contract.proxy import Proxy
from tests.contract.server import SECRET_KEY, ContractServer, start_server
from tests.delivery.network import Application, langfuse
from tests.delivery.support import wait_until

Start = Callable[..., Application]
TRACES = "/api/public/otel/v1/traces"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="module")
def shared_proxy() -> Iterator[Proxy]:
    made = Proxy()
    yield made
    made.stop()


@pytest.fixture
def proxy(shared_proxy: Proxy) -> Proxy:
    shared_proxy.forget()
    return shared_proxy


@pytest.fixture(scope="module")
def guarded() -> Iterator[Proxy]:
    """A proxy that asks who one is."""
    made = Proxy("ana:s3cret%")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def secure(authority: Authority) -> Iterator[ContractServer]:
    made = start_server(authority.issue("localhost"))
    yield made
    made.stop()


def test_a_server_without_tls_is_asked_for_through_the_proxy(
    start: Start, server: ContractServer, proxy: Proxy, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
    application = start(langfuse(server.url, folder))
    application.make(12)
    assert application.ends_with(delivered=12)
    assert {(one["method"], one["target"]) for one in proxy.seen()} == {("POST", server.url + TRACES)}
    assert server.counts()["repeated"] == 0


def test_to_a_server_with_tls_it_is_asked_for_a_tunnel_and_sees_no_key(
    start: Start,
    secure: ContractServer,
    authority: Authority,
    proxy: Proxy,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secure.reset()
    monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
    application = start(langfuse(secure.url, folder, tls=authority.trust()))
    application.make(12)
    assert application.ends_with(delivered=12)
    assert {(one["method"], one["target"]) for one in proxy.seen()} == {("CONNECT", f"localhost:{secure.port}")}
    assert not any("authorization" in one["headers"] for one in proxy.seen())
    assert (secure.counts()["unique"], secure.counts()["repeated"]) == (12, 0)


def test_a_certificate_is_verified_behind_a_proxy_as_well(
    start: Start, secure: ContractServer, proxy: Proxy, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secure.reset()
    monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
    application = start(langfuse(secure.url, folder))
    application.make(2)
    assert application.is_left_alone()
    assert "its TLS certificate is not valid" in application.breaker["reason"]
    assert application.ends_with(spooled=2)
    assert secure.requests() == []


@pytest.mark.parametrize("exempt", ["127.0.0.1", "*", "127.0.0.1:{port}"])
def test_no_proxy_exempts_a_server(
    start: Start, server: ContractServer, proxy: Proxy, folder: Path, monkeypatch: pytest.MonkeyPatch, exempt: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.address}")
    monkeypatch.setenv("NO_PROXY", exempt.replace("{port}", str(server.port)))
    application = start(langfuse(server.url, folder))
    application.make(3)
    assert application.ends_with(delivered=3)
    assert proxy.seen() == []


def test_one_proxy_may_be_named_for_all(
    start: Start, server: ContractServer, proxy: Proxy, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"http://{proxy.address}")
    application = start(langfuse(server.url, folder))
    application.make(3)
    assert application.ends_with(delivered=3)
    assert proxy.seen()


@pytest.mark.parametrize("tls", [False, True])
def test_the_proxy_is_told_its_own_password_and_the_server_is_not(
    start: Start,
    server: ContractServer,
    secure: ContractServer,
    authority: Authority,
    guarded: Proxy,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    tls: bool,
) -> None:
    goal = secure if tls else server
    goal.reset()
    monkeypatch.setenv("HTTPS_PROXY" if tls else "HTTP_PROXY", f"http://ana:s3cret%25@{guarded.address}")
    application = start(langfuse(goal.url, folder, tls=authority.trust() if tls else None))
    application.make(3)
    assert application.ends_with(delivered=3)
    assert not any("proxy-authorization" in request["headers"] for request in goal.requests())
    assert "s3cret" not in str(application.pipeline.status())


@pytest.mark.parametrize("tls", [False, True])
def test_a_proxy_that_does_not_let_us_through_costs_no_span(
    start: Start,
    server: ContractServer,
    secure: ContractServer,
    authority: Authority,
    guarded: Proxy,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    tls: bool,
) -> None:
    goal = secure if tls else server
    goal.reset()
    variable = "HTTPS_PROXY" if tls else "HTTP_PROXY"
    monkeypatch.setenv(variable, f"http://ana:wr0ng@{guarded.address}")
    application = start(langfuse(goal.url, folder, tls=authority.trust() if tls else None))
    application.make(9)
    assert application.is_left_alone()
    assert "HTTP 407" in application.breaker["reason"]
    assert 290 < application.breaker["next_probe_in"] <= 300
    assert application.ends_with(spooled=9)
    told = str(application.pipeline.status())
    assert "wr0ng" not in told
    assert SECRET_KEY not in told
    monkeypatch.setenv(variable, f"http://ana:s3cret%25@{guarded.address}")
    application.retry_now()
    assert application.ends_with(delivered=9)
    assert goal.counts()["repeated"] == 0


@pytest.mark.parametrize("address", ["socks5://127.0.0.1:1080", "https://127.0.0.1:3128"])
def test_a_proxy_of_a_kind_that_we_do_not_speak_to_is_told(
    start: Start, server: ContractServer, folder: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", address)
    application = start(langfuse(server.url, folder))
    application.make(2)
    assert application.is_left_alone()
    assert f"is spoken to by {address.partition(':')[0]}, which is not supported" in application.breaker["reason"]
    assert application.ends_with(spooled=2)
    assert server.requests() == []


def test_a_proxy_that_is_not_there_is_an_outage_like_any_other(
    start: Start, server: ContractServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    application = start(langfuse(server.url, folder))
    application.make(4)
    assert application.is_left_alone()
    assert application.ends_with(spooled=4)
    monkeypatch.delenv("HTTP_PROXY")
    application.retry_now()
    assert application.ends_with(delivered=4)
    assert wait_until(lambda: application.breaker["state"] == "closed")

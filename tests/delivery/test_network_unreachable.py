"""Nobody there: refused, no route, no name, a slow name server, a connection that never comes about."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.server import ContractServer
from tests.delivery.network import Application, FullHouse, Names, langfuse
from tests.delivery.support import wait_until

Start = Callable[..., Application]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    made = Names("langfuse.example")
    monkeypatch.setattr(socket, "getaddrinfo", made)
    yield made
    made.gate.set()


@pytest.fixture
def full_house() -> Iterator[FullHouse]:
    made = FullHouse()
    yield made
    made.close()


def test_a_refused_connection_leaves_everything_on_disk_until_it_is_not(
    start: Start, own_server: ContractServer, folder: Path
) -> None:
    application = start(langfuse(own_server.url, folder))
    own_server.stop()
    application.make(30)
    assert application.is_left_alone()
    assert application.ends_with(spooled=30)
    assert f"{own_server.url} cannot be reached (Connection refused)" in application.breaker["reason"]
    assert not application.status["healthy"]
    own_server.restart()
    assert application.ends_with(delivered=30)
    assert (own_server.counts()["unique"], own_server.counts()["repeated"]) == (30, 0)
    assert application.breaker["state"] == "closed"
    assert application.status["healthy"]


def test_a_network_without_a_route_is_the_same(
    start: Start, server: ContractServer, folder: Path, names: Names
) -> None:
    names.answer = "255.255.255.255"  # no connection can be made to a broadcast address, whatever the routes are
    application = start(langfuse(server.url.replace("127.0.0.1", names.name), folder))
    application.make(12)
    assert application.is_left_alone()
    assert "cannot be reached (Network is unreachable)" in application.breaker["reason"]
    assert application.ends_with(spooled=12)
    names.answer = "127.0.0.1"
    application.retry_now()
    assert application.ends_with(delivered=12)
    assert server.counts()["repeated"] == 0


def test_a_name_that_nobody_knows_is_the_same(start: Start, server: ContractServer, folder: Path, names: Names) -> None:
    application = start(langfuse(server.url.replace("127.0.0.1", names.name), folder))
    application.make(12)
    assert application.is_left_alone()
    assert "its name cannot be resolved" in application.breaker["reason"]
    assert application.ends_with(spooled=12)
    names.answer = "127.0.0.1"
    application.retry_now()
    assert application.ends_with(delivered=12)
    assert server.counts()["repeated"] == 0


def test_a_name_server_that_does_not_answer_is_given_up_within_the_deadline_and_asked_once(
    start: Start, server: ContractServer, folder: Path, names: Names
) -> None:
    names.answer = "127.0.0.1"
    names.gate.clear()
    application = start(langfuse(server.url.replace("127.0.0.1", names.name), folder, connect_timeout=0.2))
    application.make(12)
    assert application.is_left_alone()
    assert "did not answer in time" in application.breaker["reason"]
    for _ in range(3):
        application.retry_now()
        assert application.tries()
    assert names.asked_by == ["tracing-resolver"], "by no thread of the application's, and not again while it is asked"
    assert application.ends_with(spooled=12)
    names.gate.set()
    application.retry_now()
    assert application.ends_with(delivered=12)
    assert server.counts()["repeated"] == 0


def test_a_connection_that_never_comes_about_is_given_up_at_the_deadline(
    start: Start, server: ContractServer, folder: Path, names: Names, full_house: FullHouse
) -> None:
    names.answer = "127.0.0.1"
    application = start(langfuse(f"http://{names.name}:{full_house.port}", folder, connect_timeout=0.2))
    application.make(12)
    assert application.is_left_alone()
    assert "did not answer in time" in application.breaker["reason"]
    assert application.ends_with(spooled=12)
    heir = start(langfuse(server.url, folder))
    application.pipeline.close(0.2)
    heir.pipeline.adopt()
    assert wait_until(lambda: server.counts()["unique"] == 12)
    assert server.counts()["repeated"] == 0


def test_of_two_addresses_the_one_that_answers_is_used(
    start: Start, server: ContractServer, folder: Path, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    def both(host: str, port: int, **named: int) -> list[tuple[object, ...]]:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, ("255.255.255.255", port)), (*kind, ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    application = start(langfuse(server.url.replace("127.0.0.1", names.name), folder))
    application.make(3)
    assert application.ends_with(delivered=3)


def test_a_dead_server_is_asked_with_one_small_request_at_a_time(
    start: Start, server: ContractServer, folder: Path
) -> None:
    server.rules(always={"status": 503})
    application = start(langfuse(server.url, folder))
    for count in (7, 40, 3):
        application.make(count)
    assert application.tries()
    probed = len(server.requests())
    for _ in range(6):
        application.retry_now()
        assert application.tries()
    assert application.breaker["state"] == "open"
    probes = server.requests()[probed:]
    assert all(probe["spans"] <= 7 for probe in probes), "the first request on disk, not all that would fit into one"
    assert len({probe["sha256"] for probe in probes}) == 1
    server.rules()
    application.retry_now()
    assert application.ends_with(delivered=50)
    assert server.counts()["repeated"] == 0

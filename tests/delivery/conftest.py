"""The fixtures of the delivery tests: a contract server, fresh for each test, in a process that all share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.server import ContractServer, start_server
from tests.delivery.network import Application
from tracing_proxies.delivery.sinks.protocol import Sink


@pytest.fixture(scope="session")
def shared_server() -> Iterator[ContractServer]:
    server = start_server()
    yield server
    server.stop()


@pytest.fixture
def server(shared_server: ContractServer) -> ContractServer:
    shared_server.reset()
    return shared_server


@pytest.fixture
def own_server() -> Iterator[ContractServer]:
    """A server that the test may stop and restart."""
    server = start_server()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures are contained, as in production; a test that wants them raised says so."""
    monkeypatch.delenv("TRACING_PROXIES_STRICT", raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where requests are kept."""
    return tmp_path / "spool"


@pytest.fixture
def start() -> Iterator[Callable[..., Application]]:
    """Start an application with these destinations; whatever a test did to it, its account must add up."""
    started: list[Application] = []

    def make(*sinks: Sink) -> Application:
        started.append(Application(*sinks))
        return started[-1]

    yield make
    for application in started:
        application.pipeline.close(0.2)
        application.account()

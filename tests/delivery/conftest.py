"""The fixtures of the delivery tests: a contract server, fresh for each test, in a process that all share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.server import ContractServer, start_server


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

"""One contract server for each file of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.server import ContractServer, start_server


@pytest.fixture(scope="module")
def running() -> Iterator[ContractServer]:
    server = start_server()
    yield server
    server.stop()


@pytest.fixture
def server(running: ContractServer) -> ContractServer:
    running.reset()
    return running

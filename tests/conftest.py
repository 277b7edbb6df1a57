"""What all tests share: nothing is written to the user's own folders, and a contract server for those that ask."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.contract.server import ContractServer, start_server
from tests.environment import BUDGET

# How long an example takes says more of the machine than of what is tested.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")


@pytest.fixture(autouse=True, scope="session")
def state_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep spools in a temporary folder, also those of processes that tests start."""
    folder = tmp_path_factory.mktemp("state")
    before = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(folder)
    # What is kept must not depend on how busy the machine is, but where a test is about just that.
    os.environ[BUDGET] = "unlimited"
    yield folder
    del os.environ[BUDGET]
    if before is None:
        del os.environ["XDG_STATE_HOME"]
    else:
        os.environ["XDG_STATE_HOME"] = before


@pytest.fixture(scope="module")
def running() -> Iterator[ContractServer]:
    """One contract server for each file of tests that asks for it."""
    server = start_server()
    yield server
    server.stop()


@pytest.fixture
def server(running: ContractServer) -> ContractServer:
    """The same, as new for each test."""
    running.reset()
    return running

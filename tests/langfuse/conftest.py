"""What is active against the contract server.

This folder is no package (it has no ``__init__.py``): as one it would hide Langfuse's SDK, since pytest puts the folder
above it first on the path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import tracing_proxies
from tests.contract.server import PUBLIC_KEY, SECRET_KEY, ContractServer
from tracing_proxies.testing import registry_from


@pytest.fixture
def environ(server: ContractServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name the server in the environment, in strict mode, with a spool of the test's own."""
    monkeypatch.setenv("TRACING_PROXIES_STRICT", "1")
    monkeypatch.setenv("LANGFUSE_BASE_URL", server.url)
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", PUBLIC_KEY)
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", SECRET_KEY)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("LANGFUSE_HOST", raising=False)


@pytest.fixture
def activate(environ: None) -> Iterator[Callable[[str], None]]:
    """Trace by the lines of a registry, into the server."""

    def activate(lines: str = "") -> None:
        tracing_proxies.activate(registry_from(f"version: 1\nsampling: {{ budget: unlimited }}\n{lines}"))

    yield activate
    tracing_proxies.deactivate()

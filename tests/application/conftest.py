"""The retail application, traced in this process from the project's own registry."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import tracing_proxies
from tracing_proxies.registry.loader import load_registry

ROOT = Path(__file__).parents[2]


@pytest.fixture
def traced(tmp_path: Path) -> Iterator[Path]:
    """Activate the project's registry with a store of its own, and return the store's path."""
    with activated(tmp_path / "store" / "traces.db") as store:
        yield store


@pytest.fixture(scope="module")
def traced_throughout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Do so once for a whole file of tests."""
    with activated(tmp_path_factory.mktemp("throughout") / "store" / "traces.db") as store:
        yield store


@contextmanager
def activated(store: Path) -> Iterator[Path]:
    """Hold the project's registry active, with its store at a path."""
    environ = {**os.environ, "TRACING_PROXIES__EXPORT__LOCAL__PATH": str(store)}
    tracing_proxies.activate(load_registry(ROOT / "registry.yaml", environ=environ))
    try:
        yield store
    finally:
        tracing_proxies.deactivate()

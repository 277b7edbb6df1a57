"""An application that is traced in this process, and its monitor."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import tracing_proxies
from tracing_proxies.monitoring.current import monitor
from tracing_proxies.monitoring.monitor import Monitor
from tracing_proxies.testing import registry_from

SHOP = """
trace:
  - match: tests.monitoring.shop:handle
    root: true
    observation: chain
    tags: ["source:{args.source}"]
    outcome: { participants: "'pricing, stock'" }
  - match: tests.monitoring.shop:Agent.decide
    observation: agent
    name: "{self.name}"
    outcome: { action: result.action, confidence: result.confidence, bold: result.bold }
  - match: tests.monitoring.shop:Agent.framework
    observation: agent
    name: "{self.name}"
  - match: tests.monitoring.shop:lookup
    observation: tool
    name: "{function}"
    error_when: result.status == "failed"
  - match: tests.monitoring.shop:send
    metadata: { sender: args.sender, recipient: args.recipient }
  - match: tests.monitoring.shop:settle
    outcome: { conflicts_detected: result.detected, conflicts_resolved: result.resolved }
  - match: ["tests.monitoring.shop:wait", "tests.monitoring.shop:hold"]
"""
Trace = Callable[..., Monitor]


def shop(settings: str = "export: { discard: {} }\nsampling: { budget: unlimited }\n", rules: str = SHOP) -> str:
    """Write a registry for the shop."""
    return f"version: 1\nservice: {{ name: shop-{os.getpid()} }}\n" + textwrap.dedent(settings) + textwrap.dedent(rules)


@pytest.fixture
def trace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Trace]:
    """Return what traces the shop in this process, strictly, and gives its monitor."""
    monkeypatch.setenv("TRACING_PROXIES_STRICT", "1")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    def activate(text: str | None = None) -> Monitor:
        tracing_proxies.activate(registry_from(shop() if text is None else text))
        found = monitor()
        assert found is not None
        return found

    yield activate
    tracing_proxies.deactivate()


@pytest.fixture(scope="session")
def promtool() -> str:
    """Return Prometheus's own tool; a package of Debian's."""
    return _program("promtool")


@pytest.fixture(scope="session")
def prometheus() -> str:
    """Return Prometheus itself."""
    return _program("prometheus")


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is not None:
        return found
    message = f"no {name} here: apt-get install prometheus"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)

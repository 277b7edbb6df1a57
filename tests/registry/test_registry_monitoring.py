"""The registry's block on metrics."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracing_proxies.errors import RegistryError
from tracing_proxies.registry.loader import parse_registry
from tracing_proxies.registry.model import MonitoringSettings


def _parse(block: str) -> MonitoringSettings:
    return parse_registry(f"version: 1\n{block}\n", base=Path()).monitoring


def test_nothing_listens_and_nothing_is_sent_unless_it_is_said() -> None:
    assert _parse("") == MonitoringSettings(port=None, interval=5 * 10**9, otlp=0)


def test_port_interval_and_collector_are_read() -> None:
    found = _parse("monitoring: { port: 9464, interval: 500ms, otlp: 1min }")
    assert found == MonitoringSettings(port=9464, interval=5 * 10**8, otlp=60 * 10**9)
    assert _parse("monitoring: { interval: off, otlp: off }") == MonitoringSettings(interval=0)


@pytest.mark.parametrize("port", ["0", "-1", "65536", "none", "'9464'", "9464.0", "true", "[9464]"])
def test_what_is_no_port_is_refused_where_it_stands(port: str) -> None:
    with pytest.raises(RegistryError, match=r":2:21 TP202 expected a port"):
        _parse(f"monitoring: {{ port: {port} }}")


def test_a_key_that_is_not_there_has_its_nearest_named() -> None:
    with pytest.raises(RegistryError, match=r"TP201 unknown key 'prot'.*Did you mean 'port'\?"):
        _parse("monitoring: { prot: 9464 }")

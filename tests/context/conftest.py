"""Spans of this process, and how they stand below one another."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from opentelemetry import trace as otel

import tracing_proxies
from tracing_proxies import runtime
from tracing_proxies.testing import CapturedSpan, capture_spans, registry_from

REGISTRY = """
version: 1
{use}
export: {{ discard: {{}} }}
trace:
  - match: tests.context.work:*
  - match: tests.context.work:unsampled
    sample: never
"""


@pytest.fixture
def trace_with(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], list[CapturedSpan]]]:
    """Trace with presets, and collect the spans; in the end none is open and none is current."""
    monkeypatch.setenv("TRACING_PROXIES_STRICT", "1")
    with capture_spans() as found:

        def activate(presets: str) -> list[CapturedSpan]:
            tracing_proxies.activate(registry_from(REGISTRY.format(use=f"use: [{presets}]" if presets else "")))
            return found

        try:
            yield activate
            active = runtime._runtime
            assert active is not None
            assert (active.recorder.open, active.recorder.traces) == ({}, {})
            assert otel.get_current_span() is otel.INVALID_SPAN
        finally:
            tracing_proxies.deactivate()


@pytest.fixture
def spans(trace_with: Callable[[str], list[CapturedSpan]]) -> list[CapturedSpan]:
    """Trace with the preset `threads`, and collect the spans."""
    return trace_with("threads")


def named(spans: list[CapturedSpan], name: str) -> list[CapturedSpan]:
    """Return the spans of a name, in the order of their ends."""
    return [span for span in spans if span.name == name]


def only(spans: list[CapturedSpan], name: str) -> CapturedSpan:
    """Return the one span of a name."""
    [found] = named(spans, name)
    return found


def assert_below(spans: list[CapturedSpan], parent: CapturedSpan) -> None:
    """Assert that spans stand directly below another, in its trace."""
    assert spans
    for span in spans:
        assert (span.trace_id, span.parent_id) == (parent.trace_id, parent.span_id), span.name

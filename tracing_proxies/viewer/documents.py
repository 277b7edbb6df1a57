"""The answers that the page's script asks for: the same for the live page and for the report."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import attrs

from tracing_proxies.registry.model import Registry
from tracing_proxies.viewer.flow import draw_flow
from tracing_proxies.viewer.spans import describe_spans, read_span, read_spans
from tracing_proxies.viewer.tracing import describe_processes, describe_registry, read_store

_ABOUT_A_TRACE = ("metadata", "tags", "session_id", "user_id", "service_name", "environment", "release", "start")


@attrs.frozen
class Surroundings:
    """What the page shows beside the store itself.

    Args:
        store: the store's file.
        registry: the one that holds here, None where there is none.
        langfuse: the address of the Langfuse server that traces go to, None where none is configured.
        retention: nanoseconds; what is older is not shown, though it may still be in the file. None shows everything.
    """

    store: Path
    registry: Registry | None = None
    langfuse: str | None = None
    retention: int | None = None

    def oldest(self, now: int) -> int | None:
        """Return the earliest start that is shown; both in nanoseconds since the epoch."""
        return None if self.retention is None else max(0, now - self.retention)


def describe_trace(
    connection: sqlite3.Connection, trace_id: str, around: Surroundings, now: int
) -> dict[str, Any] | None:
    """Describe a trace: its spans in brief, its flow, and what its top span says of it; None where there is none."""
    spans = read_spans(connection, trace_id)
    oldest = around.oldest(now)
    if not spans or (oldest is not None and spans[0].start < oldest):
        return None
    top = read_span(connection, trace_id, spans[0].id) or {}
    return {
        "id": trace_id,
        "spans": describe_spans(spans),
        "flow": draw_flow([spans]).plain(),
        "about": {key: top.get(key) for key in _ABOUT_A_TRACE},
        "langfuse": f"{around.langfuse.rstrip('/')}/trace/{trace_id}" if around.langfuse else None,
    }


def describe_tracing(connection: sqlite3.Connection | None, around: Surroundings) -> dict[str, Any]:
    """Describe the store, where there is one, the running processes, and the registry."""
    return {
        "store": read_store(connection, around.store) if connection is not None else None,
        "retention": None if around.retention is None else around.retention / 1e6,
        "processes": describe_processes(),
        "registry": describe_registry(around.registry),
    }

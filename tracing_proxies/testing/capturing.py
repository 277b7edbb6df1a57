"""Collects the spans of a piece of code, and reads a registry from text."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from tracing_proxies import listeners
from tracing_proxies.recording.observation import Observation
from tracing_proxies.registry.loader import parse_registry
from tracing_proxies.registry.model import Registry


@attrs.frozen
class CapturedSpan:
    """One span as it would be exported, masked; ``input`` and ``output`` are plain values, times in nanoseconds."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str | None
    type: str
    level: str
    status_message: str | None
    input: Any
    output: Any
    metadata: dict[str, Any]
    model: str | None
    usage: dict[str, int]
    user_id: str | None
    session_id: str | None
    tags: tuple[str, ...]
    trace_name: str
    start_time: int
    end_time: int


@contextmanager
def capture_spans() -> Iterator[list[CapturedSpan]]:
    """Collect every span that ends inside, in the order of their ends.

    It may be entered before, during or after activation. As long as it is open no span is left out by chance; a rule
    with ``sample: never`` still drops its spans.

    Returns:
        A list that grows as spans end.
    """
    spans: list[CapturedSpan] = []

    def listener(observation: Observation) -> None:
        spans.append(_captured(observation))

    listeners.add(listener)
    try:
        yield spans
    finally:
        listeners.remove(listener)


def registry_from(text: str) -> Registry:
    """Parse a registry from text, for ``tracing_proxies.activate``.

    Raises:
        RegistryError: it has mistakes; all of them are named.
    """
    return parse_registry(text, file="<text>", base=Path.cwd(), environ=os.environ)


def _captured(o: Observation) -> CapturedSpan:
    return CapturedSpan(
        name=o.name,
        trace_id=o.trace_id,
        span_id=o.id,
        parent_id=o.parent_observation_id,
        type=o.type,
        level=o.level,
        status_message=o.status_message,
        input=None if o.input is None else json.loads(o.input),
        output=None if o.output is None else json.loads(o.output),
        metadata=o.metadata,
        model=o.model,
        usage=o.usage_details,
        user_id=o.user_id,
        session_id=o.session_id,
        tags=o.tags,
        trace_name=o.trace_name,
        start_time=o.start_time,
        end_time=o.end_time,
    )

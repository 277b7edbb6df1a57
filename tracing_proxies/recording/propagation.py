"""The current span in HTTP headers: W3C Trace Context (https://www.w3.org/TR/trace-context/), read and written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import SpanContext, TraceFlags, TraceState

from tracing_proxies.recording.context import SPAN_KEY, SUPPRESSION_KEYS
from tracing_proxies.recording.ids import span_hex, trace_hex
from tracing_proxies.recording.span import Span
from tracing_proxies.recording.state import shortened, told_state
from tracing_proxies.recording.trace import RANDOM_TRACE_ID
from tracing_proxies.recording.unrecorded import Unrecorded, root_of
from tracing_proxies.sampling.rule import threshold

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_LONGEST_PARENT = 512
_FORBIDDEN_VERSION = "ff"
_KNOWN_FLAGS = TraceFlags.SAMPLED | RANDOM_TRACE_ID
_NAME = r"[a-z][_0-9a-z\-*/]{0,255}|[a-z0-9][_0-9a-z\-*/]{0,240}@[a-z][_0-9a-z\-*/]{0,13}"
_MEMBER = re.compile(rf"({_NAME})=([\x20-\x2b\x2d-\x3c\x3e-\x7e]{{0,255}}[\x21-\x2b\x2d-\x3c\x3e-\x7e])")
_MOST_MEMBERS = 32


def read_headers(parents: Sequence[str], states: Sequence[str] = ()) -> SpanContext | None:
    """Read the span that a request came from.

    Args:
        parents: the values of all its ``traceparent`` headers.
        states: the values of its ``tracestate`` headers, in their order.

    Returns:
        The remote span's context; None unless there is exactly one valid ``traceparent``. An invalid ``tracestate`` is
        left out (section 3.3: it never affects how ``traceparent`` is read).
    """
    if len(parents) != 1 or len(parents[0]) > _LONGEST_PARENT:
        return None
    found = _PARENT.fullmatch(parents[0].strip(" \t"))
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    # A later version may say more behind the four fields that this one knows; version 00 ends there.
    if version == _FORBIDDEN_VERSION or (version == "00" and more is not None):
        return None
    told = SpanContext(
        int(trace_id, 16),
        int(span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(int(flags, 16) & _KNOWN_FLAGS),
        trace_state=read_state(states),
    )
    return told if told.is_valid else None


def read_state(states: Sequence[str]) -> TraceState:
    """Read what other tracing systems have said about a trace, to be passed on unchanged.

    Args:
        states: the values of the ``tracestate`` headers, in their order.

    Returns:
        Its members in their order, within 512 characters (section 3.3.1.5: large members are left out first, then those
        at the end); nothing at all if any of it is invalid.
    """
    members: dict[str, str] = {}
    for text in ",".join(states).split(",") if states else ():
        member = text.strip(" \t")
        if not member:
            continue
        found = _MEMBER.fullmatch(member)
        if found is None or found[1] in members or len(members) == _MOST_MEMBERS:
            return TraceState()
        members[found[1]] = found[2]
    return TraceState(shortened(list(members.items())))


def write_headers(context: Context) -> dict[str, str]:
    """Write the current span of a context as headers.

    Returns:
        ``traceparent``, and ``tracestate`` where the trace has one; nothing if no span is current, if a rule says that
        it is never recorded, or if instrumentation is suppressed.
    """
    span = context.get(SPAN_KEY)
    if span is None or any(context.get(key) for key in SUPPRESSION_KEYS):
        return {}
    told = told_to_others(span, context)
    if not told.is_valid:
        return {}
    flags = int(told.trace_flags) & 0xFF
    headers = {TRACEPARENT: f"00-{trace_hex(told.trace_id)}-{span_hex(told.span_id)}-{flags:02x}"}
    if told.trace_state:
        headers[TRACESTATE] = told.trace_state.to_header()
    return headers


def context_of(span: Any) -> SpanContext:
    """Return the ids of a span, whosever it is."""
    told: SpanContext = (
        span.own_context() if type(span) is Span or type(span) is Unrecorded else span.get_span_context()
    )
    return told


def told_to_others(span: Any, context: Context) -> SpanContext:
    """Return the ids of a span with what other services are to know of sampling: R, and T if it is kept.

    A trace that is still undecided is decided now, so that all its parts are kept or none (OpenTelemetry, "TraceState:
    Probability Sampling").
    """
    told = context_of(span)
    if type(span) is Unrecorded:
        root = root_of(span, context)
        if not root.trace_id:
            return told
        told, kept, random, least = root.own_context(), False, root.random, None
    elif type(span) is Span:
        held = span.trace.held
        if held is None:
            return told
        kept, random = held.tail.settle(held), held.random
        least = threshold(held.recorded) if kept else None
    else:
        return told
    flags = TraceFlags((TraceFlags.SAMPLED if kept else TraceFlags.DEFAULT) | told.trace_flags & RANDOM_TRACE_ID)
    return SpanContext(told.trace_id, told.span_id, False, flags, told_state(told.trace_state, random, least))
